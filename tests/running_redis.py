"""An embedded Redis that a test may kill and start again."""

import os
import signal

from adapters.embedded.folder import DataFolder
from adapters.embedded.redis import EmbeddedRedis


class RedisServer:
    """The server."""

    def __init__(self, folder: DataFolder) -> None:
        self._embedded = EmbeddedRedis(folder)
        self.url = self._embedded.url

    async def start(self) -> None:
        await self._embedded.start()

    async def stop(self) -> None:
        await self._embedded.stop()

    def kill(self) -> None:
        """`kill -9`."""
        pid = self._embedded.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
