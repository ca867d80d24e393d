"""Pods, market and rules as arrays for the baseline packer's kernel."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from domain import labels as keys
from domain.market import CapacityType, Catalog, InstanceType, Zone
from domain.node import DEFAULT_TEMPLATE, labels_of_launched_node
from domain.policy import Capacity, Policy
from domain.resources import Resources
from domain.selectors import LabelSelector, Operator
from domain.workload import Pod
from tests.benchmarks.baselines.judge import admits, selects

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Labels = dict[str, str]

_CAPACITY_TYPES = {
    Capacity.SPOT: (CapacityType.SPOT,),
    Capacity.ON_DEMAND: (CapacityType.ON_DEMAND,),
    Capacity.MIXED: (CapacityType.SPOT, CapacityType.ON_DEMAND),
}
_ZONE_KEYS = (keys.ZONE, keys.ZONE_ID)


class Kind(IntEnum):
    """What a rule asks for."""

    SPREAD = 0
    AFFINITY = 1
    ANTI_AFFINITY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A topology rule over hosts or zones: classes in ``bound`` obey it, classes in ``counted`` count for it."""

    kind: Kind
    on_host: bool
    max_skew: int
    bound: frozenset[int]
    counted: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Types (largest first) and zones. ``price[t, z]`` is infinite where a type is not sold."""

    region: str
    types: tuple[InstanceType, ...]
    zones: tuple[Zone, ...]
    resources: tuple[str, ...]
    allocatable: Ints
    price: Floats
    capacity_type: tuple[tuple[CapacityType, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Pods by class: pods of one class are alike in all that the packer looks at.

    ``shape_of_class`` indexes ``requests``; ``scheme_of_class`` indexes ``schemes`` (what pods demand of a node itself)
    and ``admitted[scheme, type, zone]``.
    """

    pods: tuple[Pod, ...]
    class_of: Ints
    representatives: tuple[Pod, ...]
    shape_of_class: Ints
    requests: Ints
    scheme_of_class: Ints
    schemes: tuple[Pod, ...]
    admitted: Bools
    rules: tuple[Rule, ...]


def encode_market(catalog: Catalog, policy: Policy, *, resources: Sequence[str]) -> Market:
    """The offerings of the capacity types that the policy allows; the rest of a policy is not the baseline's."""
    zones = tuple(sorted({offering.zone for offering in catalog.offerings}))
    index = {zone.id: i for i, zone in enumerate(zones)}
    sold: dict[str, list[tuple[float, CapacityType]]] = {}
    for offering in catalog.offerings:
        if offering.capacity_type in _CAPACITY_TYPES[policy.capacity]:
            row = sold.setdefault(offering.pool.instance_type, [(np.inf, CapacityType.ON_DEMAND)] * len(zones))
            z = index[offering.zone.id]
            row[z] = min(row[z], (offering.price_usd_per_h, offering.capacity_type))
    types = tuple(sorted((catalog.types[name] for name in sold), key=_largest_first))
    return Market(
        region=catalog.region,
        types=types,
        zones=zones,
        resources=tuple(resources),
        allocatable=vectors([it.allocatable for it in types], resources),
        price=np.array([[price for price, _ in sold[it.name]] for it in types], dtype=np.float64),
        capacity_type=tuple(tuple(capacity_type for _, capacity_type in sold[it.name]) for it in types),
    )


def encode_demand(pods: Sequence[Pod], market: Market) -> Demand:
    """Classes of the pods, where each may run, and the rules among them."""
    class_of, representatives = _group(pods, _all_that_matters)
    shape_of_class, shapes = _group(representatives, lambda pod: pod.requests)
    scheme_of_class, schemes = _group(representatives, _node_demands)
    return Demand(
        pods=tuple(pods),
        class_of=class_of,
        representatives=tuple(representatives),
        shape_of_class=shape_of_class,
        requests=vectors([pod.requests for pod in shapes], market.resources),
        scheme_of_class=scheme_of_class,
        schemes=tuple(schemes),
        admitted=np.stack([_admitted(pod, market) for pod in schemes]),
        rules=tuple(_rules(representatives)),
    )


def resource_names(pods: Iterable[Pod]) -> tuple[str, ...]:
    """The resources that some pod asks for."""
    return tuple(sorted({name for pod in pods for name, amount in pod.requests.items() if amount}))


def vectors(amounts: Sequence[Resources], resources: Sequence[str]) -> Ints:
    """Amounts as rows, in the order of the resource names."""
    rows = [[dict(amount.items()).get(name, 0) for name in resources] for amount in amounts]
    return np.array(rows, dtype=np.int64).reshape(len(rows), len(resources))


def _largest_first(it: InstanceType) -> tuple[int, int, str]:
    return -it.allocatable.cpu_mcpu, -it.allocatable.memory_bytes, it.name


def _group(pods: Iterable[Pod], key: Callable[[Pod], object]) -> tuple[Ints, list[Pod]]:
    seen: dict[object, int] = {}
    first: list[Pod] = []
    group_of: list[int] = []
    for pod in pods:
        index = seen.setdefault(key(pod), len(seen))
        if index == len(first):
            first.append(pod)
        group_of.append(index)
    return np.array(group_of, dtype=np.int64), first


def _node_demands(pod: Pod) -> object:
    return pod.node_selector, pod.node_affinity, pod.volume_affinity, pod.tolerations


def _all_that_matters(pod: Pod) -> object:
    labels = tuple(sorted(pod.labels.items()))
    topology = (pod.affinity, pod.anti_affinity, pod.spread)
    return pod.namespace, labels, pod.requests, _node_demands(pod), topology


def _admitted(pod: Pod, market: Market) -> Bools:
    result = np.isfinite(market.price)
    if any((pod.node_selector, pod.node_affinity, pod.volume_affinity)):
        for t, z in zip(*np.nonzero(result), strict=True):
            result[t, z] = admits(pod, _labels(market, int(t), int(z)))
    return result


def _labels(market: Market, t: int, z: int) -> Labels:
    return labels_of_launched_node(
        DEFAULT_TEMPLATE,
        instance_type=market.types[t],
        zone=market.zones[z],
        region=market.region,
        capacity_type=market.capacity_type[t][z],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Term:
    kind: Kind
    on_host: bool
    max_skew: int
    selector: LabelSelector | None
    namespaces: tuple[str, ...] | None


def _rules(classes: Sequence[Pod]) -> Iterator[Rule]:
    bound: dict[_Term, set[int]] = {}
    by_label: dict[tuple[str, str], list[int]] = {}
    for c, pod in enumerate(classes):
        for item in pod.labels.items():
            by_label.setdefault(item, []).append(c)
        for term in _terms(pod):
            bound.setdefault(term, set()).add(c)
    for term, bound_classes in bound.items():
        near = _may_match(term.selector, by_label, everyone=range(len(classes)))
        counted = frozenset(c for c in near if _selected(classes[c], term))
        rule = Rule(
            kind=term.kind,
            on_host=term.on_host,
            max_skew=term.max_skew,
            bound=frozenset(bound_classes),
            counted=counted,
        )
        yield rule
        if term.kind == Kind.ANTI_AFFINITY and rule.bound != rule.counted:
            # Anti-affinity also keeps the selected pods away from its owners.
            yield replace(rule, bound=rule.counted, counted=rule.bound)


def _may_match(
    selector: LabelSelector | None, by_label: Mapping[tuple[str, str], list[int]], *, everyone: Iterable[int]
) -> Iterable[int]:
    """Classes worth a look: those with a label that the selector demands, else all."""
    for requirement in selector.requirements if selector else ():
        if requirement.operator == Operator.IN and len(requirement.values) == 1:
            return by_label.get((requirement.key, requirement.values[0]), [])
    return everyone


def _terms(pod: Pod) -> Iterator[_Term]:
    for spread in pod.spread:
        on_host = _is_host(spread.topology_key)
        own = (pod.namespace,)
        yield _Term(
            kind=Kind.SPREAD, on_host=on_host, max_skew=spread.max_skew, selector=spread.selector, namespaces=own
        )
    for kind, terms in ((Kind.AFFINITY, pod.affinity), (Kind.ANTI_AFFINITY, pod.anti_affinity)):
        for term in terms:
            on_host = _is_host(term.topology_key)
            yield _Term(kind=kind, on_host=on_host, max_skew=0, selector=term.selector, namespaces=term.namespaces)


def _is_host(topology_key: str) -> bool:
    if topology_key not in (keys.HOSTNAME, *_ZONE_KEYS):
        raise ValueError(f"the baseline knows hosts and zones, not {topology_key}")
    return topology_key == keys.HOSTNAME


def _selected(pod: Pod, term: _Term) -> bool:
    return (term.namespaces is None or pod.namespace in term.namespaces) and selects(term.selector, pod.labels)
