"""Who listens to what inside one process: one connection's messages, handed to many subscribers."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable, Sequence

from adapters.redis.ports.bus import Gap, GapCause, Message


class QueuedSubscription:
    """A subscriber's bounded queue. The oldest goes when it is full, and the reader is told before the next message."""

    def __init__(self, channels: Sequence[str], patterns: Sequence[str], capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"a subscriber's queue holds at least one message, not {capacity}")
        self.channels = tuple(dict.fromkeys(channels))
        self.patterns = tuple(dict.fromkeys(patterns))
        if not self.channels and not self.patterns:
            raise ValueError("a subscription names a channel or a pattern")
        self._capacity = capacity
        self._queue: deque[Message] = deque()
        self._gap: Gap | None = None
        self._dropped = 0
        self._closed = False
        self._changed = asyncio.Event()

    @property
    def dropped(self) -> int:
        """Messages dropped since the beginning."""
        return self._dropped

    def put(self, message: Message) -> None:
        """Queue a message; never waits."""
        if len(self._queue) >= self._capacity:
            self._queue.popleft()
            self._dropped += 1
            self._note(GapCause.OVERFLOW, dropped=1)
        self._queue.append(message)
        self._changed.set()

    def interrupted(self) -> None:
        """The connection was lost and is back. What still waits is older than the state to be read anew, so it goes."""
        self._dropped += len(self._queue)
        self._note(GapCause.RECONNECTED, dropped=len(self._queue))
        self._queue.clear()
        self._changed.set()

    def close(self) -> None:
        """End the iteration once what waits has been read."""
        self._closed = True
        self._changed.set()

    def __aiter__(self) -> AsyncIterator[Message | Gap]:
        return self

    async def __anext__(self) -> Message | Gap:
        while True:
            if self._gap is not None:
                gap, self._gap = self._gap, None
                return gap
            if self._queue:
                return self._queue.popleft()
            if self._closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()

    def _note(self, cause: GapCause, *, dropped: int) -> None:
        if self._gap is not None:
            dropped += self._gap.dropped
            cause = GapCause.RECONNECTED if GapCause.RECONNECTED in (cause, self._gap.cause) else cause
        self._gap = Gap(cause=cause, dropped=dropped)


class Fanout:
    """Subscribers by channel and by pattern."""

    def __init__(self) -> None:
        self._channels: defaultdict[str, list[QueuedSubscription]] = defaultdict(list)
        self._patterns: defaultdict[str, list[QueuedSubscription]] = defaultdict(list)

    @property
    def channels(self) -> frozenset[str]:
        """Channels somebody listens to."""
        return frozenset(self._channels)

    @property
    def patterns(self) -> frozenset[str]:
        """Patterns somebody listens to."""
        return frozenset(self._patterns)

    def add(self, subscription: QueuedSubscription) -> None:
        """Take a subscriber in."""
        for name in subscription.channels:
            self._channels[name].append(subscription)
        for name in subscription.patterns:
            self._patterns[name].append(subscription)

    def remove(self, subscription: QueuedSubscription) -> None:
        """Let a subscriber go."""
        _take_out(self._channels, subscription.channels, subscription)
        _take_out(self._patterns, subscription.patterns, subscription)

    def to_channel(self, message: Message) -> None:
        """Hand a message to those who asked for exactly its channel."""
        for subscription in self._channels.get(message.channel, ()):
            subscription.put(message)

    def to_pattern(self, pattern: str, message: Message) -> None:
        """Hand a message to those who asked for this pattern."""
        for subscription in self._patterns.get(pattern, ()):
            subscription.put(message)

    def interrupted(self) -> None:
        """Tell everybody that the connection was lost and is back."""
        for subscription in self._subscriptions():
            subscription.interrupted()

    def close(self) -> None:
        """Tell everybody that nothing more comes."""
        for subscription in self._subscriptions():
            subscription.close()

    def _subscriptions(self) -> tuple[QueuedSubscription, ...]:
        lists = [*self._channels.values(), *self._patterns.values()]
        return tuple(dict.fromkeys(subscription for one in lists for subscription in one))


def _take_out(
    by_name: dict[str, list[QueuedSubscription]], names: Iterable[str], subscription: QueuedSubscription
) -> None:
    for name in names:
        by_name[name].remove(subscription)
        if not by_name[name]:
            del by_name[name]
