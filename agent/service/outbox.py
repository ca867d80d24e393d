"""What waits for the service, bounded in bytes: the oldest measurements go first, events and results last."""

import asyncio
import zlib
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson

from agent.clock import Clock
from agent.kubernetes.api import JsonObject
from agent.telemetry import Telemetry
from domain.wire.messages import ResultBody

MAX_BYTES = 8 << 20
"""About an hour of measurements of 5 000 pods."""

WORTH_SENDING = timedelta(minutes=5)
"""The service ignores events that are older, and fails actions without a result after as long."""

_LEVEL = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measurement: a message `domain.wire.messages.Metrics`, as compressed JSON."""

    packed: bytes = field(repr=False)

    def text(self) -> bytes:
        """The JSON."""
        return zlib.decompress(self.packed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An event or a result, as JSON, and when it was put here."""

    text: bytes = field(repr=False)
    at: datetime


class Lane:
    """Things of one sort, in order, each known by a key."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}
        self._any = asyncio.Event()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    async def wait(self) -> None:
        """Until something is there."""
        await self._any.wait()

    def put(self, key: str, waiting: Waiting) -> bool:
        """Add something; what has its key already stays as it is. Whether it was new."""
        if key in self._waiting:
            return False
        self._waiting[key] = waiting
        self.bytes += len(waiting.text)
        self._any.set()
        return True

    def first(self, most: int) -> list[tuple[str, bytes]]:
        """The oldest ones, which stay here until `done`."""
        return [(key, waiting.text) for key, waiting in list(self._waiting.items())[:most]]

    def done(self, keys: list[str]) -> None:
        """They need not be sent any more."""
        for key in keys:
            waiting = self._waiting.pop(key, None)
            self.bytes -= len(waiting.text) if waiting else 0
        if not self._waiting:
            self._any.clear()

    def older_than(self, moment: datetime) -> list[str]:
        """Keys of what was put here before."""
        return [key for key, waiting in self._waiting.items() if waiting.at < moment]


class Outbox:
    """Events, measurements and results that wait. Lost when the process ends.

    Beyond ``max_bytes`` the oldest measurements are dropped. An event or a result is only ever dropped when all of them
    together are too much and it is so old that the service ignores it.
    """

    def __init__(self, clock: Clock, telemetry: Telemetry, *, max_bytes: int = MAX_BYTES) -> None:
        self._clock = clock
        self._telemetry = telemetry
        self._max_bytes = max_bytes
        self._samples: deque[Sample] = deque()
        self._sampled = asyncio.Event()
        self._sample_bytes = 0
        self.events = Lane()
        self.results = Lane()

    def __len__(self) -> int:
        """Bodies that wait."""
        return len(self._samples) + len(self.results) + bool(len(self.events))

    @property
    def bytes(self) -> int:
        """What waits in all."""
        return self._sample_bytes + self.events.bytes + self.results.bytes

    @property
    def samples(self) -> int:
        """Measurements that wait."""
        return len(self._samples)

    def put(self, event: JsonObject) -> None:
        """Take an event for the service."""
        if self.events.put(event["event_id"], Waiting(text=orjson.dumps(event), at=self._clock.now())):
            self._telemetry.events.labels(event["event_type"]).inc()
        self._keep_within_bounds()

    def put_result(self, action_id: str, result: ResultBody) -> None:
        """Take the result of an action. A later one of the same action replaces it."""
        self.results.done([action_id])
        self.results.put(action_id, Waiting(text=result.model_dump_json().encode(), at=self._clock.now()))
        self._keep_within_bounds()

    def put_sample(self, metrics: JsonObject) -> None:
        """Take a measurement."""
        sample = Sample(packed=zlib.compress(orjson.dumps(metrics), _LEVEL))
        self._samples.append(sample)
        self._sample_bytes += len(sample.packed)
        self._sampled.set()
        self._keep_within_bounds()

    async def wait_for_sample(self) -> None:
        """Until a measurement is there."""
        await self._sampled.wait()

    def oldest_sample(self) -> Sample | None:
        """The next measurement to send, which stays here until `sample_done`."""
        return self._samples[0] if self._samples else None

    def is_newest(self, sample: Sample) -> bool:
        """Whether no measurement waits behind this one."""
        return bool(self._samples) and self._samples[-1] is sample

    def sample_done(self, sample: Sample) -> None:
        """It need not be sent any more; it may have been dropped meanwhile."""
        if self._samples and self._samples[0] is sample:
            self._drop_sample()

    def _keep_within_bounds(self) -> None:
        while self.bytes > self._max_bytes and self._samples:
            self._drop_sample()
            self._telemetry.dropped.labels("metrics", "no room").inc()
        for kind, lane in (("events", self.events), ("results", self.results)):
            if self.bytes > self._max_bytes:
                old = lane.older_than(self._clock.now() - WORTH_SENDING)
                lane.done(old)
                self._telemetry.dropped.labels(kind, "too old").inc(len(old))
        self._telemetry.buffered_bytes.set(self.bytes)

    def _drop_sample(self) -> None:
        self._sample_bytes -= len(self._samples.popleft().packed)
        if not self._samples:
            self._sampled.clear()
