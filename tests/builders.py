"""Builders of domain values for tests: say what matters, get plain defaults for the rest.

Prices, sizes and names are made up so that sums are easy to do in one's head.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from domain import labels as keys
from domain.market import Arch, CapacityType, Catalog, InstanceType, Offering, Pool, Zone
from domain.node import DEFAULT_TEMPLATE, Node, NodeTemplate, Taint, labels_of_launched_node
from domain.plan import Action, ActionKind, KeptNode, Plan, PlannedNode, Reason, Risk, Unschedulable
from domain.policy import Capacity, Policy
from domain.resources import Resources
from domain.selectors import LabelSelector, NodeTerm, Operator, Requirement
from domain.snapshot import Snapshot
from domain.units import GIB
from domain.workload import (
    HostPort,
    NodePolicy,
    Owner,
    Pod,
    PodDisruptionBudget,
    PodTerm,
    SpreadConstraint,
    Toleration,
)

REGION = "us-east-1"
ZONE_A = Zone(id="use1-az1", name="us-east-1a")
ZONE_B = Zone(id="use1-az2", name="us-east-1b")
ZONE_C = Zone(id="use1-az3", name="us-east-1c")
ZONES = (ZONE_A, ZONE_B, ZONE_C)
BECAUSE = Reason(code="test", text="because the test says so")
NO_RISK = Risk(
    interruptions_per_month=0.0,
    loss_probability_per_month=0.0,
    spot_share=0.0,
    largest_pool="",
    largest_pool_share=0.0,
)


def make_resources(
    cpu: float = 1.0,
    gib: float = 1.0,
    *,
    pods: int = 1,
    disk_gib: float = 0.0,
    extended: Mapping[str, int] | None = None,
) -> Resources:
    """Resources in CPUs and GiB."""
    return Resources(
        cpu_mcpu=round(cpu * 1000),
        memory_bytes=round(gib * GIB),
        pods=pods,
        ephemeral_bytes=round(disk_gib * GIB),
        extended=tuple((extended or {}).items()),
    )


def make_type(
    name: str = "m5.large",
    vcpu: int = 2,
    *,
    gib: float = 8.0,
    pods: int = 30,
    disk_gib: float = 20.0,
    arch: Arch = Arch.AMD64,
    extended: Mapping[str, int] | None = None,
    burstable: bool = False,
    bare_metal: bool = False,
) -> InstanceType:
    """An instance type all of whose nominal resources can be allocated."""
    return InstanceType(
        name=name,
        arch=arch,
        vcpu=vcpu,
        memory_bytes=round(gib * GIB),
        allocatable=make_resources(vcpu, gib, pods=pods, disk_gib=disk_gib, extended=extended),
        burstable=burstable,
        bare_metal=bare_metal,
    )


LARGE = make_type("m5.large", 2, gib=8)
XLARGE = make_type("m5.xlarge", 4, gib=16)
ARM = make_type("m6g.large", 2, gib=8, arch=Arch.ARM64)
GPU = make_type("g4dn.xlarge", 4, gib=16, extended={"nvidia.com/gpu": 1})
BURSTABLE = make_type("t3.large", 2, gib=8, burstable=True)
METAL = make_type("m5.metal", 96, gib=384, pods=700, bare_metal=True)
TYPES = (LARGE, XLARGE, ARM, GPU, BURSTABLE, METAL)


def on_demand_price(kind: InstanceType) -> float:
    """0.05 USD per vCPU and hour, arm64 a fifth less, a GPU 0.4 more."""
    gpus = dict(kind.allocatable.extended).get("nvidia.com/gpu", 0)
    return kind.vcpu * (0.04 if kind.arch is Arch.ARM64 else 0.05) + 0.4 * gpus


def make_offering(
    kind: InstanceType = LARGE,
    zone: Zone = ZONE_A,
    *,
    spot: bool = False,
    price: float | None = None,
    interruption: float = 0.1,
) -> Offering:
    """An offering; Spot costs 0.3 of on-demand."""
    capacity = CapacityType.SPOT if spot else CapacityType.ON_DEMAND
    return Offering(
        pool=Pool(region=REGION, zone_id=zone.id, instance_type=kind.name),
        zone=zone,
        capacity_type=capacity,
        price_usd_per_h=on_demand_price(kind) * (0.3 if spot else 1.0) if price is None else price,
        interruption_per_month=interruption if spot else 0.0,
    )


def make_catalog(
    types: Iterable[InstanceType] = TYPES,
    *,
    zones: Iterable[Zone] = ZONES,
    offerings: Iterable[Offering] | None = None,
) -> Catalog:
    """A catalogue with every type on offer in every zone, both ways, unless offerings are given."""
    types, zones = tuple(types), tuple(zones)
    everything = (make_offering(kind, zone, spot=spot) for kind in types for zone in zones for spot in (True, False))
    return Catalog(
        region=REGION,
        as_of=date(2026, 8, 1),
        types={kind.name: kind for kind in types},
        offerings=tuple(everything if offerings is None else offerings),
    )


def make_template(
    name: str = DEFAULT_TEMPLATE.name,
    labels: Mapping[str, str] | None = None,
    *,
    taints: Sequence[Taint] = (),
    families: Sequence[str] = (),
    instance_types: Sequence[str] = (),
) -> NodeTemplate:
    """A node template."""
    return NodeTemplate(
        name=name,
        labels=dict(labels or {}),
        taints=tuple(taints),
        families=tuple(families),
        instance_types=tuple(instance_types),
    )


def make_node(
    name: str = "n1",
    kind: InstanceType = LARGE,
    *,
    zone: Zone = ZONE_A,
    spot: bool = False,
    labels: Mapping[str, str] | None = None,
    taints: Sequence[Taint] = (),
    template: NodeTemplate = DEFAULT_TEMPLATE,
    price: float | None = None,
    ready: bool = True,
    cordoned: bool = False,
    do_not_disrupt: str = "",
) -> Node:
    """A running node of a type, at the price of `make_offering`."""
    offering = make_offering(kind, zone, spot=spot, price=price)
    launched = labels_of_launched_node(
        template, instance_type=kind, zone=zone, region=REGION, capacity_type=offering.capacity_type
    )
    return Node(
        name=name,
        labels=launched | {keys.HOSTNAME: name} | dict(labels or {}),
        allocatable=kind.allocatable,
        zone=zone,
        capacity_type=offering.capacity_type,
        instance_type=kind.name,
        template=template.name,
        taints=(*template.taints, *taints),
        price_usd_per_h=offering.price_usd_per_h,
        interruption_per_month=offering.interruption_per_month,
        ready=ready,
        cordoned=cordoned,
        do_not_disrupt=do_not_disrupt,
    )


def make_selector(**match_labels: str) -> LabelSelector:
    """A selector with one ``In`` requirement per label."""
    return LabelSelector(requirements=tuple(require(key, Operator.IN, value) for key, value in match_labels.items()))


def require(key: str, operator: Operator, *values: str) -> Requirement:
    """One requirement."""
    return Requirement(key=key, operator=operator, values=values)


def make_term(*requirements: Requirement, names: Sequence[Requirement] = ()) -> NodeTerm:
    """A node affinity term."""
    return NodeTerm(labels=requirements, names=tuple(names))


def make_pod_term(
    selector: LabelSelector | None = None,
    key: str = keys.HOSTNAME,
    *,
    namespaces: tuple[str, ...] | None = ("web",),
) -> PodTerm:
    """A pod (anti-)affinity term."""
    return PodTerm(topology_key=key, selector=selector, namespaces=namespaces)


def make_spread(
    selector: LabelSelector | None = None,
    key: str = keys.ZONE,
    *,
    max_skew: int = 1,
    min_domains: int | None = None,
    affinity_policy: NodePolicy = NodePolicy.HONOR,
    taints_policy: NodePolicy = NodePolicy.IGNORE,
) -> SpreadConstraint:
    """A hard topology spread constraint."""
    return SpreadConstraint(
        topology_key=key,
        max_skew=max_skew,
        selector=selector,
        min_domains=min_domains,
        node_affinity_policy=affinity_policy,
        node_taints_policy=taints_policy,
    )


def make_pod(
    name: str = "a",
    cpu: float = 0.5,
    *,
    gib: float = 1.0,
    on: str = "",
    namespace: str = "web",
    labels: Mapping[str, str] | None = None,
    requests: Resources | None = None,
    owner: Owner | None = None,
    node_selector: Mapping[str, str] | None = None,
    node_affinity: Sequence[NodeTerm] = (),
    volume_affinity: Sequence[tuple[NodeTerm, ...]] = (),
    tolerations: Sequence[Toleration] = (),
    affinity: Sequence[PodTerm] = (),
    anti_affinity: Sequence[PodTerm] = (),
    spread: Sequence[SpreadConstraint] = (),
    host_ports: Sequence[HostPort] = (),
    is_daemon: bool = False,
    is_mirror: bool = False,
    do_not_disrupt: str = "",
) -> Pod:
    """A pod, labelled ``app: <namespace>`` unless labels are given; ``on`` is the node it runs on."""
    return Pod(
        namespace=namespace,
        name=name,
        requests=make_resources(cpu, gib) if requests is None else requests,
        labels={"app": namespace} if labels is None else dict(labels),
        owner=owner,
        node_name=on,
        node_selector=tuple((node_selector or {}).items()),
        node_affinity=tuple(node_affinity),
        volume_affinity=tuple(volume_affinity),
        tolerations=tuple(tolerations),
        affinity=tuple(affinity),
        anti_affinity=tuple(anti_affinity),
        spread=tuple(spread),
        host_ports=tuple(host_ports),
        is_daemon=is_daemon,
        is_mirror=is_mirror,
        do_not_disrupt=do_not_disrupt,
    )


def make_budget(
    name: str = "budget",
    allowed: int = 1,
    *,
    namespace: str = "web",
    selector: LabelSelector | None = None,
) -> PodDisruptionBudget:
    """A budget over its whole namespace unless a selector is given."""
    chosen = LabelSelector() if selector is None else selector
    return PodDisruptionBudget(namespace=namespace, name=name, selector=chosen, disruptions_allowed=allowed)


def make_snapshot(
    nodes: Iterable[Node] = (),
    pods: Iterable[Pod] = (),
    *,
    zones: Iterable[Zone] = ZONES,
    budgets: Iterable[PodDisruptionBudget] = (),
    daemonsets: Iterable[Pod] = (),
    templates: Iterable[NodeTemplate] = (),
) -> Snapshot:
    """A snapshot; its templates are the default one unless some are given."""
    return Snapshot(
        region=REGION,
        zones=tuple(zones),
        nodes=tuple(nodes),
        pods=tuple(pods),
        budgets=tuple(budgets),
        daemonsets=tuple(daemonsets),
        templates=tuple(templates) or (DEFAULT_TEMPLATE,),
    )


def make_policy(
    capacity: Capacity = Capacity.MIXED,
    *,
    families: Sequence[str] = (),
    architectures: Sequence[Arch] = (),
    max_concurrent_actions: int = 5,
    max_pool_share: float = 1.0,
    max_loss_share: float = 0.5,
    max_loss_probability: float = 1.0,
    allow_burstable: bool = True,
    allow_bare_metal: bool = False,
) -> Policy:
    """A policy: `Policy` itself where something else matters."""
    return Policy(
        capacity=capacity,
        families=tuple(families),
        architectures=tuple(architectures),
        max_concurrent_actions=max_concurrent_actions,
        max_pool_share=max_pool_share,
        max_loss_share=max_loss_share,
        max_loss_probability=max_loss_probability,
        allow_burstable=allow_burstable,
        allow_bare_metal=allow_bare_metal,
    )


def make_action(kind: ActionKind, step: int, *, node: str, pod: str = "", target: str = "") -> Action:
    """An action with a reason; `make_plan` numbers the actions."""
    return Action(id=0, step=step, kind=kind, node=node, reason=BECAUSE, pod=pod, target=target)


def launch(step: int, node: str) -> Action:
    """Launch a planned node."""
    return make_action(ActionKind.LAUNCH, step, node=node)


def cordon(step: int, node: str) -> Action:
    """Cordon a node."""
    return make_action(ActionKind.CORDON, step, node=node)


def evict(step: int, pod: Pod, *, target: str) -> Action:
    """Move a pod from where the snapshot has it."""
    return make_action(ActionKind.EVICT, step, node=pod.node_name, pod=pod.key, target=target)


def terminate(step: int, node: str) -> Action:
    """Terminate a node."""
    return make_action(ActionKind.TERMINATE, step, node=node)


def planned_launch(
    name: str = "new-1",
    kind: InstanceType = LARGE,
    *,
    zone: Zone = ZONE_A,
    spot: bool = False,
    template: NodeTemplate = DEFAULT_TEMPLATE,
) -> PlannedNode:
    """A node to launch, as the catalogue of `make_catalog` has it, still without pods."""
    offering = make_offering(kind, zone, spot=spot)
    return PlannedNode(
        name=name,
        existing=False,
        instance_type=kind.name,
        zone=zone,
        capacity_type=offering.capacity_type,
        template=template.name,
        price_usd_per_h=offering.price_usd_per_h,
        interruption_per_month=offering.interruption_per_month,
        allocatable=kind.allocatable,
        labels=labels_of_launched_node(
            template, instance_type=kind, zone=zone, region=REGION, capacity_type=offering.capacity_type
        ),
        taints=template.taints,
        pods=(),
    )


def planned_running(node: Node) -> PlannedNode:
    """A running node as part of a plan, still without pods."""
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
        pods=(),
    )


def make_plan(
    snapshot: Snapshot,
    actions: Sequence[Action] = (),
    *,
    new: Sequence[PlannedNode] = (),
    placed: Mapping[str, str] | None = None,
    unschedulable: Sequence[str] = (),
    lower_bound: float = 0.0,
) -> Plan:
    """The plan that these actions make of a snapshot, with everything that follows from them filled in.

    ``placed`` gives pending pods (by key) the node on which the plan shows them.
    """
    gone = {action.node for action in actions if action.kind is ActionKind.TERMINATE}
    homes = {pod.key: pod.node_name for pod in snapshot.pods if pod.node_name} | dict(placed or {})
    homes |= {action.pod: action.target for action in actions if action.kind is ActionKind.EVICT}
    kept = [node for node in snapshot.nodes if node.name not in gone]
    nodes = [with_pods(node, homes) for node in (*map(planned_running, kept), *new)]
    return Plan(
        cost_usd_per_h=sum(node.price_usd_per_h or 0.0 for node in snapshot.nodes),
        planned_cost_usd_per_h=sum(node.price_usd_per_h or 0.0 for node in nodes),
        lower_bound_usd_per_h=lower_bound,
        nodes=tuple(nodes),
        actions=tuple(_numbered(actions)),
        kept=tuple(KeptNode(node=node.name, reason=BECAUSE) for node in kept),
        unschedulable=tuple(Unschedulable(pod=key, constraint="test", detail="") for key in unschedulable),
        risk_before=NO_RISK,
        risk_after=NO_RISK,
        seconds=0.0,
        seed=0,
    )


def with_pods(node: PlannedNode, homes: Mapping[str, str]) -> PlannedNode:
    """A planned node with the pods that have their home on it."""
    return replace(node, pods=tuple(sorted(key for key, home in homes.items() if home == node.name)))


def _numbered(actions: Sequence[Action]) -> Iterable[Action]:
    return (replace(action, id=number) for number, action in enumerate(actions, start=1))
