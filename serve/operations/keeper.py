"""Keeps the platform process running: starts it again with growing pauses, and gives up when that is of no use."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from adapters.clock import Clock
from domain.errors import RejectedError, TransientError
from serve.operations.messages import Order, Report, Word

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
"""Before the second start; doubles with each failure in a row."""
STEADY_S = 60.0
"""Whoever was ready for so long has not failed at starting: the pauses begin anew."""
TRIES = 6
"""Failures in a row after which it is given up: about 15 s of pauses and six starts."""
START_S = 300.0
"""Longest silence while it starts; the first start of all on a slow disk imports for a minute."""
SILENCE_S = 60.0
"""Longest silence once it is ready: it reports every few seconds."""
STOP_S = 30.0
"""How long a clean end may take before it is killed."""

T = TypeVar("T")


class Child(Protocol):
    """One life of the platform process."""

    @property
    def pid(self) -> int | None:
        """Its process id while it lives."""

    async def start(self) -> None:
        """Start it."""

    async def report(self) -> Report | None:
        """The next report, ``None`` when it has ended."""

    def order(self, order: Order) -> None:
        """Tell it something."""

    async def kill(self) -> None:
        """End it and everything that it has started."""

    def last_words(self) -> str:
        """The end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a life ended."""

    detail: str
    ready_s: float
    """How long it was ready."""
    final: bool = False


class Keeper:
    """Runs one life after the other.

    Parameters
    ----------
    make
        Makes a child that has not been started.
    hear
        Is handed each report.
    say
        Is told when it died, and what comes next.
    """

    def __init__(
        self,
        make: Callable[[], Child],
        clock: Clock,
        *,
        hear: Callable[[Report], None],
        say: Callable[[str], None],
    ) -> None:
        self._make = make
        self._clock = clock
        self._hear = hear
        self._say = say
        self._child: Child | None = None
        self._halt = asyncio.Event()
        self._is_ready = False
        self._go = asyncio.Event()
        self._over = asyncio.Event()
        self.ready = asyncio.Event()
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """The platform process."""
        return self._child.pid if self._child else None

    @property
    def is_ready(self) -> bool:
        """Whether everything runs, as far as it told."""
        return self._is_ready

    def go(self) -> None:
        """The database is prepared."""
        self._go.set()

    async def run(self) -> None:
        """Keep it running until `stop`.

        Raises
        ------
        RejectedError
            It says that trying again is of no use.
        TransientError
            It failed too often in a row; the message holds the end of its log.
        """
        failures = 0
        while True:
            end = await self._live()
            if self._halt.is_set():
                return
            if end.final:
                raise RejectedError(end.detail)
            failures = 1 if end.ready_s >= STEADY_S else failures + 1
            if failures >= TRIES:
                raise TransientError(self._explained(end, failures))
            pause_s = min(FIRST_PAUSE_S * 2.0 ** (failures - 1), LONGEST_PAUSE_S)
            self._say(f"the platform process died ({end.detail}); it is started again in {pause_s:g} s")
            self.restarts += 1
            await self._within(pause_s, self._halt.wait())
            if self._halt.is_set():
                return

    async def stop(self) -> None:
        """Have it end cleanly, or at once when it is not ready: then nobody uses it yet. `run` comes back."""
        self._halt.set()
        if self._child is None:
            return
        if self._is_ready:
            self._child.order(Order.STOP)
            await self._within(STOP_S, self._over.wait())
        await self._child.kill()

    async def hurry(self) -> None:
        """End it at once."""
        self._halt.set()
        if self._child is not None:
            await self._child.kill()

    async def _live(self) -> End:
        child = self._child = self._make()
        self._over.clear()
        try:
            await child.start()
            opener = asyncio.create_task(self._open(child))
            try:
                return await self._listen(child)
            finally:
                opener.cancel()
        finally:
            self._is_ready = False
            self._over.set()
            await child.kill()

    async def _open(self, child: Child) -> None:
        await self._go.wait()
        child.order(Order.GO)

    async def _listen(self, child: Child) -> End:
        ready_at_s = self._clock.monotonic()
        detail, final = "it ended without a word", False
        while True:
            report = await self._next(child)
            ready_s = self._clock.monotonic() - ready_at_s if self._is_ready else 0.0
            if isinstance(report, str):
                return End(detail=report, ready_s=ready_s)
            if report is None:
                return End(detail=detail, ready_s=ready_s, final=final)
            if report.word is Word.FAILED:
                detail, final = report.detail, report.final
            if report.word is Word.READY:
                ready_at_s, self._is_ready = self._clock.monotonic(), True
                self.ready.set()
            self._hear(report)

    async def _next(self, child: Child) -> Report | str | None:
        """The next report; words when none came in time."""
        limit_s = SILENCE_S if self._is_ready else START_S
        word = await self._within(limit_s, child.report())
        return word.result() if word.done() else f"it has not reported for {limit_s:g} s"

    async def _within(self, seconds: float, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Wait for something, but not for long; what is not done by then is cancelled."""
        task, alarm = asyncio.create_task(work), asyncio.create_task(self._clock.sleep(seconds))
        try:
            await asyncio.wait({task, alarm}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()
            if not task.done():
                task.cancel()
        return task

    def _explained(self, end: End, failures: int) -> str:
        words = self._child.last_words() if self._child else ""
        told = f"the platform process failed {failures} times in a row: {end.detail}"
        return f"{told}\nthe end of its log:\n{words}" if words else told
