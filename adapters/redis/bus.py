"""Publish and subscribe over Redis: one connection listens for all subscribers of a process."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError, RedisError  # noqa: A004

from adapters.clock import Clock
from adapters.redis.connection import TIMEOUT_S, translated
from adapters.redis.fanout import Fanout, QueuedSubscription
from adapters.redis.ports.bus import Message, Subscription
from domain.errors import TransientError

IDLE_S = 5.0
"""A connection that has been silent for this long is asked for a sign of life; silent as long again, it is dead."""
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0
STEADY_S = 5.0
"""A connection that held for this long is followed by a quick try; one that did not, by a longer wait."""

_Name = tuple[str, str]
"""``("subscribe", channel)`` or ``("psubscribe", pattern)``: the command, which is also what its answer is called."""

_logger = logging.getLogger(__name__)


class RedisBus:
    """The bus. It listens from the first subscription until `aclose`, and belongs to one event loop.

    What is listened to is compared with what somebody wants, by one task, whenever that changes; so subscribing,
    leaving and reconnecting are the same thing. Every subscriber is told of a reconnection once its channels are
    confirmed again: what it then reads elsewhere, and what comes after, is complete.

    Parameters
    ----------
    client
        Publishes.
    listener
        Listens; made by `connect_listener`.
    """

    def __init__(self, client: Redis, listener: Redis, clock: Clock) -> None:
        self._client = client
        self._listener = listener
        self._clock = clock
        self._fanout = Fanout()
        self._changed = asyncio.Event()
        self._confirmed: dict[_Name, asyncio.Event] = {}
        self._sent: set[_Name] = set()
        self._answers_due: Counter[_Name] = Counter()
        self._lost = False
        self._task: asyncio.Task[None] | None = None

    async def publish(self, channel: str, body: bytes) -> None:
        """Tell everybody who listens now."""
        with translated("publish"):
            await self._client.publish(channel, body)

    async def publish_many(self, messages: Sequence[Message]) -> None:
        """Tell several things in one round trip, in this order."""
        pipeline = self._client.pipeline(transaction=False)
        for message in messages:
            pipeline.publish(message.channel, message.body)
        with translated("publish"):
            await pipeline.execute()

    @asynccontextmanager
    async def subscribe(
        self, *channels: str, patterns: Sequence[str] = (), capacity: int = 1_000
    ) -> AsyncIterator[Subscription]:
        """Listen while the context is open."""
        subscription = QueuedSubscription(channels, patterns, capacity)
        self._fanout.add(subscription)
        try:
            await self._until_confirmed(_names(subscription.channels, subscription.patterns))
            yield subscription
        finally:
            self._fanout.remove(subscription)
            self._changed.set()

    async def aclose(self) -> None:
        """Stop listening and end all subscriptions."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        self._fanout.close()

    async def _until_confirmed(self, names: set[_Name]) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._listen(), name="bus listener")
        waits = [self._confirmed.setdefault(name, asyncio.Event()) for name in names]
        self._changed.set()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                for confirmed in waits:
                    await confirmed.wait()
        except TimeoutError as err:
            raise TransientError(f"Redis is away, could not subscribe to {sorted(names)}") from err

    async def _listen(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            since_s = self._clock.monotonic()
            try:
                await self._one_connection()
            except* (RedisError, OSError) as errors:
                _logger.warning("the bus lost its connection: %s", errors.exceptions[0])
            self._forget_connection()
            pause_s = FIRST_PAUSE_S if self._clock.monotonic() - since_s > STEADY_S else pause_s
            await self._clock.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _one_connection(self) -> None:
        pubsub = self._listener.pubsub()
        try:
            async with asyncio.TaskGroup() as tasks:
                await pubsub.connect()  # type: ignore[no-untyped-call]
                tasks.create_task(self._ask(pubsub))
                tasks.create_task(self._read(pubsub))
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]

    def _forget_connection(self) -> None:
        for confirmed in self._confirmed.values():
            confirmed.clear()
        self._lost = self._lost or bool(self._sent)
        self._sent.clear()
        self._answers_due.clear()

    async def _ask(self, pubsub: PubSub) -> None:
        """Subscribe to what somebody wants and has not been asked for, leave what nobody wants any more."""
        while True:
            self._changed.clear()
            wanted = _names(self._fanout.channels, self._fanout.patterns)
            more, less = wanted - self._sent, self._sent - wanted
            for name in less:
                self._confirmed.pop(name, None)
            self._sent = wanted
            self._answers_due.update(more)
            await _send(pubsub, more, less)
            self._tell_if_back()
            _heed_cancellation()
            await self._changed.wait()

    async def _read(self, pubsub: PubSub) -> None:
        asked = False
        while True:
            message = await pubsub.get_message(timeout=IDLE_S)
            if message is not None:
                asked = False
                self._handle(message)
            elif asked:
                raise ConnectionError("no sign of life")
            else:
                asked = True
                await pubsub.ping()
            _heed_cancellation()

    def _handle(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "message":
            self._fanout.to_channel(Message(channel=_text(message["channel"]), body=message["data"]))
        elif kind == "pmessage":
            body = Message(channel=_text(message["channel"]), body=message["data"])
            self._fanout.to_pattern(_text(message["pattern"]), body)
        elif kind in ("subscribe", "psubscribe"):
            self._confirm((kind, _text(message["channel"])))

    def _confirm(self, name: _Name) -> None:
        """Count an answer; only the last one that is due tells that we are subscribed now."""
        self._answers_due[name] -= 1
        if self._answers_due[name] > 0:
            return
        del self._answers_due[name]
        if name in self._sent:
            self._confirmed.setdefault(name, asyncio.Event()).set()
        self._tell_if_back()

    def _tell_if_back(self) -> None:
        if self._lost and self._sent and not self._answers_due:
            self._lost = False
            self._fanout.interrupted()


async def _send(pubsub: PubSub, more: set[_Name], less: set[_Name]) -> None:
    for command, ask in (("subscribe", pubsub.subscribe), ("psubscribe", pubsub.psubscribe)):
        if names := [name for kind, name in more if kind == command]:
            await ask(*names)
    for command, leave in (("subscribe", pubsub.unsubscribe), ("psubscribe", pubsub.punsubscribe)):
        if names := [name for kind, name in less if kind == command]:
            await leave(*names)


def _names(channels: Sequence[str] | frozenset[str], patterns: Sequence[str] | frozenset[str]) -> set[_Name]:
    return {("subscribe", name) for name in channels} | {("psubscribe", name) for name in patterns}


def _text(name: bytes) -> str:
    return name.decode(errors="replace")


def _heed_cancellation() -> None:
    """Be cancelled, where the client swallowed it: its writes use `asyncio.wait_for`, which does so before 3.12."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
