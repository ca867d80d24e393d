import asyncio
from collections.abc import Sequence

import pytest

from adapters.redis.batching import Batcher
from domain.errors import TransientError


class Sink:
    """Takes batches, each when it is let."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def flush(self, items: Sequence[int]) -> list[int]:
        await self.gate.wait()
        if self.error:
            raise self.error
        self.batches.append(list(items))
        return [10 * item for item in items]


async def test_a_lone_caller_is_served_at_once() -> None:
    sink = Sink()
    sink.gate.set()
    assert await Batcher(sink.flush).add(1) == 10
    assert sink.batches == [[1]]


async def test_what_gathers_during_a_call_goes_out_in_one() -> None:
    sink = Sink()
    batcher = Batcher(sink.flush, most=3)
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(batcher.add(0))
        while not batcher._worker:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        later = [tasks.create_task(batcher.add(number)) for number in range(1, 6)]
        await asyncio.sleep(0)
        assert not first.done()
        sink.gate.set()
    assert sink.batches == [[0], [1, 2, 3], [4, 5]]
    assert [task.result() for task in later] == [10, 20, 30, 40, 50]


async def test_an_error_reaches_every_caller_of_its_batch_and_the_next_batch_is_tried() -> None:
    sink = Sink()
    sink.gate.set()
    sink.error = TransientError("away")
    batcher = Batcher(sink.flush)
    outcomes = await asyncio.gather(batcher.add(1), batcher.add(2), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [TransientError, TransientError]
    sink.error = None
    assert await batcher.add(3) == 30
    assert sink.batches == [[3]]


async def test_callers_beyond_the_capacity_are_turned_away() -> None:
    sink = Sink()
    batcher = Batcher(sink.flush, capacity=1)
    waiting = asyncio.ensure_future(batcher.add(1))
    await asyncio.sleep(0)
    with pytest.raises(TransientError, match="wait already"):
        await batcher.add(2)
    sink.gate.set()
    await waiting
    assert sink.batches == [[1]]


async def test_a_caller_that_gave_up_holds_nobody_up() -> None:
    sink = Sink()
    batcher = Batcher(sink.flush)
    gives_up = asyncio.ensure_future(batcher.add(1))
    await asyncio.sleep(0)
    gives_up.cancel()
    sink.gate.set()
    await batcher.add(2)
    assert [number for batch in sink.batches for number in batch] == [1, 2]
