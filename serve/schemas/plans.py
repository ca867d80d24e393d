"""Answers about plans: what was decided, what was refused and why, how far the carrying out is."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from domain.proposal import Module
from domain.saga import SagaStatus, StepKind, StepStatus
from serve.schemas.base import Answer
from serve.schemas.clusters import PlanModel
from solvers.decision import Rule


class PoolModel(Answer):
    """A capacity pool with its price."""

    instance_type: str
    zone_id: str
    price_usd_per_h: float
    interruption_per_month: float = Field(description="probability, 0..1")


class LaunchModel(Answer):
    """A node to launch, from any of these pools, the planned one first. Without Spot pools it is bought on demand."""

    name: str
    template: str
    spot: list[PoolModel]
    on_demand: list[PoolModel]


class ChosenModel(Answer):
    """A part of the plan that is carried out."""

    proposal: str
    module: Module
    reason: str
    removes: list[str]
    uses: list[str] = Field(description="nodes that stay and take the pods")
    launches: list[LaunchModel]
    evictions: int
    saving_usd_per_h: float
    payback_h: float | None = Field(description="until the saving has paid for the disruption")
    changes: list[str] = Field(description="what was changed of it, and why")


class RefusalModel(Answer):
    """A part that is not: the rule, what it lost against, and when the rule will not stand in its way any more."""

    proposal: str
    rule: Rule
    reason: str
    against: str
    again_at: datetime | None


class FallbackModel(Answer):
    """A template that is bought on demand for now, at least until ``not_before``."""

    template: str
    reason: str
    since: datetime
    not_before: datetime
    active: bool


class DecisionModel(Answer):
    """What of a plan is carried out, in this order, and what is not."""

    saving_usd_per_h: float
    chosen: list[ChosenModel]
    refused: list[RefusalModel]
    fallbacks: list[FallbackModel]


class StepModel(Answer):
    """One step of carrying a plan out. ``due_at`` is when it has failed unless it is done."""

    step_id: str
    track: str
    kind: StepKind
    subject: str
    status: StepStatus
    attempt: int
    tries: int
    asked_at: datetime
    due_at: datetime
    retry_at: datetime | None
    ended_at: datetime | None
    error: str


class SagaModel(Answer):
    """A plan being carried out: every step in the order in which it was asked."""

    id: UUID
    status: SagaStatus
    reason: str
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    steps: list[StepModel]


class PlanDetail(Answer):
    """A plan with its body (docs/plan.schema.json), what was decided on it, and how far it is."""

    plan: PlanModel
    stale_at: datetime | None = Field(description="until when it may be approved, while it awaits that")
    body: Mapping[str, Any]
    decision: DecisionModel | None
    saga: SagaModel | None
