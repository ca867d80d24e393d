"""Bodies and answers of the admin console."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from serve.gateway.workers import Light
from serve.schemas.base import Answer, Body, Label


class PartModel(Answer):
    """One part of the platform. ``ms`` is how long it took to answer."""

    name: str
    light: Light
    detail: str = ""
    ms: float | None = None


class HealthAnswer(Answer):
    """How the platform is; as bad as its worst part."""

    light: Light
    parts: list[PartModel]
    at: datetime


class WorkerModel(Answer):
    """One worker behind the gateway."""

    name: str
    light: Light
    detail: str
    seen_at: datetime | None
    figures: Mapping[str, float]


class QueueModel(Answer):
    """The queue of events: how much lies where, and what was done so far."""

    waiting: Mapping[str, int]
    in_hand: Mapping[str, int]
    delayed: int
    dead: int
    oldest_waiting_s: float
    accepted: int
    done: int
    retried: int
    died: int


class GatewayModel(Answer):
    """The replica of the gateway that answers, since its start."""

    process: int
    answers_by_status: Mapping[int, int]
    agents_connected: int
    heard_of_risk_at: datetime | None


class RunModel(Answer):
    """The last run of a periodic job."""

    job: str
    due_at: datetime
    done_at: datetime | None
    error: str


class WorkersAnswer(Answer):
    """The workers, the queue, the clock and this replica."""

    workers: list[WorkerModel]
    queue: QueueModel | None
    runs: list[RunModel]
    gateway: GatewayModel
    at: datetime


class EvidenceModel(Answer):
    """What one cluster saw of a pool. ``known``: the service knew the instance as this cluster's."""

    kind: str
    cluster_id: str
    organization_id: str
    instance_id: str
    known: bool
    at: datetime


class FlagModel(Answer):
    """A flagged pool: why, and until when."""

    region: str
    zone_id: str
    instance_type: str
    until: datetime
    reason: Mapping[str, Any]
    evidence: list[EvidenceModel]


class RiskAnswer(Answer):
    """The map of flagged pools, as this replica knows it without asking."""

    flags: list[FlagModel]
    at: datetime


class StatsAnswer(Answer):
    """All organisations together. Money is micro-USD per hour, of what runs now."""

    organizations: int
    users: int
    clusters: int
    clusters_active: int
    clusters_silent: int
    nodes: int
    spot_nodes: int
    pods: int
    plans_last_day: int
    pools_flagged: int
    cost_micro_usd_per_h: int
    baseline_micro_usd_per_h: int
    as_of: datetime


class ClientModel(Answer):
    """An organisation: how much it runs, and nothing of what. Money is micro-USD per hour."""

    id: UUID
    name: str
    created_at: datetime
    suspended_at: datetime | None
    users: int
    clusters: int
    nodes: int
    cost_micro_usd_per_h: int
    baseline_micro_usd_per_h: int


class SafeModeBody(Body):
    """Safe mode on or off, and why."""

    on: Annotated[bool, Field(strict=True, description="on: nothing is changed anywhere, plans are dry runs")]
    reason: Label


class SafeModeAnswer(Answer):
    """Whether safe mode is on."""

    on: bool
