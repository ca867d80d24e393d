"""The twins keep the promises of the bus, the queue and the stores, on a clock that is turned by hand."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from adapters.clock import VirtualClock
from adapters.redis.hub import Hub, memory_hub
from tests.unit.redis import builders
from tests.unit.redis.builders import Until
from tests.unit.redis.contracts import RULES, BusContract, EventContract, StoresContract

STEP_S = 0.02


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime.now(UTC))


@pytest.fixture
async def hub(clock: VirtualClock) -> AsyncIterator[Hub]:
    """The clock turns whenever nobody else has something to do."""

    async def turn() -> None:
        while True:
            await clock.advance(STEP_S)

    turning = asyncio.ensure_future(turn())
    yield memory_hub(clock, RULES)
    turning.cancel()


@pytest.fixture
def until(clock: VirtualClock) -> Until:
    return lambda check: builders.until(check, step=lambda: clock.advance(STEP_S))


class TestMemoryBus(BusContract):
    pass


class TestMemoryEventStream(EventContract):
    pass


class TestMemoryStores(StoresContract):
    pass
