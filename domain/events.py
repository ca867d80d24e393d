"""What an agent reports of its cluster: six kinds of events, each a frozen value.

``domain.wire.events`` reads them from JSON. Times are UTC and come from the agent's clock.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum

from domain.market import Pool
from domain.workload import Owner

EVENT_MAX_AGE = timedelta(minutes=5)
"""Older events are ignored: whatever they warn of has happened. Event ids are remembered as long."""

INTERRUPTION_NOTICE = timedelta(minutes=2)
"""What AWS gives between the notice and the end (EC2 user guide, Spot instance interruption notices, read 2026-10)."""

INSUFFICIENT = "Insufficient "
"""How the scheduler's messages name a lack of a resource: ``Insufficient cpu``."""


class EventKind(StrEnum):
    """Kinds of agent events, in the words of the wire."""

    INTERRUPTION = "spot_interruption_warning"
    REBALANCE = "rebalance_recommendation"
    OOM_KILLED = "oom_killed"
    NODE_NOT_READY = "node_not_ready"
    POD_PENDING = "pod_pending"
    POD_EVICTED = "pod_evicted"


class EventPriority(IntEnum):
    """Order of handling, the smallest first."""

    INTERRUPTION = 0
    OOM_KILLED = 1
    REST = 2


class SpotAction(StrEnum):
    """What AWS does to an interrupted instance. Hibernation begins at once, without the two minutes."""

    TERMINATE = "terminate"
    STOP = "stop"
    HIBERNATE = "hibernate"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentEvent:
    """What all events have in common.

    Parameters
    ----------
    id
        Made by the agent; the same occurrence keeps its id however often it is sent.
    cluster
        Id of the cluster whose agent sent it.
    at
        When the agent saw it (UTC).
    """

    id: str
    cluster: str
    at: datetime

    def __post_init__(self) -> None:
        if not self.id or not self.cluster:
            raise ValueError("an event needs an id and a cluster")
        if self.at.utcoffset() != timedelta(0):
            raise ValueError(f"the time of event {self.id} must be UTC")

    @property
    def kind(self) -> EventKind:
        """Which of the six it is."""
        return _KINDS[type(self)]

    @property
    def priority(self) -> EventPriority:
        """When its turn comes."""
        return _PRIORITIES.get(self.kind, EventPriority.REST)

    def is_stale(self, now: datetime) -> bool:
        """Whether it is too old to be acted upon. An event of a clock that runs ahead is not."""
        return now - self.at > EVENT_MAX_AGE


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotInterruption(AgentEvent):
    """AWS takes an instance. ``node`` is its Kubernetes name, empty when the agent does not know it.

    ``terminate_at`` is when it ends (UTC): two minutes after the notice unless the notice says otherwise.
    """

    instance_id: str
    pool: Pool
    terminate_at: datetime
    node: str = ""
    action: SpotAction = SpotAction.TERMINATE

    def is_stale(self, now: datetime) -> bool:
        """AWS says when the instance ends: before that the notice counts, however wrong the agent's clock is."""
        return AgentEvent.is_stale(self, now) and self.terminate_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class RebalanceRecommendation(AgentEvent):
    """AWS sees a raised risk for an instance: a signal, not a sentence."""

    instance_id: str
    pool: Pool
    node: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OomKilled(AgentEvent):
    """A container was killed for want of memory. ``limit_bytes`` is its limit at that time, 0 when it had none."""

    namespace: str
    pod: str
    container: str
    owner: Owner | None = None
    node: str = ""
    limit_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeNotReady(AgentEvent):
    """A node stopped being ready. Instance and pool are known for nodes of AWS."""

    node: str
    reason: str = ""
    instance_id: str = ""
    pool: Pool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPending(AgentEvent):
    """A pod that no node takes. ``message`` is the scheduler's."""

    namespace: str
    pod: str
    reason: str = ""
    message: str = ""

    @property
    def lacks_capacity(self) -> bool:
        """Whether a further node could help: the scheduler misses a resource somewhere."""
        return INSUFFICIENT in self.message or self.reason.startswith(INSUFFICIENT.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class PodEvicted(AgentEvent):
    """A kubelet has ended a pod for want of memory, disk or process ids on its node. ``message`` is the kubelet's."""

    namespace: str
    pod: str
    owner: Owner | None = None
    node: str = ""
    message: str = ""


_KINDS: dict[type[AgentEvent], EventKind] = {
    SpotInterruption: EventKind.INTERRUPTION,
    RebalanceRecommendation: EventKind.REBALANCE,
    OomKilled: EventKind.OOM_KILLED,
    NodeNotReady: EventKind.NODE_NOT_READY,
    PodPending: EventKind.POD_PENDING,
    PodEvicted: EventKind.POD_EVICTED,
}
_PRIORITIES = {
    EventKind.INTERRUPTION: EventPriority.INTERRUPTION,
    EventKind.OOM_KILLED: EventPriority.OOM_KILLED,
}


def priority_of(event_type: str) -> EventPriority:
    """Priority of an event that is known by its wire name only; unknown names come last."""
    try:
        return _PRIORITIES.get(EventKind(event_type), EventPriority.REST)
    except ValueError:
        return EventPriority.REST


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC.

    Raises
    ------
    ValueError
        When it names no time zone.
    """
    if moment.utcoffset() is None:
        raise ValueError(f"{moment.isoformat()} names no time zone")
    return moment.astimezone(UTC)
