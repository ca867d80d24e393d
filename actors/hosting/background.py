"""What a host does by itself, beside what it is asked."""

import asyncio
import contextlib
import ctypes
import gc
import heapq
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from adapters.clock import Clock
from domain.errors import RejectedError, SpotOptimizerError

LONGEST_WAIT_S = 15.0
"""Between two looks at what is due: the system's clock may have been set meanwhile."""

log = structlog.get_logger(__name__)


class Background:
    """Tasks that nobody waits for."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Have something done; what fails is logged, its cluster finds out when the answer it waits for is overdue."""
        task = asyncio.get_running_loop().create_task(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # A task that is cancelled before it begins would leave its work open.
        task.add_done_callback(lambda _: work.close())

    async def close(self) -> None:
        """Stop everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Alarms:
    """Times at which clusters want to be woken, kept in memory: a cluster asks again when it is read from storage."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: list[tuple[datetime, UUID]] = []
        self._added = asyncio.Event()

    def add(self, at: datetime, cluster_id: UUID) -> None:
        """Wake a cluster then."""
        heapq.heappush(self._due, (at, cluster_id))
        self._added.set()

    async def run(self, wake: Callable[[UUID, datetime], None]) -> None:
        """Wake each cluster when its time has come, for ever."""
        while True:
            self._added.clear()
            now = self._clock.now()
            while self._due and self._due[0][0] <= now:
                wake(heapq.heappop(self._due)[1], now)
            wait_s = (self._due[0][0] - now).total_seconds() if self._due else LONGEST_WAIT_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._added.wait(), timeout=max(0.05, min(wait_s, LONGEST_WAIT_S)))


def give_memory_back() -> None:
    """Free memory goes back to the system, not only to Python's allocator."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except RejectedError as err:
        log.info("a cluster is gone", error=str(err))
    except SpotOptimizerError as err:
        log.warning("background work has failed", error=str(err), kind=type(err).__name__)
