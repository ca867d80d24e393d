"""Sentences about sagas."""

from collections.abc import Iterator
from types import MappingProxyType

from domain.commands import Outcome
from domain.saga import SagaSpec, SagaStatus, SagaStep, StepKind, StepStatus
from domain.units import MICRO_USD_PER_USD

BY_AGENT = "System (Queued for Agent)"
BY_AWS = "System (Boto3)"

OUTCOMES = MappingProxyType(
    {
        SagaStatus.DONE: Outcome.SUCCESS,
        SagaStatus.UNDONE: Outcome.FAILURE,
        SagaStatus.STOPPED: Outcome.FAILURE,
        SagaStatus.DRY_RUN: Outcome.DRY_RUN,
    }
)


_NODE_POOLS = {
    StepKind.REQUIRE: "narrow what Karpenter may launch",
    StepKind.RESTORE: "let Karpenter launch what it could before",
}


def usd(micro_usd: float) -> str:
    """Money for people."""
    sign = "-" if micro_usd < 0 else ""
    return f"{sign}${abs(micro_usd) / MICRO_USD_PER_USD:.4f}"


def step_text(step: SagaStep) -> str:
    """How a step ended."""
    what = _NODE_POOLS.get(step.kind) or f"{step.kind} {step.subject}"
    instances = step.result.get("instances")
    if step.kind is StepKind.LAUNCH and isinstance(instances, list) and instances:
        what += ": " + ", ".join(f"{one['id']} ({one['pool'][2]} in {one['pool'][1]})" for one in instances)
    return what if step.status is StepStatus.DONE else f"{what} failed: {step.error}"


def overdue(step: SagaStep) -> str:
    """Why a step that nobody answered has failed."""
    limit_s = (step.due_at - step.asked_at).total_seconds()
    what = {
        StepKind.JOIN: "no ready node",
        StepKind.EMPTY: "pods are still there",
        StepKind.SETTLE: "pods still have no place",
        StepKind.DETACH: "volumes are still mounted",
        StepKind.GONE: "the instance still runs",
        StepKind.CHECK: "the cluster was not seen",
    }.get(step.kind, "no answer")
    return f"{what} after {limit_s:.0f} s"


def ending(spec: SagaSpec, status: SagaStatus, reason: str) -> str:
    """How a saga ended."""
    what = f"{len(spec.launches)} launches, {len(spec.removals)} removals"
    match status:
        case SagaStatus.DONE:
            return f"carried out: {what}"
        case SagaStatus.UNDONE:
            return f"undone, all is as it was: {reason}"
        case SagaStatus.DRY_RUN:
            return f"would have been carried out: {what}"
        case _:
            return f"stopped: {reason}"


def rehearsal(spec: SagaSpec) -> Iterator[str]:
    """What a saga would do."""
    for requirement in spec.karpenter:
        types = ", ".join(requirement.instance_types) or "what it always may"
        yield f"would have Karpenter launch {types} for NodePool {requirement.node_pool}, and hold still otherwise"
    for order in spec.launches:
        best = (*order.spot, *order.on_demand)[0]
        yield f"would launch {order.count} of {best.pool} for {order.name}"
    for removal in spec.removals:
        way = f"through group {removal.asg}" if removal.asg else "directly"
        yield f"would cordon, drain and terminate {removal.node} ({removal.instance_id}), {way}"
