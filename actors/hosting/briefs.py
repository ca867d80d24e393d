"""A plan on its way from the planner to the state machine and into storage."""

from datetime import datetime
from uuid import UUID

import orjson

from actors.cluster.records import PlanBrief
from actors.planning.codec import decision_to_json
from actors.planning.order import PlanAnswer
from domain.commands import PlanStatus, derived_id
from domain.plan import Plan
from domain.units import to_micro_usd
from domain.work import StoredPlan

DECISION = "decision"
"""Under this key the decision lies in the body of a stored plan, beside what docs/plan.schema.json says of it."""


def brief_of(answer: PlanAnswer, plan: Plan, *, observed_at: datetime) -> PlanBrief:
    """What the state machine needs of a plan and of what was decided about it."""
    decision = answer.decision
    chosen = decision.chosen if decision is not None else ()
    return PlanBrief(
        request=answer.request,
        generation=plan.generation,
        parent=plan.parent,
        observed_at=observed_at,
        launches=sum(len(one.proposal.launches) for one in chosen),
        removes=answer.leaving,
        uses=tuple(sorted({name for one in chosen for name in one.proposal.uses})),
        fallbacks=decision.fallbacks if decision is not None else (),
        refused=len(decision.refused) if decision is not None else 0,
        saving_micro_usd_per_h=to_micro_usd(decision.saving_usd_per_h) if decision is not None else 0,
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
    """The row that is kept of a plan, with its decision beside it.

    Its id comes from cluster and generation: storing it twice stores it once.
    """
    decision = {DECISION: decision_to_json(answer.decision)} if answer.decision is not None else {}
    return StoredPlan(
        id=UUID(derived_id(answer.cluster, "stored plan", str(plan.generation))),
        organization_id=organization_id,
        cluster_id=UUID(answer.cluster),
        generation=plan.generation,
        parent=plan.parent,
        status=status,
        body=orjson.loads(answer.document) | decision,
        cost_micro_usd_per_h=to_micro_usd(plan.cost_usd_per_h),
        planned_cost_micro_usd_per_h=to_micro_usd(plan.planned_cost_usd_per_h),
        lower_bound_micro_usd_per_h=to_micro_usd(plan.lower_bound_usd_per_h),
        observed_at=observed_at,
        created_at=now,
        status_reason=reason,
    )
