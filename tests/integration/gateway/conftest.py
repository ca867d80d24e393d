"""A gateway behind a real uvicorn on a free port of loopback, over a real PostgreSQL and a real Redis."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from actors.services import Services
from adapters.aws.memory import MemoryAws
from adapters.clock import SystemClock
from adapters.embedded.folder import DataFolder
from adapters.mail.memory import MemoryMailer
from adapters.postgres.pool import PoolSettings, PostgresDatabase
from adapters.postgres.seed import seed_defaults
from adapters.redis.connection import connect
from adapters.redis.hub import redis_hub
from serve.auth.passwords import Passwords
from serve.gateway.app import create_app
from tests.running_redis import RedisServer
from tests.unit.gateway.house import KEYS, ClustersTwin, House, make_settings

DEADLINE_S = 20.0


@dataclass(slots=True, kw_only=True)
class LiveHouse(House):
    """The same as in unit tests, with a port."""

    port: int

    @property
    def sockets_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    folder: Path = tmp_path_factory.mktemp("gateway-redis") / "data"
    with DataFolder(folder) as held:
        server = RedisServer(held)
        asyncio.run(server.start())
        try:
            yield server
        finally:
            asyncio.run(server.stop())


@pytest.fixture
async def live(database_url: str, redis_server: RedisServer) -> AsyncIterator[LiveHouse]:
    await redis_server.start()  # a test may have killed it
    client = connect(redis_server.url)
    await client.flushall()
    await client.aclose()
    clock = SystemClock()
    database = await PostgresDatabase.connect(database_url, PoolSettings(connections=8))
    await seed_defaults(database, now=clock.now())
    async with redis_hub(redis_server.url, clock) as hub:
        settings = make_settings(public_url="")
        services = Services(settings=settings, keys=KEYS, clock=clock, database=database, hub=hub, aws=MemoryAws(clock))
        async with house_of(services) as made:
            yield made
    await database.close()


@asynccontextmanager
async def house_of(services: Services) -> AsyncIterator[LiveHouse]:
    """A gateway over these services, on a port."""
    clusters, mailer = ClustersTwin(), MemoryMailer(services.clock)
    app = create_app(services, clusters, mailer, passwords=Passwords(memory_kib=64))
    async with served(app) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
        yield LiveHouse(
            app=app,
            services=services,
            clusters=clusters,
            mailer=mailer,
            http=http,
            clock=services.clock,  # type: ignore[arg-type]
            port=port,
        )


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[int]:
    """The application on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, ws="websockets-sansio", log_config=None, timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        server.capture_signals = _not_captured  # type: ignore[method-assign]
        task = asyncio.create_task(server.serve(sockets=[listening]))
        async with asyncio.timeout(DEADLINE_S):
            while not server.started:
                assert not task.done(), task.exception()
                await asyncio.sleep(0.01)
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            await task


def _not_captured() -> Any:
    """Signals belong to pytest."""
    return nullcontext()


async def until(check: Any) -> None:
    """Wait for a state; the test fails when it is not reached in time."""
    async with asyncio.timeout(DEADLINE_S):
        while not check():
            await asyncio.sleep(0.005)
