"""Answers kept for a few seconds, asked for once however many want them at the same time."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from adapters.clock import Clock

Name = TypeVar("Name", bound=Hashable)
Value = TypeVar("Value")


class Remembered(Generic[Name, Value]):
    """A bounded memory in front of something slower. Absent answers (``None``) are not kept.

    Parameters
    ----------
    look_up
        Asked when nothing is remembered.
    ttl_s
        How long an answer is believed.
    capacity
        Answers kept; the oldest goes first.
    """

    def __init__(
        self, look_up: Callable[[Name], Awaitable[Value | None]], clock: Clock, *, ttl_s: float, capacity: int
    ) -> None:
        self._look_up = look_up
        self._clock = clock
        self._ttl_s = ttl_s
        self._capacity = capacity
        self._kept: OrderedDict[Name, tuple[float, Value]] = OrderedDict()
        self._under_way: dict[Name, asyncio.Task[Value | None]] = {}
        self._forgotten = 0

    async def get(self, name: Name) -> Value | None:
        """The answer, remembered or fresh."""
        kept = self._kept.get(name)
        if kept is not None and kept[0] > self._clock.monotonic():
            return kept[1]
        task = self._under_way.get(name)
        if task is None:
            task = self._under_way[name] = asyncio.create_task(self._fetch(name))
            task.add_done_callback(lambda done: self._ended(name, done))
        return await asyncio.shield(task)

    def drop(self, name: Name) -> None:
        """Forget one answer."""
        self._forgotten += 1
        self._kept.pop(name, None)

    def forget(self, matches: Callable[[Value], bool]) -> None:
        """Forget the answers that match, and distrust those that are under way."""
        self._forgotten += 1
        for name in [name for name, (_, value) in self._kept.items() if matches(value)]:
            del self._kept[name]

    def clear(self) -> None:
        """Forget everything."""
        self._forgotten += 1
        self._kept.clear()

    async def _fetch(self, name: Name) -> Value | None:
        before = self._forgotten
        value = await self._look_up(name)
        if value is not None and before == self._forgotten:
            self._kept[name] = (self._clock.monotonic() + self._ttl_s, value)
            self._kept.move_to_end(name)
            if len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return value

    def _ended(self, name: Name, task: asyncio.Task[Value | None]) -> None:
        self._under_way.pop(name, None)
        if not task.cancelled():
            task.exception()  # those who wait raise it; nobody may be left
