"""What may happen to a cluster. Every input has an id (made by whoever sends it) and a time (UTC)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from actors.cluster.records import ClusterSettings, NodeFacts, PlanBrief
from domain.events import AgentEvent
from domain.market import Pool
from domain.saga import SagaStatus
from solvers.decision import CapacityFailure


class AskedBy(StrEnum):
    """Who wants a plan."""

    USER = "user"
    SCHEDULE = "schedule"
    EVENT = "event"


class Ended(StrEnum):
    """How an action ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """What all inputs have in common. ``at`` is when the service learnt of it."""

    id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotReceived(Input):
    """The agent has sent its objects. ``observed_at`` is when it read them."""

    observed_at: datetime
    nodes: tuple[NodeFacts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReported(Input):
    """The agent has seen something. ``id`` is the event's own."""

    event: AgentEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFlagged(Input):
    """A pool is to be avoided until a time (UTC)."""

    pool: Pool
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolCleared(Input):
    """A pool may be used again."""

    pool: Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimiseRequested(Input):
    """Somebody wants a plan; ``job`` waits for it."""

    job: str
    by: AskedBy


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReady(Input):
    """A plan was made and has passed the checker."""

    plan: PlanBrief


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFailed(Input):
    """No plan could be made."""

    request: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanApproved(Input):
    """Somebody who may has approved a plan; ``job`` is its execution's."""

    generation: int
    job: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRejected(Input):
    """Somebody who may has rejected a plan."""

    generation: int
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFinished(Input):
    """An action of the agent has ended."""

    action_id: str
    ended: Ended
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaEnded(Input):
    """A plan was carried out, or was not; ``at`` is when its saga ended.

    ``removed`` are nodes that are gone by it, ``joined`` those that it has brought, ``capacity_failures`` its requests
    that met no room.
    """

    saga: str
    status: SagaStatus
    reason: str = ""
    removed: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    capacity_failures: tuple[CapacityFailure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChanged(Input):
    """The cluster is to be treated differently from now on."""

    settings: ClusterSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeModeSwitched(Input):
    """The operator has switched safe mode."""

    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick(Input):
    """Time has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConnected(Input):
    """The agent is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLost(Input):
    """Nothing was heard of the agent for longer than HEARTBEAT_TIMEOUT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored(Input):
    """The state was read from storage; commands that leave no row behind may have been lost."""
