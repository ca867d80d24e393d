"""The keeper of the platform process: starting again, giving up, stopping."""

import asyncio

import pytest

from adapters.clock import VirtualClock
from domain.errors import RejectedError, TransientError
from serve.operations.keeper import FIRST_PAUSE_S, SILENCE_S, START_S, STEADY_S, STOP_S, TRIES, Keeper
from serve.operations.messages import Order, Report, Word
from tests.unit.operations.fakes import READY, FakeChild, failed


class Kept:
    """A keeper with the lives it will get, and what it said."""

    def __init__(self, *lives: FakeChild) -> None:
        self.clock = VirtualClock()
        self.lives, self.launched = list(lives), 0
        self.heard: list[Report] = []
        self.said: list[str] = []
        self.keeper = Keeper(self._make, self.clock, hear=self.heard.append, say=self.said.append)
        self.run = asyncio.create_task(self.keeper.run())

    def _make(self) -> FakeChild:
        self.launched += 1
        return self.lives[min(self.launched, len(self.lives)) - 1]


async def test_it_is_told_to_go_on_once_the_database_is_prepared_also_in_its_next_life() -> None:
    first, second = FakeChild(), FakeChild()
    kept = Kept(first, second)
    await kept.clock.advance(1)
    assert first.orders == []
    kept.keeper.go()
    await kept.clock.advance(0)
    assert first.orders == [Order.GO]
    first.say(None)
    await kept.clock.advance(FIRST_PAUSE_S)
    assert second.orders == [Order.GO]
    await kept.keeper.hurry()
    await kept.run


async def test_a_process_that_dies_is_started_again_after_pauses_that_double() -> None:
    kept = Kept(*(FakeChild([failed("boom"), None]) for _ in range(3)), FakeChild([READY]))
    await kept.clock.advance(FIRST_PAUSE_S - 0.1)
    assert kept.launched == 1
    await kept.clock.advance(0.1)
    assert kept.launched == 2
    await kept.clock.advance(2 * FIRST_PAUSE_S)
    assert kept.launched == 3
    await kept.clock.advance(4 * FIRST_PAUSE_S)
    assert kept.keeper.is_ready
    assert kept.keeper.restarts == 3
    assert "boom" in kept.said[0]
    await kept.keeper.hurry()
    await kept.run


async def test_a_loop_of_crashes_ends_with_an_explanation_and_the_end_of_the_log() -> None:
    kept = Kept(FakeChild([failed("no room"), None] * TRIES))
    await kept.clock.advance(3600)
    with pytest.raises(TransientError, match=rf"failed {TRIES} times in a row: no room\n.*\nTraceback: it hurts"):
        await kept.run
    assert kept.launched == TRIES


async def test_what_cannot_get_better_is_not_tried_again() -> None:
    kept = Kept(FakeChild([failed("setting port: is wrong", final=True), None]))
    with pytest.raises(RejectedError, match="setting port: is wrong"):
        await kept.run
    assert kept.launched == 1


async def test_a_long_good_life_is_no_failure_at_starting() -> None:
    lives = [FakeChild([READY]) for _ in range(2 * TRIES)]
    kept = Kept(*lives)
    for life in lives[:-1]:
        await kept.clock.advance(STEADY_S / 2)
        life.say(Report(word=Word.HEALTH))
        await kept.clock.advance(STEADY_S / 2)
        life.say(Report(word=Word.HEALTH), None)
        await kept.clock.advance(FIRST_PAUSE_S)
    assert kept.launched == len(lives)
    assert not kept.run.done()
    await kept.keeper.hurry()
    await kept.run


async def test_one_that_hangs_is_ended_and_started_again() -> None:
    hanging = FakeChild([READY])
    kept = Kept(hanging, FakeChild([READY]))
    await kept.clock.advance(SILENCE_S + FIRST_PAUSE_S)
    assert not hanging.alive
    assert kept.launched == 2
    assert "has not reported for 60 s" in kept.said[0]
    await kept.keeper.hurry()
    await kept.run


async def test_a_start_may_be_silent_for_longer_than_one_that_is_ready() -> None:
    assert START_S > SILENCE_S
    kept = Kept(FakeChild(), FakeChild())
    await kept.clock.advance(START_S - 1)
    assert kept.launched == 1
    await kept.clock.advance(2)
    assert kept.launched == 2
    await kept.keeper.hurry()
    await kept.run


async def test_stopping_waits_for_a_clean_end_once_it_is_ready() -> None:
    child = FakeChild([READY])
    kept = Kept(child)
    await kept.clock.advance(1)
    await kept.keeper.stop()
    await kept.run
    assert child.orders == [Order.STOP]
    assert child.journal == ["platform started", "platform stopped", "platform gone"]
    assert kept.launched == 1


async def test_one_that_does_not_listen_is_killed_after_a_while() -> None:
    child = FakeChild([READY], deaf=True)
    kept = Kept(child)
    await kept.clock.advance(1)
    stopping = asyncio.create_task(kept.keeper.stop())
    await kept.clock.advance(STOP_S - 1)
    assert child.alive
    await kept.clock.advance(1)
    await stopping
    await kept.run
    assert not child.alive


async def test_a_stop_in_a_pause_ends_it() -> None:
    kept = Kept(FakeChild([None]), FakeChild())
    await kept.clock.advance(0)
    await kept.keeper.stop()
    await asyncio.wait_for(kept.run, timeout=5)
    assert kept.launched == 1


async def test_one_that_is_not_ready_is_ended_at_once() -> None:
    child = FakeChild()
    kept = Kept(child)
    await kept.clock.advance(1)
    await kept.keeper.stop()
    await kept.run
    assert child.orders == []
    assert not child.alive
