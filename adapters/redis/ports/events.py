"""The durable queue of events: by priority, at least once, each event once within five minutes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from domain.events import EventPriority

ALL_PRIORITIES = tuple(EventPriority)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in a cluster.

    Parameters
    ----------
    event_id
        Given by who reports it; unique within its cluster.
    cluster_id
        Where it happened. One cluster's ids never hide another's events.
    occurred_at
        UTC.
    body
        What happened, as JSON; the queue does not read it.
    """

    event_id: str
    cluster_id: str
    priority: EventPriority
    occurred_at: datetime
    body: bytes

    def __post_init__(self) -> None:
        if not self.event_id or not self.cluster_id:
            raise ValueError("an event has an id and a cluster")
        if self.occurred_at.tzinfo is None:
            raise ValueError(f"event {self.event_id} has a time without a time zone")


class Offered(StrEnum):
    """What became of an event that was offered."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    """Accepted before; handled once."""
    STALE = "stale"
    """Older than the queue takes."""
    FULL = "full"
    """No room: offer it again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event in a consumer's hands, until it is acknowledged or has failed.

    Parameters
    ----------
    entry_id
        The queue's own name of this delivery.
    attempt
        1 for the first try.
    offered_at
        When the queue took the event, in UTC: what latency is measured from.
    """

    event: Event
    entry_id: str
    attempt: int
    offered_at: datetime


class Failed(StrEnum):
    """What becomes of an event that failed."""

    RETRY = "retry"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An event given up after its last try."""

    letter_id: str
    event: Event
    attempts: int
    reason: str
    died_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How much lies where. ``waiting`` has been taken by no consumer; ``in_hand`` is being handled."""

    waiting: Mapping[EventPriority, int]
    in_hand: Mapping[EventPriority, int]
    delayed: int
    dead: int
    oldest_waiting_s: float
    """Age of the event that has waited longest, 0 where none waits."""

    @property
    def total(self) -> int:
        """Events still to be handled."""
        return sum(self.waiting.values()) + sum(self.in_hand.values()) + self.delayed


LATENCY_BUCKETS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000)
"""Upper edges of the histogram of the time from offer to acknowledgement; the last bucket is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What the queue has done since it was made; ``latency_ms`` counts acknowledged events per bucket."""

    accepted: int = 0
    duplicate: int = 0
    stale: int = 0
    full: int = 0
    done: int = 0
    retried: int = 0
    taken_over: int = 0
    died: int = 0
    latency_ms: Mapping[int | None, int] = field(default_factory=dict)
    """By upper edge in ms; ``None`` is the open bucket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRules:
    """Limits of the queue.

    Parameters
    ----------
    max_age_s
        Events older than this when offered are not taken (SPEC: 5 min).
    dedupe_s
        How long an event id is remembered (SPEC: 5 min).
    tries
        Attempts before an event is given up.
    retry_base_s
        Wait before the second try; doubles with each.
    claim_after_s
        A delivery in hand for longer than this is taken over by another consumer: the 30 s that one event may take,
        and half as much again.
    capacity
        Events per priority that wait or are in hand; beyond it, `Offered.FULL`. Each priority has its own, so that
        ordinary events never take the room of interruptions.
    dead_capacity
        Dead letters kept; the oldest are dropped.
    """

    max_age_s: float = 300.0
    dedupe_s: float = 300.0
    tries: int = 3
    retry_base_s: float = 1.0
    claim_after_s: float = 45.0
    capacity: int = 50_000
    dead_capacity: int = 10_000

    def __post_init__(self) -> None:
        if min(self.max_age_s, self.dedupe_s, self.retry_base_s, self.claim_after_s) <= 0:
            raise ValueError("the times of a queue are above zero")
        if min(self.tries, self.capacity, self.dead_capacity) < 1:
            raise ValueError("tries and capacities of a queue are at least one")

    def backoff_s(self, attempt: int) -> float:
        """Wait after the attempt of this number has failed."""
        return self.retry_base_s * 2.0 ** (attempt - 1)


class EventStream(Protocol):
    """The queue of events. What it has accepted is handled at least once, or ends among the dead letters.

    All methods raise `TransientError` where the server cannot be reached; an offer whose answer was lost may be
    repeated, the second is then a duplicate.
    """

    async def offer(self, event: Event) -> Offered:
        """Hand in one event."""

    async def offer_many(self, events: Sequence[Event]) -> tuple[Offered, ...]:
        """Hand in several in one round trip; the answers stand in the same order."""

    async def take(
        self,
        consumer: str,
        *,
        limit: int = 10,
        wait_s: float = 0.0,
        priorities: Sequence[EventPriority] = ALL_PRIORITIES,
    ) -> tuple[Delivery, ...]:
        """Take what is to be handled next, the most urgent first.

        Comes back empty when nothing came within the time, or sooner; call it in a loop. Takes over what other
        consumers hold for too long, and what an earlier life of this consumer held.

        Parameters
        ----------
        consumer
            Unique among the living; a consumer that starts again keeps its name.
        limit
            Deliveries at most.
        wait_s
            How long to wait when there are none.
        priorities
            What this consumer takes part in.
        """

    async def ack(self, *deliveries: Delivery) -> None:
        """Say that these have been handled. Repeating it does nothing."""

    async def fail(self, delivery: Delivery, reason: str) -> Failed:
        """Say that one could not be handled: it comes again later, or is given up."""

    async def depth(self) -> Depth:
        """How much lies where, now."""

    async def counts(self) -> Counts:
        """What has been done so far."""

    async def dead_letters(self, *, limit: int = 100, after: str = "") -> tuple[DeadLetter, ...]:
        """Events given up, the oldest first; ``after`` is the last ``letter_id`` of the page before."""

    async def requeue(self, letter_id: str) -> bool:
        """Give a dead letter its tries anew; false where there is none of this id."""

    async def discard(self, letter_id: str) -> bool:
        """Throw a dead letter away; false where there is none of this id."""
