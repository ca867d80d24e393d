"""Running clusters of a given size whose Deployments were scaled down: what consolidation has to clear up.

The cluster is filled by the Karpenter-style packer (so it starts as a Karpenter cluster would) with on-demand nodes of
2 to 8 vCPU of current general families, then a share of the pods of every Deployment goes away at random, as when a
ReplicaSet shrinks. On-demand, because Karpenter replaces Spot by Spot only behind a feature gate.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from adapters.catalog import load_catalog
from domain import labels as keys
from domain.market import Arch, CapacityType, Catalog
from domain.node import DEFAULT_TEMPLATE, Node, labels_of_launched_node
from domain.policy import Capacity
from domain.resources import Resources
from domain.snapshot import Snapshot
from domain.workload import Owner, Pod, PodDisruptionBudget, Toleration
from tests.benchmarks.baselines.first_fit import PackedNode, pack_from_scratch
from tests.benchmarks.workloads.parts import (
    HOST,
    NAMESPACE,
    ZONE,
    Workload,
    amounts,
    deployment,
    matching,
    price_only,
    unplaced,
)

REGION = "us-east-1"
FAMILIES = ("c6i", "m6i", "r6i", "c7i", "m7i", "r7i")
VCPUS = (2, 4, 8)
ZONE_IDS = ("use1-az1", "use1-az2", "use1-az4")
SEED = 7
PODS_PER_NODE = 7
"""How many pods of the mix a node gets, about: decides how many are generated for a number of nodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A kind of Deployment. ``share`` of all pods; replicas are drawn between ``fewest`` and ``most``."""

    name: str
    cpu_mcpu: int
    memory_mib: int
    share: float
    fewest: int
    most: int
    spread: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    budget: float = 0.0


APPS = (
    App(name="web", cpu_mcpu=250, memory_mib=512, share=0.22, fewest=4, most=30, spread=(ZONE,), budget=0.25),
    App(name="api", cpu_mcpu=500, memory_mib=1024, share=0.2, fewest=3, most=20, spread=(ZONE,), budget=0.25),
    App(name="service", cpu_mcpu=1000, memory_mib=3072, share=0.2, fewest=2, most=12, budget=0.25),
    App(name="java", cpu_mcpu=1500, memory_mib=6144, share=0.12, fewest=2, most=10, apart=(HOST,), budget=0.25),
    App(name="worker", cpu_mcpu=2000, memory_mib=4096, share=0.12, fewest=1, most=25),
    App(name="cache", cpu_mcpu=500, memory_mib=8192, share=0.07, fewest=2, most=6, apart=(HOST,), budget=0.25),
    App(name="tool", cpu_mcpu=100, memory_mib=256, share=0.07, fewest=1, most=2),
)
"""Invented, in the proportions usual for a company's shared cluster: many small stateless pods, few large ones."""

DAEMONS = (("logs", amounts(50, 100)), ("network", amounts(50, 120)))
PROTECTED_SHARE = 0.01
"""Deployments whose pods say ``do-not-disrupt``."""


def running_cluster(nodes: int, *, kept: float, seed: int = SEED) -> Workload:
    """A cluster of ``nodes`` nodes of which each Deployment kept this share of its pods (at least one)."""
    market = catalog()
    packed = _packed(nodes, market, seed=seed)
    rng = random.Random(seed + 1)
    names = [f"node-{index:05d}" for index in range(len(packed))]
    pods = [replace(pod, node_name=name) for name, node in zip(names, packed, strict=True) for pod in node.pods]
    left = list(_scaled_down(pods, kept, rng=rng))
    snapshot = Snapshot(
        region=REGION,
        zones=tuple(sorted({o.zone for o in market.offerings})),
        nodes=tuple(_node(name, node) for name, node in zip(names, packed, strict=True)),
        pods=(*left, *(daemon for name in names for daemon in _daemons(name))),
        budgets=tuple(_budgets(left)),
        daemonsets=tuple(_daemons("")),
    )
    policy = replace(price_only(Capacity.ON_DEMAND), families=FAMILIES, allow_bare_metal=False)
    return Workload(name=f"running-{nodes}-{kept:.0%}", snapshot=snapshot, catalog=market, policy=policy)


def catalog() -> Catalog:
    """On-demand offerings of the allowed families and sizes in three zones."""
    zones = tuple(zone for zone in sorted({o.zone for o in load_catalog(REGION).offerings}) if zone.id in ZONE_IDS)
    full = load_catalog(REGION, zones=zones)
    types = {
        name: it
        for name, it in full.types.items()
        if it.family in FAMILIES and it.vcpu in VCPUS and it.arch == Arch.AMD64
    }
    offerings = tuple(
        o for o in full.offerings if o.pool.instance_type in types and o.capacity_type == CapacityType.ON_DEMAND
    )
    return Catalog(region=REGION, as_of=full.as_of, types=types, offerings=offerings, notes=full.notes)


def _packed(nodes: int, market: Catalog, *, seed: int) -> tuple[PackedNode, ...]:
    """Exactly as many nodes: pods are generated until there are enough, what is over is left out with its pods."""
    count = nodes * PODS_PER_NODE
    while True:
        pods = list(_deployments(count, random.Random(seed)))
        fleet = pack_from_scratch(_waiting(pods, _less_daemons(market))).nodes
        if len(fleet) >= nodes:
            return tuple(random.Random(seed).sample(fleet, nodes))
        count += count // 4


def _waiting(pods: list[Pod], market: Catalog) -> Workload:
    zones = tuple(sorted({o.zone for o in market.offerings}))
    return Workload(
        name="filling",
        snapshot=unplaced(REGION, zones, pods=pods),
        catalog=market,
        policy=price_only(Capacity.ON_DEMAND),
    )


def _less_daemons(market: Catalog) -> Catalog:
    """Types as what is left beside the daemons of every node."""
    taken = Resources()
    for _, requests in DAEMONS:
        taken += requests
    types = {name: replace(it, allocatable=it.allocatable.minus_floored(taken)) for name, it in market.types.items()}
    return replace(market, types=types)


def _deployments(count: int, rng: random.Random) -> Iterator[Pod]:
    for app in APPS:
        made = index = 0
        while made < count * app.share:
            replicas = rng.randint(app.fewest, app.most)
            yield from deployment(
                f"{app.name}-{index:04d}",
                amounts(app.cpu_mcpu, app.memory_mib),
                replicas=replicas,
                spread=app.spread,
                anti_affinity=app.apart,
                do_not_disrupt=keys.DO_NOT_DISRUPT if rng.random() < PROTECTED_SHARE else "",
            )
            made, index = made + replicas, index + 1


def _scaled_down(pods: Iterable[Pod], kept: float, *, rng: random.Random) -> Iterator[Pod]:
    for _, group in _by_owner(pods):
        yield from rng.sample(group, max(1, round(len(group) * kept)))


def _by_owner(pods: Iterable[Pod]) -> list[tuple[str, list[Pod]]]:
    groups: dict[str, list[Pod]] = {}
    for pod in pods:
        groups.setdefault(pod.labels["app"], []).append(pod)
    return sorted(groups.items())


def _budgets(pods: Iterable[Pod]) -> Iterator[PodDisruptionBudget]:
    share = {app.name: app.budget for app in APPS}
    for name, group in _by_owner(pods):
        allowed = share[name.rsplit("-", 1)[0]]
        if allowed:
            yield PodDisruptionBudget(
                namespace=NAMESPACE,
                name=name,
                selector=matching({"app": name}),
                disruptions_allowed=max(1, round(len(group) * allowed)),
            )


def _daemons(node_name: str) -> Iterator[Pod]:
    for name, requests in DAEMONS:
        yield Pod(
            namespace="kube-system",
            name=f"{name}-{node_name}" if node_name else name,
            requests=requests,
            labels={"app": name},
            owner=Owner(kind="DaemonSet", name=name),
            node_name=node_name,
            tolerations=(Toleration(exists=True),),
            is_daemon=True,
        )


def _node(name: str, packed: PackedNode) -> Node:
    it, zone = packed.instance_type, packed.zone
    labels = labels_of_launched_node(
        DEFAULT_TEMPLATE, instance_type=it, zone=zone, region=REGION, capacity_type=packed.capacity_type
    )
    return Node(
        name=name,
        labels=labels | {keys.HOSTNAME: name},
        allocatable=_full(it.allocatable),
        zone=zone,
        capacity_type=packed.capacity_type,
        instance_type=it.name,
        template=DEFAULT_TEMPLATE.name,
        price_usd_per_h=packed.price_usd_per_h,
    )


def _full(less_daemons: Resources) -> Resources:
    for _, requests in DAEMONS:
        less_daemons += requests
    return less_daemons
