"""Many small calls made at about the same time, done as one."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from domain.errors import TransientError

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batcher(Generic[Item, Answer]):
    """Gathers what callers hand in while the call before is under way, and hands it on in one.

    There is no timer: a lone caller is served at once, and batches grow by themselves with the load. Each caller waits
    for the answer to its own item, and gets the error if the batch failed. Belongs to one event loop.

    Parameters
    ----------
    flush
        Takes a batch, and answers each item, in the same order.
    most
        Items in one batch.
    capacity
        Items that may wait; beyond, callers are turned away.
    """

    def __init__(
        self, flush: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]], *, most: int = 100, capacity: int = 20_000
    ) -> None:
        self._flush = flush
        self._most = most
        self._capacity = capacity
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def add(self, item: Item) -> Answer:
        """Hand in one item; the answer to it.

        Raises
        ------
        TransientError
            Too many wait already.
        """
        if len(self._waiting) >= self._capacity:
            raise TransientError(f"{self._capacity} calls wait already")
        done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work(), name="batcher")
        return await done

    async def _work(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            try:
                answers = await self._flush([item for item, _ in batch])
            except Exception as err:  # noqa: BLE001 - one step of the loop; every caller of this batch gets the error
                _settle([done for _, done in batch if not done.done()], err)
                continue
            for (_, done), answer in zip(batch, answers, strict=True):
                if not done.done():
                    done.set_result(answer)


def _settle(waiting: Sequence[asyncio.Future[Answer]], err: Exception) -> None:
    for done in waiting:
        done.set_exception(err)
