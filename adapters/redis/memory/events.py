"""The queue of events inside one process, by the same rules."""

import asyncio
from bisect import bisect_left
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from adapters.clock import Clock
from adapters.redis.ports.events import (
    ALL_PRIORITIES,
    LATENCY_BUCKETS_MS,
    Counts,
    DeadLetter,
    Delivery,
    Depth,
    Event,
    EventRules,
    Failed,
    Offered,
)
from domain.events import EventPriority


@dataclass(slots=True, kw_only=True)
class _InHand:
    delivery: Delivery
    consumer: str
    since_s: float


class MemoryEventStream:
    """A queue of events for unit tests; times come from the clock it is given."""

    def __init__(self, clock: Clock, rules: EventRules | None = None) -> None:
        self._clock = clock
        self._rules = rules or EventRules()
        self._waiting: dict[EventPriority, OrderedDict[str, Delivery]] = {
            level: OrderedDict() for level in EventPriority
        }
        self._in_hand: OrderedDict[str, _InHand] = OrderedDict()
        self._delayed: list[tuple[float, Delivery]] = []
        self._dead: OrderedDict[str, DeadLetter] = OrderedDict()
        self._seen: dict[tuple[str, str], float] = {}
        self._known_consumers: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._latency: Counter[int | None] = Counter()
        self._last_id = 0
        self._arrived = asyncio.Event()

    async def offer(self, event: Event) -> Offered:
        """Hand in one event."""
        answer = self._judge(event)
        self._counts[answer] += 1
        if answer is Offered.ACCEPTED:
            self._seen[event.cluster_id, event.event_id] = self._clock.monotonic() + self._rules.dedupe_s
            self._put(Delivery(event=event, entry_id="", attempt=1, offered_at=self._clock.now()))
        return answer

    async def offer_many(self, events: Sequence[Event]) -> tuple[Offered, ...]:
        """Hand in several."""
        return tuple([await self.offer(event) for event in events])

    async def take(
        self,
        consumer: str,
        *,
        limit: int = 10,
        wait_s: float = 0.0,
        priorities: Sequence[EventPriority] = ALL_PRIORITIES,
    ) -> tuple[Delivery, ...]:
        """Take what is to be handled next, the most urgent first."""
        taken = self._take(consumer, limit, priorities)
        if not taken and wait_s > 0:
            await self._wait(wait_s)
            taken = self._take(consumer, limit, priorities)
        return taken

    async def ack(self, *deliveries: Delivery) -> None:
        """Say that these have been handled."""
        for delivery in deliveries:
            if self._in_hand.pop(delivery.entry_id, None) is None:
                continue
            self._counts["done"] += 1
            latency_ms = (self._clock.now() - delivery.offered_at) / timedelta(milliseconds=1)
            edge = bisect_left(LATENCY_BUCKETS_MS, latency_ms)
            self._latency[LATENCY_BUCKETS_MS[edge] if edge < len(LATENCY_BUCKETS_MS) else None] += 1

    async def fail(self, delivery: Delivery, reason: str) -> Failed:
        """Say that one could not be handled."""
        last = delivery.attempt >= self._rules.tries
        if self._in_hand.pop(delivery.entry_id, None) is not None:
            self._give_up(delivery, reason) if last else self._delay(delivery)
        return Failed.DEAD if last else Failed.RETRY

    async def depth(self) -> Depth:
        """How much lies where, now."""
        in_hand = Counter(held.delivery.event.priority for held in self._in_hand.values())
        waiting = [one for level in EventPriority for one in self._waiting[level].values()]
        oldest = min((one.offered_at for one in waiting), default=self._clock.now())
        return Depth(
            waiting={level: len(self._waiting[level]) for level in EventPriority},
            in_hand={level: in_hand[level] for level in EventPriority},
            delayed=len(self._delayed),
            dead=len(self._dead),
            oldest_waiting_s=(self._clock.now() - oldest).total_seconds(),
        )

    async def counts(self) -> Counts:
        """What has been done so far."""
        return Counts(**self._counts, latency_ms=dict(self._latency))

    async def dead_letters(self, *, limit: int = 100, after: str = "") -> tuple[DeadLetter, ...]:
        """Events given up, the oldest first."""
        return tuple([letter for name, letter in self._dead.items() if name > after][:limit])

    async def requeue(self, letter_id: str) -> bool:
        """Give a dead letter its tries anew."""
        letter = self._dead.pop(letter_id, None)
        if letter is not None:
            self._put(Delivery(event=letter.event, entry_id="", attempt=1, offered_at=self._clock.now()))
        return letter is not None

    async def discard(self, letter_id: str) -> bool:
        """Throw a dead letter away."""
        return self._dead.pop(letter_id, None) is not None

    def _judge(self, event: Event) -> Offered:
        if (self._clock.now() - event.occurred_at).total_seconds() > self._rules.max_age_s:
            return Offered.STALE
        if self._seen.get((event.cluster_id, event.event_id), 0.0) > self._clock.monotonic():
            return Offered.DUPLICATE
        in_hand = sum(held.delivery.event.priority is event.priority for held in self._in_hand.values())
        room = self._rules.capacity - len(self._waiting[event.priority]) - in_hand
        return Offered.ACCEPTED if room > 0 else Offered.FULL

    def _put(self, delivery: Delivery) -> None:
        entry_id = self._next_id()
        self._waiting[delivery.event.priority][entry_id] = replace(delivery, entry_id=entry_id)
        self._arrived.set()

    def _next_id(self) -> str:
        self._last_id += 1
        return f"{self._last_id:012}-0"

    def _take(self, consumer: str, limit: int, priorities: Sequence[EventPriority]) -> tuple[Delivery, ...]:
        self._arrived.clear()
        self._release_delayed()
        taken: list[Delivery] = []
        for level in sorted(priorities):
            for delivery in self._left_behind(consumer, level):
                if len(taken) < limit:
                    taken += self._take_over(delivery, consumer)
            while self._waiting[level] and len(taken) < limit:
                taken.append(self._hold(self._waiting[level].popitem(last=False)[1], consumer))
        self._known_consumers.add(consumer)
        return tuple(taken)

    def _hold(self, delivery: Delivery, consumer: str) -> Delivery:
        self._in_hand[delivery.entry_id] = _InHand(
            delivery=delivery, consumer=consumer, since_s=self._clock.monotonic()
        )
        return delivery

    def _left_behind(self, consumer: str, level: EventPriority) -> Iterator[Delivery]:
        """What others hold for too long, and what an earlier life of this consumer held."""
        reborn = consumer not in self._known_consumers
        for held in tuple(self._in_hand.values()):
            overdue = self._clock.monotonic() - held.since_s >= self._rules.claim_after_s
            if held.delivery.event.priority is level and (overdue or (reborn and held.consumer == consumer)):
                yield held.delivery

    def _take_over(self, delivery: Delivery, consumer: str) -> list[Delivery]:
        self._counts["taken_over"] += 1
        del self._in_hand[delivery.entry_id]
        if delivery.attempt >= self._rules.tries:
            self._give_up(delivery, "its consumer died at every try")
            return []
        return [self._hold(replace(delivery, attempt=delivery.attempt + 1), consumer)]

    def _release_delayed(self) -> None:
        due = [one for one in self._delayed if one[0] <= self._clock.monotonic()]
        self._delayed = [one for one in self._delayed if one not in due]
        for _, delivery in due:
            self._put(delivery)

    def _delay(self, delivery: Delivery) -> None:
        self._counts["retried"] += 1
        due_s = self._clock.monotonic() + self._rules.backoff_s(delivery.attempt)
        self._delayed.append((due_s, replace(delivery, attempt=delivery.attempt + 1)))

    def _give_up(self, delivery: Delivery, reason: str) -> None:
        self._counts["died"] += 1
        name = self._next_id()
        self._dead[name] = DeadLetter(
            letter_id=name,
            event=delivery.event,
            attempts=delivery.attempt,
            reason=reason,
            died_at=self._clock.now(),
        )
        while len(self._dead) > self._rules.dead_capacity:
            self._dead.popitem(last=False)

    def restart(self, consumer: str) -> None:
        """Forget a consumer's life, as its death does: its next `take` finds what it held."""
        self._known_consumers.discard(consumer)

    async def _wait(self, wait_s: float) -> None:
        due = [at - self._clock.monotonic() for at, _ in self._delayed]
        sleeper = asyncio.ensure_future(self._clock.sleep(min([wait_s, *due])))
        arrival = asyncio.ensure_future(self._arrived.wait())
        try:
            await asyncio.wait((sleeper, arrival), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in (sleeper, arrival):
                waiter.cancel()
                with suppress(asyncio.CancelledError):
                    await waiter
