"""A plan on its way from the planner to the state machine and into storage."""

from datetime import datetime
from uuid import UUID

import orjson

from actors.cluster.records import PlanAction, PlanBrief
from actors.planning.order import PlanAnswer
from domain.commands import PlanStatus, derived_id
from domain.plan import Action, ActionKind, Plan, PlannedNode
from domain.units import to_micro_usd
from domain.work import StoredPlan


def brief_of(plan: Plan, *, request: str, observed_at: datetime) -> PlanBrief:
    """What the state machine needs of a plan."""
    nodes = {node.name: node for node in plan.nodes}
    last = max((action.step for action in plan.actions), default=0)
    steps: list[list[PlanAction]] = [[] for _ in range(last)]
    for action in plan.actions:
        steps[action.step - 1].append(_action(action, nodes.get(action.node)))
    return PlanBrief(
        request=request,
        generation=plan.generation,
        parent=plan.parent,
        observed_at=observed_at,
        steps=tuple(tuple(step) for step in steps if step),
        saving_micro_usd_per_h=to_micro_usd(plan.saving_usd_per_h),
    )


def _action(action: Action, node: PlannedNode | None) -> PlanAction:
    launched = node is not None and action.kind is ActionKind.LAUNCH
    return PlanAction(
        kind=action.kind,
        node=action.node,
        pod=action.pod,
        target=action.target,
        reason=action.reason.text,
        instance_type=node.instance_type if node and launched else "",
        zone_id=node.zone.id if node and launched else "",
        capacity_type=str(node.capacity_type) if node and launched else "",
        template=node.template if node and launched else "",
    )


def stored_plan(
    answer: PlanAnswer,
    plan: Plan,
    *,
    organization_id: UUID,
    observed_at: datetime,
    status: PlanStatus,
    reason: str,
    now: datetime,
) -> StoredPlan:
    """The row that is kept of a plan. Its id comes from cluster and generation: storing it twice stores it once."""
    return StoredPlan(
        id=UUID(derived_id(answer.cluster, "stored plan", str(plan.generation))),
        organization_id=organization_id,
        cluster_id=UUID(answer.cluster),
        generation=plan.generation,
        parent=plan.parent,
        status=status,
        body=orjson.loads(answer.document),
        cost_micro_usd_per_h=to_micro_usd(plan.cost_usd_per_h),
        planned_cost_micro_usd_per_h=to_micro_usd(plan.planned_cost_usd_per_h),
        lower_bound_micro_usd_per_h=to_micro_usd(plan.lower_bound_usd_per_h),
        observed_at=observed_at,
        created_at=now,
        status_reason=reason,
    )
