"""Time as something that is handed in: the system's clock, and one that a test turns by hand."""

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

TURNS_PER_WAKE_UP = 20
"""Turns of the event loop given to those woken: enough for a chain of awaits, few enough to cost nothing."""


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> datetime:
        """The time of day in UTC; may jump when the machine's clock is set."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Wait for this long; not at all where zero or less."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time of day in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for this long."""
        await asyncio.sleep(max(0.0, seconds))


class VirtualClock:
    """A clock that stands still until it is turned; for tests and simulations.

    Parameters
    ----------
    start
        Time of day at the beginning, in UTC.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        if start.utcoffset() != timedelta(0):
            raise ValueError(f"a clock starts at a time in UTC, not at {start}")
        self._start = start
        self._elapsed_s = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """The time of day in UTC."""
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been turned this far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed_s + seconds, next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Turn the clock, waking sleepers in order of their time; each sees its own time when it wakes."""
        if seconds < 0:
            raise ValueError(f"a clock is not turned back, by {seconds} s")
        end = self._elapsed_s + seconds
        await _let_others_run()
        while self._sleepers and self._sleepers[0][0] <= end:
            self._elapsed_s, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
                await _let_others_run()
        self._elapsed_s = end
        await _let_others_run()


async def _let_others_run() -> None:
    for _ in range(TURNS_PER_WAKE_UP):
        await asyncio.sleep(0)
