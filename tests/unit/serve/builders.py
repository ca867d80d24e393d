"""A cluster, a catalogue and a plan made by hand, of any size, the same for the same arguments."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime

from domain.market import Arch, CapacityType, Catalog, InstanceType, Offering, Pool, Zone
from domain.node import Node, NodeTemplate
from domain.plan import (
    Action,
    ActionKind,
    Alternative,
    KeptNode,
    Plan,
    PlannedNode,
    Progress,
    Reason,
    Risk,
    Unschedulable,
)
from domain.resources import Resources
from domain.snapshot import Snapshot
from domain.units import GIB
from domain.workload import Owner, Pod

ZONES = tuple(Zone(id=f"use1-az{i}", name=f"us-east-1{letter}") for i, letter in ((1, "a"), (2, "b"), (4, "c")))
TYPES = {
    "m5.xlarge": (4, 16, 0.192),
    "m5.2xlarge": (8, 32, 0.384),
    "r5.xlarge": (4, 32, 0.252),
    "c5.4xlarge": (16, 32, 0.68),
    "m6a.4xlarge": (16, 64, 0.6912),
    "m7i.2xlarge": (8, 32, 0.4032),
    "r6i.2xlarge": (8, 64, 0.504),
}
SPOT_FACTOR = 0.34
NAMESPACES = ("web", "payments", "search", "batch", "data", "monitoring", "kube-system")
SPOT, ON_DEMAND = CapacityType.SPOT, CapacityType.ON_DEMAND


def make_type(name: str, *, vcpu: int = 4, memory_gib: int = 16, arch: Arch = Arch.AMD64) -> InstanceType:
    """An instance type with a plausible allocatable."""
    room = Resources(
        cpu_mcpu=vcpu * 1000 - 90,
        memory_bytes=int(memory_gib * GIB * 0.93),
        pods=58 if vcpu < 16 else 234,
        ephemeral_bytes=18 * GIB,
    )
    return InstanceType(name=name, arch=arch, vcpu=vcpu, memory_bytes=memory_gib * GIB, allocatable=room)


def make_catalog() -> Catalog:
    """The types above in three zones, Spot and on-demand."""
    types = {name: make_type(name, vcpu=vcpu, memory_gib=gib) for name, (vcpu, gib, _) in TYPES.items()}
    offerings = []
    for name, (_, _, price) in TYPES.items():
        for number, zone in enumerate(ZONES):
            pool = Pool(region="us-east-1", zone_id=zone.id, instance_type=name)
            offerings.append(Offering(pool=pool, zone=zone, capacity_type=ON_DEMAND, price_usd_per_h=price))
            spot = price * SPOT_FACTOR * (1 + 0.05 * number)
            offering = Offering(
                pool=pool, zone=zone, capacity_type=SPOT, price_usd_per_h=spot, interruption_per_month=0.05
            )
            offerings.append(offering)
    return Catalog(region="us-east-1", as_of=date(2026, 10, 1), types=types, offerings=tuple(offerings))


CATALOG = make_catalog()


def make_node(name: str, *, instance_type: str = "m5.2xlarge", zone: Zone = ZONES[0], spot: bool = False) -> Node:
    """A running node of the catalogue."""
    bought = SPOT if spot else ON_DEMAND
    return Node(
        name=name,
        labels={"kubernetes.io/hostname": name},
        allocatable=CATALOG.types[instance_type].allocatable,
        zone=zone,
        capacity_type=bought,
        instance_type=instance_type,
        template="batch" if instance_type.startswith("c5") else "general",
        price_usd_per_h=CATALOG.price(instance_type, zone_id=zone.id, capacity_type=bought),
        interruption_per_month=0.08 if spot else 0.0,
    )


def make_pod(name: str, *, namespace: str = "web", node: str = "", cpu: float = 0.5, memory_gib: float = 1.0) -> Pod:
    """A pod of a deployment."""
    return Pod(
        namespace=namespace,
        name=name,
        requests=Resources(cpu_mcpu=int(cpu * 1000), memory_bytes=int(memory_gib * GIB), pods=1),
        owner=Owner(kind="Deployment", name=name.rsplit("-", 1)[0]),
        node_name=node,
    )


def make_planned(
    name: str, *, instance_type: str = "m6a.4xlarge", zone: Zone = ZONES[0], pods: tuple[str, ...] = ()
) -> PlannedNode:
    """A new Spot node."""
    return PlannedNode(
        name=name,
        existing=False,
        instance_type=instance_type,
        zone=zone,
        capacity_type=SPOT,
        template="general",
        price_usd_per_h=CATALOG.price(instance_type, zone_id=zone.id, capacity_type=SPOT),
        interruption_per_month=0.05,
        allocatable=CATALOG.types[instance_type].allocatable,
        labels={"karpenter.sh/capacity-type": "spot"},
        taints=(),
        pods=pods,
    )


def as_planned(node: Node, *, pods: tuple[str, ...]) -> PlannedNode:
    """A running node that stays."""
    return PlannedNode(
        name=node.name,
        existing=True,
        instance_type=node.instance_type,
        zone=node.zone,
        capacity_type=node.capacity_type,
        template=node.template,
        price_usd_per_h=node.price_usd_per_h,
        interruption_per_month=node.interruption_per_month,
        allocatable=node.allocatable,
        labels=node.labels,
        taints=node.taints,
        pods=pods,
    )


def make_snapshot(*, nodes: int = 12, pods_per_node: int = 8, seed: int = 7) -> Snapshot:
    """Running nodes about half full."""
    chance = random.Random(seed)
    kinds = ("m5.2xlarge", "m5.2xlarge", "m5.xlarge", "r5.xlarge", "c5.4xlarge")
    running, pods = [], []
    for number in range(nodes):
        kind = kinds[number % len(kinds)]
        node = make_node(
            f"ip-10-0-{number // 250}-{number % 250}.ec2.internal",
            instance_type=kind,
            zone=ZONES[number % 3],
            spot=number % 4 == 3,
        )
        running.append(node)
        vcpu, gib, _ = TYPES[kind]
        for place in range(pods_per_node):
            share = chance.uniform(0.3, 0.8) / pods_per_node
            namespace = NAMESPACES[min(len(NAMESPACES) - 1, int(chance.paretovariate(1.1)) - 1)]
            name = f"{chance.choice(['api', 'worker', 'cache', 'index'])}-{number}-{place}"
            pods.append(
                make_pod(
                    name,
                    namespace=namespace,
                    node=node.name,
                    cpu=vcpu * share * chance.uniform(0.6, 1.4),
                    memory_gib=gib * share * chance.uniform(0.5, 1.3),
                )
            )
    return Snapshot(
        region="us-east-1",
        zones=ZONES,
        nodes=tuple(running),
        pods=tuple(pods),
        templates=(NodeTemplate(name="general"), NodeTemplate(name="batch")),
        observed_at=datetime(2026, 11, 1, 12, 0, tzinfo=UTC),
    )


def make_plan(snapshot: Snapshot, *, seed: int = 7) -> Plan:
    """Keep every sixth node, move the pods of all others first-fit onto new Spot nodes. Plausible, not checked."""
    kept = [node for number, node in enumerate(snapshot.nodes) if number % 6 == 5]
    kept_names = {node.name for node in kept}
    fleet = _pack([pod for pod in snapshot.pods if pod.node_name not in kept_names])
    for node in kept:
        pods = tuple(pod.key for pod in snapshot.pods if pod.node_name == node.name)
        fleet.append(as_planned(node, pods=pods))
    cost = sum(node.price_usd_per_h or 0 for node in snapshot.nodes)
    planned = sum(node.price_usd_per_h or 0 for node in fleet)
    why = Reason(code="do_not_disrupt", text="pod web/job-1 must not be evicted (karpenter.sh/do-not-disrupt)")
    return Plan(
        cost_usd_per_h=cost,
        planned_cost_usd_per_h=planned,
        lower_bound_usd_per_h=planned * 0.985,
        nodes=tuple(fleet),
        actions=tuple(_actions(snapshot, fleet, gone=[n for n in snapshot.nodes if n.name not in kept_names])),
        kept=tuple(KeptNode(node=node.name, reason=why) for node in kept),
        unschedulable=(
            Unschedulable(
                pod="data/huge-0", constraint="memory", detail="requests 3 TiB, the largest type has 1.5 TiB"
            ),
        ),
        risk_before=make_risk(interruptions=0.4, loss=0.0, spot=0.22),
        risk_after=make_risk(interruptions=0.9, loss=0.0004, spot=0.91),
        seconds=3.4,
        seed=seed,
        trace=tuple(make_trace(planned)),
        notes=("2 finished pods were left out", "Spot prices of us-east-1 are means of the region"),
    )


def make_risk(*, interruptions: float, loss: float, spot: float) -> Risk:
    """Risk of a fleet whose largest pool is m6a.4xlarge."""
    return Risk(
        interruptions_per_month=interruptions,
        loss_probability_per_month=loss,
        spot_share=spot,
        largest_pool="m6a.4xlarge in use1-az1" if spot else "",
        largest_pool_share=spot / 3,
    )


def make_trace(planned: float) -> list[Progress]:
    """Cost falling and bound rising towards each other."""
    trace = [Progress(seconds=0.1, phase="reading", cost_usd_per_h=None, lower_bound_usd_per_h=0.0)]
    for number in range(1, 30):
        far = 0.8**number
        progress = Progress(
            seconds=0.1 + number * 0.11,
            phase="columns" if number < 20 else "whole nodes",
            cost_usd_per_h=planned * (1 + 0.6 * far),
            lower_bound_usd_per_h=planned * 0.985 * (1 - 0.5 * far),
        )
        trace.append(progress)
    return trace


def _pack(pods: list[Pod]) -> list[PlannedNode]:
    fleet: list[PlannedNode] = []
    used: list[Resources] = []
    for number, pod in enumerate(sorted(pods, key=lambda p: -p.requests.cpu_mcpu)):
        for place in range(max(0, len(fleet) - 4), len(fleet)):
            if not (used[place] + pod.requests).short_of(fleet[place].allocatable):
                break
        else:
            place = len(fleet)
            kind = ("m6a.4xlarge", "m7i.2xlarge", "r6i.2xlarge")[number % 3]
            fleet.append(make_planned(f"new-{place + 1}", instance_type=kind, zone=ZONES[place % 3]))
            used.append(Resources())
        used[place] += pod.requests
        fleet[place] = replace(fleet[place], pods=(*fleet[place].pods, pod.key))
    return fleet


def _actions(snapshot: Snapshot, fleet: list[PlannedNode], *, gone: list[Node]) -> list[Action]:
    target = {key: node.name for node in fleet for key in node.pods}
    actions: list[Action] = []

    def act(kind: ActionKind, node: str, *, step: int, text: str, pod: str = "") -> None:
        action = Action(
            id=len(actions) + 1,
            step=step,
            kind=kind,
            node=node,
            reason=Reason(code=f"{kind}_reason", text=text, figures={"usd_per_h": 0.25}),
            pod=pod,
            target=target.get(pod, ""),
        )
        actions.append(action)

    for node in fleet:
        if not node.existing:
            act(
                ActionKind.LAUNCH, node.name, step=1, text=f"{node.instance_type} in {node.zone.id} is the cheapest fit"
            )
    if actions:
        others = (Alternative(choice="r6i.2xlarge in use1-az2", extra_usd_per_h=0.04, verdict="dearer, same risk"),)
        actions[0] = replace(actions[0], alternatives=others, binding="memory")
    pods_of: dict[str, list[Pod]] = {}
    for pod in snapshot.pods:
        pods_of.setdefault(pod.node_name, []).append(pod)
    for number, node in enumerate(gone):
        step = 2 + 3 * (number // 5)
        act(ActionKind.CORDON, node.name, step=step, text="it will be drained")
        for pod in pods_of.get(node.name, []):
            act(ActionKind.EVICT, node.name, step=step + 1, text="its node goes", pod=pod.key)
        act(ActionKind.TERMINATE, node.name, step=step + 2, text=f"saves {node.price_usd_per_h:.3f} USD per hour")
    actions.sort(key=lambda action: action.step)
    return actions
