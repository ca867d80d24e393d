"""A real Redis in a folder of its own, started once, emptied before each test, stopped by its process id."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from adapters.clock import SystemClock
from adapters.embedded.folder import DataFolder
from adapters.redis.connection import connect
from adapters.redis.hub import Hub, redis_hub
from tests.running_redis import RedisServer
from tests.unit.redis import builders
from tests.unit.redis.builders import Until
from tests.unit.redis.contracts import RULES


class Server(RedisServer):
    """The server under test, which a test may kill, start again and empty."""

    async def empty(self) -> None:
        client = connect(self.url)
        await client.flushall()
        await client.aclose()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("redis") / "data"
    with DataFolder(folder) as held:
        server = Server(held)
        asyncio.run(server.start())
        yield server
        asyncio.run(server.stop())


@pytest.fixture
async def server(running: Server) -> Server:
    """Up and empty, whatever the test before did to it."""
    await running.start()
    await running.empty()
    return running


@pytest.fixture
async def hub(server: Server) -> AsyncIterator[Hub]:
    async with redis_hub(server.url, SystemClock(), RULES) as made:
        yield made


@pytest.fixture
def until() -> Until:
    return lambda check: builders.until(check, step=lambda: asyncio.sleep(0.005))
