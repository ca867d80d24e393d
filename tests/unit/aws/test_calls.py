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
    await made.aclose()


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


async def test_what_is_under_way_at_the_end_may_still_ask_the_event_loop() -> None:
    calls, begun, answers = Calls(threads=1), threading.Event(), []

    async def answer() -> int:
        return 42

    def late() -> None:
        begun.set()
        assert release.wait(10)
        answers.append(calls.back(answer))

    release = threading.Event()
    abandoned = asyncio.create_task(calls.run(late, lane="a", limit_s=10))
    assert await asyncio.to_thread(begun.wait, 10)
    abandoned.cancel()
    closing = asyncio.create_task(calls.aclose())
    await asyncio.sleep(0)
    release.set()
    await closing
    assert answers == [42]


def test_a_thread_that_outlives_its_event_loop_is_told() -> None:
    calls = Calls(threads=1)

    async def begin() -> None:
        await calls.run(lambda: None, lane="a", limit_s=10)

    async def answer() -> int:
        return 42

    asyncio.run(begin())
    with pytest.raises(TransientError, match="has ended"):
        calls.back(answer)
