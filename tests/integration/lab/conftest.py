"""A Redis for the tests of the lab."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.embedded.folder import DataFolder
from tests.running_redis import RedisServer


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    folder: Path = tmp_path_factory.mktemp("lab-redis") / "data"
    with DataFolder(folder) as held:
        server = RedisServer(held)
        asyncio.run(server.start())
        try:
            yield server
        finally:
            asyncio.run(server.stop())
