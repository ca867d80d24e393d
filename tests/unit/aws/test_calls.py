"""Blocking code in threads: bounded, in lanes, with an end, and with a way back."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from adapters.aws.calls import LANE, Calls
from domain.errors import TransientError


@pytest.fixture
async def calls() -> AsyncIterator[Calls]:
    made = Calls(threads=LANE + 4)
    yield made
    made.close()


async def test_a_lane_that_is_full_leaves_threads_for_the_others(calls: Calls) -> None:
    release, begun = threading.Event(), threading.Semaphore(0)

    def blocked() -> None:
        begun.release()
        assert release.wait(10)

    crowd = [asyncio.create_task(calls.run(blocked, lane="a", limit_s=10)) for _ in range(LANE + 3)]
    for _ in range(LANE):
        assert await asyncio.to_thread(begun.acquire, timeout=10)
    assert await calls.run(lambda: "through", lane="b", limit_s=10) == "through"
    assert not begun.acquire(blocking=False)
    release.set()
    await asyncio.gather(*crowd)


async def test_work_without_an_end_is_given_up(calls: Calls) -> None:
    release = threading.Event()
    with pytest.raises(TransientError, match="longer than"):
        await calls.run(lambda: release.wait(10), lane="a", limit_s=0.01)
    release.set()


async def test_a_thread_may_ask_the_event_loop(calls: Calls) -> None:
    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    assert await calls.run(lambda: calls.back(answer), lane="a", limit_s=10) == 42


async def test_an_error_on_the_event_loop_comes_back_to_the_thread(calls: Calls) -> None:
    async def fail() -> None:
        raise TransientError("away")

    with pytest.raises(TransientError, match="away"):
        await calls.run(lambda: calls.back(fail), lane="a", limit_s=10)


def test_nothing_can_be_asked_of_a_loop_that_is_not_known() -> None:
    async def answer() -> int:
        return 42

    with pytest.raises(TransientError, match="not known"):
        Calls(threads=1).back(answer)
