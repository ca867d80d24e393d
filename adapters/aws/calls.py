"""boto3 in threads: a bounded pool, a lane per account and region, and a way back to the event loop.

boto3 rather than aiobotocore: its typed stubs and moto follow each release at once, its pages stream, and an exact pin
of botocore by a third party would hold back both; what threads cost is little beside the calls themselves.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from domain.errors import TransientError

T = TypeVar("T")

THREADS = 24
"""Calls under way at once in this process: parsing answers takes a core long before this many wait."""

LANE = 6
"""Calls under way at once for one account and region: a throttled account leaves threads for the others."""

BACK_S = 120.0
"""Longest wait of a thread for something on the event loop."""


class Calls:
    """Runs blocking AWS code for one event loop.

    Parameters
    ----------
    threads
        Size of the pool.
    """

    def __init__(self, *, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="aws")
        self._lanes: dict[str, asyncio.Semaphore] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, work: Callable[[], T], *, lane: str, limit_s: float) -> T:
        """Run blocking code in a thread.

        Parameters
        ----------
        lane
            Whom it is for: account and region.
        limit_s
            Its end. The thread itself ends by the timeouts of its requests.

        Raises
        ------
        TransientError
            It took too long.
        """
        self._loop = asyncio.get_running_loop()
        context = contextvars.copy_context()
        try:
            async with asyncio.timeout(limit_s), self._lanes.setdefault(lane, asyncio.Semaphore(LANE)):
                return await self._loop.run_in_executor(self._pool, context.run, work)
        except TimeoutError as err:
            raise TransientError(f"AWS took longer than {limit_s:.0f} s for {lane}") from err

    def back(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run asynchronous code on the event loop from one of our threads, and wait for it."""
        if self._loop is None:
            raise TransientError("the event loop is not known before the first call")

        async def on_loop() -> T:
            return await work()

        future = asyncio.run_coroutine_threadsafe(on_loop(), self._loop)
        try:
            return future.result(BACK_S)
        except TimeoutError as err:
            future.cancel()
            raise TransientError(f"no answer from the event loop within {BACK_S:.0f} s") from err

    def close(self) -> None:
        """Start nothing more; threads end with their calls."""
        self._pool.shutdown(wait=False, cancel_futures=True)
