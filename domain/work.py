"""What is kept of the work on clusters: jobs, plans, actions, accepted events, snapshots, evidence of pools."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.commands import AgentActionKind, EvidenceKind, PlanStatus
from domain.events import EventPriority
from domain.market import Pool
from domain.validate import require_after, require_utc

MAX_TAKEN_ACTIONS = 10
"""Actions that one poll of an agent may take."""

MAX_EVENT_TRIES = 3
"""Tries after which an event is a dead letter."""

ACTION_EXPIRED = "Action expired"


class JobTrigger(StrEnum):
    """What a job was started by."""

    USER = "user"
    EVENT = "event"
    SCHEDULE = "schedule"


class JobStatus(StrEnum):
    """How a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class ActionStatus(StrEnum):
    """How an action stands. Withdrawn actions have failed, and say why."""

    PENDING = "pending"
    PICKED_UP = "picked_up"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"


class InboxStatus(StrEnum):
    """How an accepted event stands. ``IGNORED`` ones were too old to be acted upon."""

    ACCEPTED = "accepted"
    CLAIMED = "claimed"
    DONE = "done"
    IGNORED = "ignored"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run of the optimizer over one cluster."""

    id: UUID
    organization_id: UUID
    cluster_id: UUID
    trigger: JobTrigger
    status: JobStatus
    created_at: datetime
    reason: str = ""
    requested_by: UUID | None = None
    plan_generation: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    result: Mapping[str, object] = field(default_factory=dict)
    error: str = ""

    def __post_init__(self) -> None:
        require_utc(created_at=self.created_at, started_at=self.started_at, finished_at=self.finished_at)
        if (self.finished_at is not None) != (self.status in (JobStatus.COMPLETED, JobStatus.FAILED)):
            raise ValueError("a job has finished_at when it has completed or failed, and not before")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlan:
    """A plan as it is kept: all but its status never changes.

    Parameters
    ----------
    generation, parent
        Number of the plan in its cluster, and of the accepted plan that it builds on (absent for the first).
    body
        The plan as JSON (docs/plan.schema.json).
    cost_micro_usd_per_h, planned_cost_micro_usd_per_h, lower_bound_micro_usd_per_h
        Micro-USD per hour.
    accepted_at
        When it became the accepted plan, absent when it never did.
    """

    id: UUID
    organization_id: UUID
    cluster_id: UUID
    generation: int
    parent: int | None
    status: PlanStatus
    body: Mapping[str, object]
    cost_micro_usd_per_h: int
    planned_cost_micro_usd_per_h: int
    lower_bound_micro_usd_per_h: int
    observed_at: datetime
    created_at: datetime
    job_id: UUID | None = None
    status_reason: str = ""
    accepted_at: datetime | None = None
    updated_at: datetime | None = None

    def __post_init__(self) -> None:
        require_utc(observed_at=self.observed_at, created_at=self.created_at, accepted_at=self.accepted_at)
        if self.generation < 1 or (self.parent is not None and not 1 <= self.parent < self.generation):
            raise ValueError("generation counts from 1, and the parent comes before it")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentAction:
    """Something that the agent is to do in its cluster, signed.

    ``signature``, ``nonce`` and ``key_id`` are those of `domain.signing`. ``job_id`` is told when the action ends.
    """

    id: UUID
    organization_id: UUID
    cluster_id: UUID
    kind: AgentActionKind
    payload: Mapping[str, object]
    status: ActionStatus
    created_at: datetime
    expires_at: datetime
    nonce: str
    key_id: str
    signature: str
    reason: str = ""
    plan_generation: int | None = None
    job_id: UUID | None = None
    picked_up_at: datetime | None = None
    completed_at: datetime | None = None
    result: Mapping[str, object] | None = None
    error: str = ""

    def __post_init__(self) -> None:
        require_utc(created_at=self.created_at, expires_at=self.expires_at)
        require_utc(picked_up_at=self.picked_up_at, completed_at=self.completed_at)
        require_after(self.expires_at, self.created_at, what="expires_at after created_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """What an agent reports of an action: completed or failed, and nothing else."""

    action_id: UUID
    cluster_id: UUID
    status: ActionStatus
    at: datetime
    result: Mapping[str, object] = field(default_factory=dict)
    error: str = ""

    def __post_init__(self) -> None:
        require_utc(at=self.at)
        if self.status not in (ActionStatus.COMPLETED, ActionStatus.FAILED):
            raise ValueError(f"a result is completed or failed, not {self.status}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedResult:
    """An action after a result came in. ``first`` is false when it had ended before: nobody needs to be told again."""

    action: AgentAction
    first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxEvent:
    """An event of an agent from its acceptance to its end: the truth behind the stream.

    Parameters
    ----------
    event_id
        The agent's; unique in its cluster.
    body
        The event as it came, JSON.
    claimed_until
        While it lies ahead, a consumer is at work; afterwards anybody may claim the event again.
    next_try_at
        Not before this time after a failure.
    """

    organization_id: UUID
    cluster_id: UUID
    event_id: str
    event_type: str
    priority: EventPriority
    body: Mapping[str, object]
    occurred_at: datetime
    accepted_at: datetime
    status: InboxStatus = InboxStatus.ACCEPTED
    tries: int = 0
    last_error: str = ""
    claimed_until: datetime | None = None
    next_try_at: datetime | None = None
    done_at: datetime | None = None

    def __post_init__(self) -> None:
        require_utc(occurred_at=self.occurred_at, accepted_at=self.accepted_at, done_at=self.done_at)
        require_utc(claimed_until=self.claimed_until, next_try_at=self.next_try_at)

    @property
    def key(self) -> tuple[UUID, str]:
        """Cluster and event id: what the event is known by."""
        return (self.cluster_id, self.event_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSnapshot:
    """The last full set of a cluster's objects, compressed, and its hash (`domain.delta`)."""

    cluster_id: UUID
    organization_id: UUID
    body: bytes = field(repr=False)
    hash: str
    observed_at: datetime
    stored_at: datetime

    def __post_init__(self) -> None:
        require_utc(observed_at=self.observed_at, stored_at=self.stored_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredState:
    """The state machine of a cluster as its host last stored it. ``version`` counts: it fences off a second host."""

    cluster_id: UUID
    organization_id: UUID
    body: bytes = field(repr=False)
    version: int
    stored_at: datetime

    def __post_init__(self) -> None:
        require_utc(stored_at=self.stored_at)
        if self.version < 1:
            raise ValueError(f"version counts from 1, not {self.version}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolEvidence:
    """What one cluster saw of a capacity pool. ``known``: the service knew the instance as this cluster's."""

    id: UUID
    organization_id: UUID
    cluster_id: UUID
    pool: Pool
    kind: EvidenceKind
    instance_id: str
    known: bool
    at: datetime

    def __post_init__(self) -> None:
        require_utc(at=self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFlag:
    """A pool that everybody avoids until a time."""

    pool: Pool
    flagged_at: datetime
    until: datetime
    reason: str = ""

    def __post_init__(self) -> None:
        require_utc(flagged_at=self.flagged_at, until=self.until)
        require_after(self.until, self.flagged_at, what="until after flagged_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRun:
    """One due run of a periodic job; without ``done_at`` it is under way or was cut off."""

    job: str
    due_at: datetime
    started_at: datetime
    done_at: datetime | None = None
    error: str = ""

    def __post_init__(self) -> None:
        require_utc(due_at=self.due_at, started_at=self.started_at, done_at=self.done_at)
