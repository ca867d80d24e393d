"""How many pods the checker objects to when it judges a baseline's placement as it judges ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.market import CapacityType, InstanceType, Offering
from domain.node import DEFAULT_TEMPLATE, labels_of_launched_node
from domain.plan import Action, ActionKind, Plan, PlannedNode, Reason, Risk, Unschedulable
from solvers.checker import Rule, check_plan
from tests.benchmarks.baselines.first_fit import Packing
from tests.benchmarks.baselines.karpenter import KarpenterOutcome
from tests.benchmarks.workloads.parts import Workload

PLACEMENT = frozenset(
    {
        Rule.NODE_SELECTOR,
        Rule.NODE_AFFINITY,
        Rule.RESOURCES,
        Rule.POD_AFFINITY,
        Rule.POD_ANTI_AFFINITY,
        Rule.TOPOLOGY_SPREAD,
    }
)
"""Rules about where a pod runs; what a plan must say besides is no business of a baseline."""

_NO_RISK = Risk(
    interruptions_per_month=0.0,
    loss_probability_per_month=0.0,
    spot_share=0.0,
    largest_pool="",
    largest_pool_share=0.0,
)
_REASON = Reason(code="baseline", text="Placed by a baseline.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A new node of a baseline: type, zone name, capacity type, keys of its pods."""

    instance_type: str
    zone: str
    capacity_type: CapacityType
    pods: tuple[str, ...]


def placed_by_first_fit(packing: Packing) -> list[Placed]:
    """The packer's nodes."""
    return [
        Placed(
            instance_type=node.instance_type.name,
            zone=node.zone.name,
            capacity_type=node.capacity_type,
            pods=tuple(pod.key for pod in node.pods),
        )
        for node in packing.nodes
    ]


def placed_by_karpenter(outcome: KarpenterOutcome) -> list[Placed]:
    """Karpenter's nodes."""
    return [
        Placed(instance_type=node.instance_type, zone=node.zone, capacity_type=node.capacity_type, pods=node.pods)
        for node in outcome.nodes
    ]


def misplaced(workload: Workload, placed: Sequence[Placed], *, left: Sequence[str]) -> int:
    """Pods that kube-scheduler would not run where the baseline put them; ``left`` are those it did not place."""
    plan = _plan(workload, placed, left)
    violations = check_plan(workload.snapshot, catalog=workload.catalog, policy=workload.policy, plan=plan)
    return len({violation.obj for violation in violations if violation.rule in PLACEMENT})


def _plan(workload: Workload, placed: Sequence[Placed], left: Sequence[str]) -> Plan:
    offerings = {(o.pool.instance_type, o.zone.name, o.capacity_type): o for o in workload.catalog.offerings}
    nodes = tuple(
        _node(f"new-{index}", node, offerings=offerings, types=workload.catalog.types)
        for index, node in enumerate(placed)
    )
    return Plan(
        cost_usd_per_h=0.0,
        planned_cost_usd_per_h=sum(node.price_usd_per_h or 0.0 for node in nodes),
        lower_bound_usd_per_h=0.0,
        nodes=nodes,
        actions=tuple(_launch(index, node.name, together=workload) for index, node in enumerate(nodes)),
        kept=(),
        unschedulable=tuple(Unschedulable(pod=key, constraint="baseline", detail="") for key in left),
        risk_before=_NO_RISK,
        risk_after=_NO_RISK,
        seconds=0.0,
        seed=0,
    )


def _launch(index: int, name: str, *, together: Workload) -> Action:
    step = index // together.policy.max_concurrent_actions
    return Action(id=index, step=step, kind=ActionKind.LAUNCH, node=name, reason=_REASON)


def _node(
    name: str,
    placed: Placed,
    *,
    offerings: Mapping[tuple[str, str, CapacityType], Offering],
    types: Mapping[str, InstanceType],
) -> PlannedNode:
    offering = offerings[placed.instance_type, placed.zone, placed.capacity_type]
    it = types[placed.instance_type]
    return PlannedNode(
        name=name,
        existing=False,
        instance_type=it.name,
        zone=offering.zone,
        capacity_type=offering.capacity_type,
        template=DEFAULT_TEMPLATE.name,
        price_usd_per_h=offering.price_usd_per_h,
        interruption_per_month=offering.interruption_per_month,
        allocatable=it.allocatable,
        labels=labels_of_launched_node(
            DEFAULT_TEMPLATE,
            instance_type=it,
            zone=offering.zone,
            region=offering.pool.region,
            capacity_type=offering.capacity_type,
        ),
        taints=(),
        pods=placed.pods,
    )
