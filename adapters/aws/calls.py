"""boto3 in threads: a bounded pool, a lane per account and region, and a way back to the event loop.

boto3 rather than aiobotocore: its typed stubs and moto follow each release at once, its pages stream, and an exact pin
of botocore by a third party would hold back both; what threads cost is little beside the calls themselves.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from domain.errors import TransientError

T = TypeVar("T")

THREADS = 24
"""Calls under way at once in this process: parsing answers takes a core long before this many wait."""

LANE = 6
"""Calls under way at once for one account and region: a throttled account leaves threads for the others."""

CLOSE_S = 5.0
"""Longest wait for calls under way when all ends; their threads end by the timeouts of their requests."""

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
        self._under_way: set[Future[Any]] = set()
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
                begun = self._pool.submit(context.run, work)
                self._under_way.add(begun)
                begun.add_done_callback(self._under_way.discard)
                return await asyncio.wrap_future(begun)
        except TimeoutError as err:
            raise TransientError(f"AWS took longer than {limit_s:.0f} s for {lane}") from err

    def back(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run asynchronous code on the event loop from one of our threads, and wait for it."""
        if self._loop is None:
            raise TransientError("the event loop is not known before the first call")

        async def on_loop() -> T:
            return await work()

        asked = on_loop()
        try:
            future = asyncio.run_coroutine_threadsafe(asked, self._loop)
        except RuntimeError as err:
            asked.close()
            raise TransientError("the event loop has ended") from err
        try:
            return future.result(BACK_S)
        except TimeoutError as err:
            future.cancel()
            raise TransientError(f"no answer from the event loop within {BACK_S:.0f} s") from err

    async def aclose(self) -> None:
        """Start nothing more, and give what is under way a moment to end: it may still ask the event loop."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        under_way = [asyncio.wrap_future(begun) for begun in self._under_way.copy()]
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                # Whoever asked has gone: how they end is nobody's concern any more.
                await asyncio.gather(*under_way, return_exceptions=True)
