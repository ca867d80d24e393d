"""Stored decisions and sagas as they are answered."""

from collections.abc import Sequence

from actors.hosting.briefs import DECISION
from actors.planning.codec import decision_from_json
from domain.errors import InputError
from domain.proposal import ProposedLaunch, RatedPool
from domain.saga import SagaStep, StoredSaga
from domain.work import StoredPlan
from serve.schemas.plans import (
    ChosenModel,
    DecisionModel,
    FallbackModel,
    LaunchModel,
    PoolModel,
    RefusalModel,
    SagaModel,
    StepModel,
)
from solvers.decision import Chosen


def decision_of(plan: StoredPlan) -> DecisionModel | None:
    """What was decided on a plan; absent for one that an older program has stored."""
    stored = plan.body.get(DECISION)
    if not isinstance(stored, dict):
        return None
    try:
        decision = decision_from_json(stored)
    except InputError:
        return None
    return DecisionModel(
        saving_usd_per_h=decision.saving_usd_per_h,
        chosen=[_chosen(one) for one in decision.chosen],
        refused=[
            RefusalModel(
                proposal=one.proposal,
                rule=one.rule,
                reason=one.reason.text,
                against=one.against,
                again_at=one.again_at,
            )
            for one in decision.refused
        ],
        fallbacks=[FallbackModel.model_validate(one) for one in decision.fallbacks],
    )


def saga_model(saga: StoredSaga, steps: Sequence[SagaStep]) -> SagaModel:
    """A saga with its steps."""
    return SagaModel(
        id=saga.id,
        status=saga.status,
        reason=saga.reason,
        created_at=saga.created_at,
        updated_at=saga.updated_at,
        ended_at=saga.ended_at,
        steps=[StepModel.model_validate(step) for step in steps],
    )


def _chosen(chosen: Chosen) -> ChosenModel:
    proposal = chosen.proposal
    return ChosenModel(
        proposal=proposal.id,
        module=proposal.module,
        reason=chosen.reason.text,
        removes=list(proposal.removes),
        uses=list(proposal.uses),
        launches=[_launch(one) for one in proposal.launches],
        evictions=proposal.evictions,
        saving_usd_per_h=proposal.saving_usd_per_h,
        payback_h=chosen.payback_h,
        changes=[change.text for change in chosen.changes],
    )


def _launch(launch: ProposedLaunch) -> LaunchModel:
    return LaunchModel(
        name=launch.name,
        template=launch.template,
        spot=[_pool(one) for one in launch.spot],
        on_demand=[_pool(one) for one in launch.on_demand],
    )


def _pool(rated: RatedPool) -> PoolModel:
    return PoolModel(
        instance_type=rated.pool.instance_type,
        zone_id=rated.pool.zone_id,
        price_usd_per_h=rated.price_usd_per_h,
        interruption_per_month=rated.interruption_per_month,
    )
