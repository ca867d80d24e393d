"""The supervisor: what comes up before what, what goes down before what, and what it tells."""

import asyncio

import pytest

from domain.errors import RejectedError, TransientError
from serve.operations.messages import Order, Part, Report, Word
from tests.unit.operations.fakes import READY, FakeChild, Scene, failed


async def up(scene: Scene) -> "asyncio.Task[None]":
    run = asyncio.create_task(scene.supervisor.run())
    await scene.clock.advance(0.1)
    return run


async def test_the_databases_start_beside_the_platform_and_it_goes_on_when_they_are_prepared() -> None:
    child = FakeChild()
    scene = Scene(child)
    run = await up(scene)
    assert set(scene.journal) == {"platform started", "PostgreSQL started", "Redis started", "database prepared"}
    assert scene.journal.index("PostgreSQL started") < scene.journal.index("database prepared")
    assert child.orders == [Order.GO]
    assert "password a@b secret" in scene.screen.lines
    scene.supervisor.stop()
    await run


async def test_everything_goes_down_in_the_order_in_which_it_is_needed() -> None:
    scene = Scene(FakeChild([READY]))
    run = await up(scene)
    assert "ready http://host:1" in scene.screen.lines
    scene.supervisor.stop()
    await run
    assert scene.journal[-4:] == ["platform stopped", "platform gone", "Redis stopped", "PostgreSQL stopped"]
    assert scene.screen.lines[-1] == "closed"


async def test_hurrying_ends_the_platform_at_once_and_the_databases_cleanly() -> None:
    scene = Scene(FakeChild([READY], deaf=True))
    run = await up(scene)
    scene.supervisor.stop()
    await scene.clock.advance(1)
    assert not run.done()
    await scene.supervisor.hurry()
    await run
    assert scene.journal[-3:] == ["platform gone", "Redis stopped", "PostgreSQL stopped"]


async def test_a_database_that_cannot_be_prepared_ends_everything_with_its_own_words() -> None:
    scene = Scene(prepare_fails=RejectedError("PostgreSQL 15 or newer is needed"))
    with pytest.raises(RejectedError, match="PostgreSQL 15"):
        await scene.supervisor.run()
    assert not scene.launched[0].alive
    assert scene.journal[-2:] == ["Redis stopped", "PostgreSQL stopped"]


async def test_a_server_that_does_not_start_ends_everything_with_its_own_words() -> None:
    scene = Scene(database_fails=TransientError("PostgreSQL does not start"))
    with pytest.raises(TransientError, match="does not start"):
        await scene.supervisor.run()
    assert "database prepared" not in scene.journal


async def test_a_platform_that_cannot_run_like_this_ends_everything_with_its_own_words() -> None:
    scene = Scene(FakeChild([failed("setting host: is no address", final=True), None]))
    with pytest.raises(RejectedError, match="setting host"):
        await scene.supervisor.run()
    assert scene.journal[-2:] == ["Redis stopped", "PostgreSQL stopped"]


async def test_a_server_that_dies_is_started_again_and_both_are_told() -> None:
    scene = Scene(FakeChild([READY]))
    run = await up(scene)
    scene.redis.alive = False
    await scene.clock.advance(1)
    assert scene.redis.alive
    assert "Redis died; it is started again" in scene.screen.lines
    assert any(line.startswith("Redis is back") for line in scene.screen.lines)
    scene.supervisor.stop()
    await run


async def test_a_platform_that_dies_comes_back_and_that_is_told() -> None:
    first, second = FakeChild([READY]), FakeChild([READY])
    scene = Scene(first, second)
    run = await up(scene)
    first.say(Report(word=Word.HEALTH, parts=(Part(name="Planner", healthy=True, pid=5),)), None)
    await scene.clock.advance(0.1)
    assert any("it is started again" in line for line in scene.screen.lines)
    await scene.clock.advance(1)
    assert second.alive
    assert scene.screen.lines[-1] == "everything runs again"
    assert scene.screen.lines.count("ready http://host:1") == 1
    scene.supervisor.stop()
    await run


async def test_a_stop_between_two_lives_does_not_wait_for_the_next() -> None:
    scene = Scene(FakeChild([None]), FakeChild([READY]))
    run = await up(scene)
    scene.supervisor.stop()
    await asyncio.wait_for(run, timeout=5)
    assert len(scene.launched) == 1
