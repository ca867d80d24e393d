"""Building blocks of workloads: catalogues of invented types, selectors, rules, pods."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from domain import labels as keys
from domain.market import Arch, CapacityType, Catalog, InstanceType, Offering, Pool, Zone
from domain.policy import Capacity, Policy
from domain.resources import Resources
from domain.selectors import LabelSelector, Operator, Requirement
from domain.snapshot import Snapshot
from domain.units import MIB
from domain.workload import Owner, Pod, PodTerm, SpreadConstraint

NAMESPACE = "bench"

AS_OF = date(2026, 1, 1)
"""Date of invented catalogues; none of their prices is a market price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A cluster to plan, the market to plan it in, and what is allowed.

    ``notes`` are decisions of the generator that a reader of the figures must know.
    """

    name: str
    snapshot: Snapshot
    catalog: Catalog
    policy: Policy
    notes: tuple[str, ...] = ()


def price_only(capacity: Capacity) -> Policy:
    """A policy whose objective is the price alone, so that cost and bound compare with published figures."""
    return Policy(capacity=capacity, risk_premium=0.0, allow_bare_metal=True)


def zones_named(*names: str) -> tuple[Zone, ...]:
    """Invented zones whose id is their name."""
    return tuple(Zone(id=name, name=name) for name in names)


def offering(region: str, zone: Zone, *, instance_type: str, capacity_type: CapacityType, price: float) -> Offering:
    """An offering of an invented market: the price is known by zone, AWS never takes a node."""
    return Offering(
        pool=Pool(region=region, zone_id=zone.id, instance_type=instance_type),
        zone=zone,
        capacity_type=capacity_type,
        price_usd_per_h=price,
        price_known_by_zone=True,
    )


def invented_type(name: str, arch: Arch, *, vcpu: int, memory_bytes: int, allocatable: Resources) -> InstanceType:
    """An instance type of an invented catalogue."""
    return InstanceType(name=name, arch=arch, vcpu=vcpu, memory_bytes=memory_bytes, allocatable=allocatable)


def invented_catalog(region: str, types: Iterable[InstanceType], *, offerings: Iterable[Offering]) -> Catalog:
    """A catalogue of invented types."""
    return Catalog(region=region, as_of=AS_OF, types={it.name: it for it in types}, offerings=tuple(offerings))


def matching(labels: Mapping[str, str]) -> LabelSelector:
    """The selector that ``matchLabels`` stands for."""
    wanted = sorted(labels.items())
    return LabelSelector(
        requirements=tuple(Requirement(key=key, operator=Operator.IN, values=(value,)) for key, value in wanted)
    )


def spread_over(topology_key: str, labels: Mapping[str, str]) -> SpreadConstraint:
    """Spread with a skew of at most 1, the only one the public workloads use."""
    return SpreadConstraint(topology_key=topology_key, max_skew=1, selector=matching(labels))


def term(topology_key: str, labels: Mapping[str, str]) -> PodTerm:
    """A pod (anti-)affinity term within the namespace of the workload."""
    return PodTerm(topology_key=topology_key, selector=matching(labels), namespaces=(NAMESPACE,))


def amounts(cpu_mcpu: int, memory_mib: int, *, gpus: int = 0) -> Resources:
    """Requests of one pod."""
    extended = (("nvidia.com/gpu", gpus),) if gpus else ()
    return Resources(cpu_mcpu=cpu_mcpu, memory_bytes=memory_mib * MIB, pods=1, extended=extended)


def deployment(
    name: str,
    requests: Resources,
    *,
    replicas: int,
    spread: Sequence[str] = (),
    anti_affinity: Sequence[str] = (),
    do_not_disrupt: str = "",
) -> list[Pod]:
    """Pending pods of one Deployment; ``spread`` and ``anti_affinity`` are topology keys, over its own pods."""
    labels = {"app": name}
    return [
        Pod(
            namespace=NAMESPACE,
            name=f"{name}-{index}",
            requests=requests,
            labels=labels,
            owner=Owner(kind="Deployment", name=name),
            spread=tuple(spread_over(key, labels) for key in spread),
            anti_affinity=tuple(term(key, labels) for key in anti_affinity),
            do_not_disrupt=do_not_disrupt,
        )
        for index in range(replicas)
    ]


def unplaced(region: str, zones: tuple[Zone, ...], *, pods: Iterable[Pod]) -> Snapshot:
    """A cluster without nodes: all pods pending, the fleet is planned from scratch."""
    return Snapshot(region=region, zones=zones, nodes=(), pods=tuple(pods))


HOST, ZONE = keys.HOSTNAME, keys.ZONE
