"""Publish and subscribe inside one process."""

import fnmatch
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from adapters.redis.fanout import Fanout, QueuedSubscription
from adapters.redis.ports.bus import Message, Subscription


class MemoryBus:
    """A bus for unit tests; `interrupt` does what a lost connection does."""

    def __init__(self) -> None:
        self._fanout = Fanout()
        self.published: list[Message] = []

    async def publish(self, channel: str, body: bytes) -> None:
        """Tell everybody who listens now."""
        self.tell(Message(channel=channel, body=body))

    async def publish_many(self, messages: Sequence[Message]) -> None:
        """Tell several things, in this order."""
        for message in messages:
            self.tell(message)

    @asynccontextmanager
    async def subscribe(
        self, *channels: str, patterns: Sequence[str] = (), capacity: int = 1_000
    ) -> AsyncIterator[Subscription]:
        """Listen while the context is open."""
        subscription = QueuedSubscription(channels, patterns, capacity)
        self._fanout.add(subscription)
        try:
            yield subscription
        finally:
            self._fanout.remove(subscription)

    def tell(self, message: Message) -> None:
        """Publish without waiting, as the stores do that change and tell in one step."""
        self.published.append(message)
        self._fanout.to_channel(message)
        for pattern in self._fanout.patterns:
            if fnmatch.fnmatchcase(message.channel, pattern):
                self._fanout.to_pattern(pattern, message)

    def interrupt(self) -> None:
        """Lose the connection and find it again."""
        self._fanout.interrupted()

    async def aclose(self) -> None:
        """End all subscriptions."""
        self._fanout.close()
