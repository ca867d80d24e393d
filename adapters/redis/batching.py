"""Many small calls made at about the same time, done as one."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from domain.errors import TransientError

Item = TypeVar("Item")


class Batcher(Generic[Item]):
    """Gathers what callers hand in while the call before is under way, and hands it on in one.

    There is no timer: a lone caller is served at once, and batches grow by themselves with the load. Each caller waits
    until its own item has been handed on, and gets the error if that failed. Belongs to one event loop.

    Parameters
    ----------
    flush
        Takes a batch, such as `Heartbeats.record`.
    most
        Items in one batch.
    capacity
        Items that may wait; beyond, callers are turned away.
    """

    def __init__(
        self, flush: Callable[[Sequence[Item]], Awaitable[None]], *, most: int = 500, capacity: int = 20_000
    ) -> None:
        self._flush = flush
        self._most = most
        self._capacity = capacity
        self._waiting: deque[tuple[Item, asyncio.Future[None]]] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def add(self, item: Item) -> None:
        """Hand in one item; it has been handed on when this comes back.

        Raises
        ------
        TransientError
            Too many wait already.
        """
        if len(self._waiting) >= self._capacity:
            raise TransientError(f"{self._capacity} calls wait already")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work(), name="batcher")
        await done

    async def _work(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            error = await self._hand_on([item for item, _ in batch])
            for _, done in batch:
                if not done.done():
                    done.set_exception(error) if error else done.set_result(None)

    async def _hand_on(self, items: Sequence[Item]) -> Exception | None:
        try:
            await self._flush(items)
        except Exception as err:  # noqa: BLE001 - one step of the loop; every caller of this batch gets the error
            return err
        return None
