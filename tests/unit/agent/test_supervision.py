"""Parts that fail are begun again; the others never notice."""

import asyncio
import itertools
import random

from structlog.testing import capture_logs

from adapters.clock import VirtualClock
from agent.backoff import Backoff
from agent.supervision import Supervisor
from agent.telemetry import Telemetry


async def test_a_part_that_fails_is_begun_again_with_growing_waits_and_the_others_go_on() -> None:
    clock, telemetry, begun, ticks = VirtualClock(), Telemetry(), 0, 0

    async def failing() -> None:
        nonlocal begun
        begun += 1
        raise RuntimeError("a bug")

    async def ticking() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await clock.sleep(1)

    with capture_logs() as logs:
        task = asyncio.create_task(Supervisor(clock, telemetry).run({"bad": failing, "good": ticking}))
        await clock.advance(100)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert 6 <= begun <= 8
    assert ticks == 101
    assert telemetry.errors == begun
    assert {entry["part"] for entry in logs} == {"bad"}


async def test_a_part_that_was_well_for_long_is_begun_again_soon() -> None:
    clock, begun_at = VirtualClock(), list[float]()

    async def ending() -> None:
        begun_at.append(clock.monotonic())
        await clock.sleep(1_000)

    task = asyncio.create_task(Supervisor(clock, Telemetry()).run({"part": ending}))
    await clock.advance(5_000)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert all(later - earlier < 1_002 for earlier, later in itertools.pairwise(begun_at))


def test_waits_double_up_to_a_minute_within_their_jitter_and_begin_anew_after_success() -> None:
    backoff = Backoff(rng=random.Random(1))
    for expected in (1, 2, 4, 8, 16, 32, 60, 60):
        assert 0.75 * expected <= backoff.next_s() <= 1.25 * expected
    backoff.reset()
    assert backoff.next_s() <= 1.25
    assert backoff.next_s(at_least_s=30) == 30
