"""The queue of events on Redis Streams: a stream per priority, one consumer group, every step one script."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from adapters.clock import Clock
from adapters.redis import keys, wire
from adapters.redis.batching import Batcher
from adapters.redis.connection import translated
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
from adapters.redis.scripts import script
from domain.errors import TransientError
from domain.events import EventPriority

LONGEST_BLOCK_S = 2.0
"""Of one waiting read: well below the time after which the connection counts as dead."""
LONGEST_CLAIM_PAUSE_S = 1.0
"""How often a consumer looks for what others left behind."""

STREAMS = tuple(keys.events(str(int(level))) for level in EventPriority)
DELAYED, DEAD, COUNTS = keys.events("delayed"), keys.events("dead"), keys.events("counts")

Argument = str | bytes | int


@dataclass(slots=True)
class _Life:
    """What one consumer of this process knows.

    ``held_from`` says, per priority, after which entry to look for deliveries that Redis believes in our hands: at
    first those of an earlier life, later those whose answer was lost on the way.
    """

    in_hand: set[tuple[EventPriority, str]] = field(default_factory=set)
    held_from: dict[EventPriority, str] = field(default_factory=lambda: dict.fromkeys(EventPriority, "0"))
    held_is_tried: bool = True
    looked_s: float = 0.0


class RedisEventStream:
    """The queue. What is accepted is in the append-only file before the answer leaves Redis.

    Acknowledged entries are deleted, so that a stream's length is what waits and what is in hand. Times within the
    queue are Redis' own; only the age of an offered event is measured by our clock.

    Parameters
    ----------
    client
        Its waiting reads occupy one connection per consumer.
    """

    def __init__(self, client: Redis, clock: Clock, rules: EventRules | None = None) -> None:
        self._client = client
        self._clock = clock
        self._rules = rules or EventRules()
        self._lives: defaultdict[str, _Life] = defaultdict(_Life)
        self._offers = Batcher(self.offer_many)
        self._offer = client.register_script(script("offer"))
        self._take = client.register_script(script("take"))
        self._ack = client.register_script(script("ack"))
        self._fail = client.register_script(script("fail"))
        self._depth = client.register_script(script("depth"))
        self._requeue = client.register_script(script("requeue"))

    async def offer(self, event: Event) -> Offered:
        """Hand in one event; those handed in at the same time go in one round trip."""
        return await self._offers.add(event)

    async def offer_many(self, events: Sequence[Event]) -> tuple[Offered, ...]:
        """Hand in several in one round trip."""
        if not events:
            return ()
        now = self._clock.now()
        seen = [keys.event_seen(event.cluster_id, event.event_id) for event in events]
        arguments: list[Argument] = [self._rules.capacity, _ms(self._rules.dedupe_s)]
        for event in events:
            stale = (now - event.occurred_at).total_seconds() > self._rules.max_age_s
            arguments += [int(event.priority), b"" if stale else wire.dump_event(event)]
        with translated("offer events"):
            answers = await self._offer([COUNTS, *STREAMS, *seen], arguments)
        return tuple(Offered(answer.decode()) for answer in answers)

    async def take(
        self,
        consumer: str,
        *,
        limit: int = 10,
        wait_s: float = 0.0,
        priorities: Sequence[EventPriority] = ALL_PRIORITIES,
    ) -> tuple[Delivery, ...]:
        """Take what is to be handled next, the most urgent first."""
        life = self._lives[consumer]
        wanted = sorted(set(priorities))
        try:
            due_s, taken = await self._take_now(consumer, life, limit, wanted)
            if not taken and wait_s > 0:
                taken = await self._take_later(consumer, limit, min(wait_s, due_s, LONGEST_BLOCK_S), wanted)
        except TransientError:
            # An answer may have been lost after Redis had handed something out: it is looked for at the next call.
            life.held_from, life.held_is_tried = dict.fromkeys(EventPriority, "0"), False
            raise
        life.in_hand.update((one.event.priority, one.entry_id) for one in taken)
        return taken

    async def ack(self, *deliveries: Delivery) -> None:
        """Say that these have been handled."""
        if not deliveries:
            return
        arguments: list[Argument] = [keys.EVENT_GROUP, len(LATENCY_BUCKETS_MS), *LATENCY_BUCKETS_MS]
        for one in deliveries:
            arguments += [int(one.event.priority), one.entry_id, wire.to_ms(one.offered_at)]
        with translated("acknowledge events"):
            await self._ack([COUNTS, *STREAMS], arguments)
        self._let_go(*deliveries)

    async def fail(self, delivery: Delivery, reason: str) -> Failed:
        """Say that one could not be handled."""
        last = delivery.attempt >= self._rules.tries
        event = delivery.event
        arguments: list[Argument] = [
            keys.EVENT_GROUP,
            delivery.entry_id,
            int(event.priority),
            delivery.attempt,
            wire.to_ms(delivery.offered_at),
            wire.dump_event(event),
            -1 if last else _ms(self._rules.backoff_s(delivery.attempt)),
            reason,
            self._rules.dead_capacity,
        ]
        with translated("put an event aside"):
            await self._fail([COUNTS, DELAYED, DEAD, STREAMS[event.priority]], arguments)
        self._let_go(delivery)
        return Failed.DEAD if last else Failed.RETRY

    async def depth(self) -> Depth:
        """How much lies where, now."""
        with translated("measure the queue"):
            delayed, dead, oldest_ms, *lengths = await self._depth([DELAYED, DEAD, *STREAMS], [keys.EVENT_GROUP])
        total, in_hand = lengths[::2], lengths[1::2]
        return Depth(
            waiting={level: total[level] - in_hand[level] for level in EventPriority},
            in_hand={level: in_hand[level] for level in EventPriority},
            delayed=delayed,
            dead=dead,
            oldest_waiting_s=oldest_ms / 1_000,
        )

    async def counts(self) -> Counts:
        """What has been done so far."""
        with translated("count events"):
            stored: Mapping[Any, Any] = await self._client.hgetall(COUNTS)
        numbers = {name.decode(): int(number) for name, number in stored.items()}
        edges = {f"latency:{edge}": edge for edge in LATENCY_BUCKETS_MS} | {"latency:more": None}
        latency_ms = {edges[name]: numbers.pop(name) for name in tuple(numbers) if name in edges}
        return Counts(**numbers, latency_ms=latency_ms)

    async def dead_letters(self, *, limit: int = 100, after: str = "") -> tuple[DeadLetter, ...]:
        """Events given up, the oldest first."""
        with translated("read dead letters"):
            entries: Any = await self._client.xrange(DEAD, min=f"({after}" if after else "-", count=limit)
        return tuple(_dead_letter(name, fields) for name, fields in entries)

    async def requeue(self, letter_id: str) -> bool:
        """Give a dead letter its tries anew."""
        with translated("requeue a dead letter"):
            return bool(await self._requeue([DEAD, *STREAMS], [letter_id]))

    async def discard(self, letter_id: str) -> bool:
        """Throw a dead letter away."""
        with translated("discard a dead letter"):
            return bool(await self._client.xdel(DEAD, letter_id))

    async def _take_now(
        self, consumer: str, life: _Life, limit: int, wanted: Sequence[EventPriority]
    ) -> tuple[float, tuple[Delivery, ...]]:
        """Without waiting: the time until a delayed event is due, and what there is."""
        while True:
            cursors: list[Argument] = []
            for level in wanted:
                cursors += [int(level), life.held_from.get(level, "")]
            due_ms, entries = await self._run_take(self._take_arguments(consumer, life, limit) + cursors)
            self._move_on(life, entries, limit, wanted)
            taken = tuple(_delivery(entry) for entry in entries)
            taken = tuple(one for one in taken if (one.event.priority, one.entry_id) not in life.in_hand)
            if taken or not entries:
                return (due_ms / 1_000 if due_ms >= 0 else LONGEST_BLOCK_S), taken

    def _take_arguments(self, consumer: str, life: _Life, limit: int) -> list[Argument]:
        tried = "tried" if life.held_is_tried else ""
        rules = self._rules
        return [keys.EVENT_GROUP, consumer, limit, rules.tries, rules.dead_capacity, self._claim_ms(life), tried]

    async def _run_take(self, arguments: list[Argument]) -> tuple[int, list[Any]]:
        with translated("take events"):
            try:
                due_ms, entries = await self._take([COUNTS, DELAYED, DEAD, *STREAMS], arguments)
            except ResponseError as err:
                if "NOGROUP" not in str(err):
                    raise
                await self._make_groups()
                due_ms, entries = await self._take([COUNTS, DELAYED, DEAD, *STREAMS], arguments)
        return due_ms, entries

    async def _take_later(
        self, consumer: str, limit: int, wait_s: float, wanted: Sequence[EventPriority]
    ) -> tuple[Delivery, ...]:
        """Wait for something new."""
        streams: dict[Any, Any] = {STREAMS[level]: ">" for level in wanted}
        block_ms = max(1, _ms(wait_s))
        with translated("wait for events"):
            answer = await self._client.xreadgroup(keys.EVENT_GROUP, consumer, streams, count=limit, block=block_ms)
        return tuple(_read_delivery(entry) for _, entries in _pairs(answer) for entry in entries)

    async def _make_groups(self) -> None:
        for stream in STREAMS:
            try:
                await self._client.xgroup_create(stream, keys.EVENT_GROUP, id="0", mkstream=True)
            except ResponseError as err:
                if "BUSYGROUP" not in str(err):
                    raise

    def _claim_ms(self, life: _Life) -> int:
        """After how long to take over what others hold; 0 where that was looked at just now."""
        now_s = self._clock.monotonic()
        if now_s - life.looked_s < min(LONGEST_CLAIM_PAUSE_S, self._rules.claim_after_s / 4):
            return 0
        life.looked_s = now_s
        return _ms(self._rules.claim_after_s)

    def _move_on(self, life: _Life, entries: list[Any], limit: int, wanted: Sequence[EventPriority]) -> None:
        for level in wanted:
            held = [entry[1].decode() for entry in entries if entry[0] == level and entry[5]]
            if held:
                life.held_from[level] = held[-1]
            elif len(entries) < limit:
                life.held_from.pop(level, None)
        life.held_is_tried = life.held_is_tried and bool(life.held_from)

    def _let_go(self, *deliveries: Delivery) -> None:
        for life in self._lives.values():
            life.in_hand.difference_update((one.event.priority, one.entry_id) for one in deliveries)


def _ms(seconds: float) -> int:
    return round(seconds * 1_000)


def _delivery(entry: Sequence[Any]) -> Delivery:
    _, entry_id, attempt, offered_ms, record, _ = entry
    return Delivery(
        event=wire.parse_event(record),
        entry_id=entry_id.decode(),
        attempt=int(attempt),
        offered_at=wire.from_ms(int(offered_ms)),
    )


def _read_delivery(entry: Sequence[Any]) -> Delivery:
    entry_id, fields = entry
    return _delivery((None, entry_id, fields[b"attempt"], fields[b"offered"], fields[b"record"], None))


def _pairs(answer: Any) -> list[tuple[Any, Any]]:
    if isinstance(answer, Mapping):
        return [(stream, batch[0]) for stream, batch in answer.items()]
    return list(answer or ())


def _dead_letter(name: bytes, fields: Mapping[bytes, bytes]) -> DeadLetter:
    return DeadLetter(
        letter_id=name.decode(),
        event=wire.parse_event(fields[b"record"]),
        attempts=int(fields[b"attempts"]),
        reason=fields[b"reason"].decode(),
        died_at=wire.from_ms(int(fields[b"died"])),
    )
