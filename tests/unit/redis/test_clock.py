import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from adapters.clock import SystemClock, VirtualClock

START = datetime(2026, 3, 1, tzinfo=UTC)


async def test_a_virtual_clock_stands_still_until_it_is_turned() -> None:
    clock = VirtualClock(START)
    assert (clock.now(), clock.monotonic()) == (START, 0.0)
    await clock.advance(90)
    assert (clock.now(), clock.monotonic()) == (START + timedelta(seconds=90), 90.0)


async def test_sleepers_wake_in_order_each_at_its_own_time() -> None:
    clock = VirtualClock(START)
    woken: list[tuple[str, float]] = []

    async def sleep(name: str, *lengths: float) -> None:
        for length in lengths:
            await clock.sleep(length)
            woken.append((name, clock.monotonic()))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sleep("long", 10))
        tasks.create_task(sleep("short", 3, 3))
        await clock.advance(5)
        assert woken == [("short", 3.0)]
        await clock.advance(5)
    assert woken == [("short", 3.0), ("short", 6.0), ("long", 10.0)]


async def test_a_cancelled_sleeper_wakes_nobody() -> None:
    clock = VirtualClock(START)
    sleeper = asyncio.ensure_future(clock.sleep(1))
    await asyncio.sleep(0)
    sleeper.cancel()
    await clock.advance(2)
    assert sleeper.cancelled()


async def test_sleeping_for_no_time_comes_back_by_itself() -> None:
    await VirtualClock(START).sleep(0)
    await SystemClock().sleep(-1)


async def test_a_clock_is_not_turned_back() -> None:
    with pytest.raises(ValueError, match="turned back"):
        await VirtualClock(START).advance(-1)


def test_a_clock_starts_in_utc() -> None:
    with pytest.raises(ValueError, match="UTC"):
        VirtualClock(datetime(2026, 3, 1, tzinfo=timezone(timedelta(hours=2))))


def test_the_system_clock_tells_utc_and_never_goes_back() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()
