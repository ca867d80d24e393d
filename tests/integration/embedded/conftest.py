"""A data folder per test; whatever server was started in it is stopped by its process id."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from adapters.embedded.folder import DataFolder
from adapters.embedded.postgres import EmbeddedPostgres
from adapters.embedded.redis import EmbeddedRedis
from adapters.embedded.server import EmbeddedServer

DEADLINE_S = 30.0


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    with DataFolder(tmp_path / "data") as held:
        yield held


@pytest.fixture
async def postgres(folder: DataFolder) -> AsyncIterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(folder)
    yield server
    await server.stop()


@pytest.fixture
async def redis(folder: DataFolder) -> AsyncIterator[EmbeddedRedis]:
    server = EmbeddedRedis(folder)
    yield server
    await server.stop()


def kill(server: EmbeddedServer) -> int:
    """`kill -9`; the process id it had."""
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


async def until(check: Callable[[], Awaitable[object] | object]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            answer = check()
            if await answer if isinstance(answer, Awaitable) else answer:
                return
            await asyncio.sleep(0.01)
