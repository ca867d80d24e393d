"""PostgreSQL and Redis as the supervisor sees them: started where they are ours, prepared, and asked how they stand."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

import asyncpg
from redis.exceptions import RedisError

from adapters.clock import Clock
from adapters.embedded.folder import DataFolder
from adapters.embedded.postgres import EmbeddedPostgres
from adapters.embedded.redis import EmbeddedRedis
from adapters.embedded.server import EmbeddedServer
from adapters.embedded.supervisor import Happening, Notice, Supervisor
from adapters.redis.connection import connect
from adapters.redis.hub import redis_hub
from adapters.settings import Settings
from domain.errors import SpotOptimizerError, TransientError
from serve.operations.messages import Part, in_ms
from serve.operations.processes import since

ANSWER_S = 3.0
"""How long either may take to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Where the two are, and the servers that are ours."""

    database_url: str
    redis_url: str
    postgres: EmbeddedServer | None
    redis: EmbeddedServer | None

    @property
    def embedded(self) -> tuple[EmbeddedServer, ...]:
        """Servers that are ours, in the order in which they are stopped: who writes into them has ended before."""
        return tuple(server for server in (self.redis, self.postgres) if server is not None)


def stores_of(settings: Settings, folder: DataFolder, clock: Clock) -> Stores:
    """Those of the settings, and embedded ones for what they leave out."""
    postgres = None if settings.database_url else EmbeddedPostgres(folder, clock)
    redis = None if settings.redis_url else EmbeddedRedis(folder, clock)
    return Stores(
        database_url=settings.database_url.get_secret_value() if settings.database_url else postgres_url(postgres),
        redis_url=settings.redis_url.get_secret_value() if settings.redis_url else redis_url(redis),
        postgres=postgres,
        redis=redis,
    )


def postgres_url(server: EmbeddedPostgres | None) -> str:
    """Where an embedded PostgreSQL is."""
    return server.dsn() if server else ""


def redis_url(server: EmbeddedRedis | None) -> str:
    """Where an embedded Redis is."""
    return server.url if server else ""


class StoreWatch:
    """Looks at both, and keeps those that are ours running.

    Parameters
    ----------
    say
        Is told when one died and when it is back.
    """

    def __init__(self, stores: Stores, clock: Clock, say: Callable[[str], None]) -> None:
        self._stores = stores
        self._clock = clock
        self._say = say
        self._restarts: dict[str, int] = {}

    async def run(self) -> None:
        """Start again what dies; ends by cancellation."""
        await Supervisor(self._stores.embedded, self._clock, self._note).run()

    async def look(self) -> tuple[Part, ...]:
        """How both stand."""
        database = self._part("PostgreSQL", self._stores.postgres, lambda: ping_database(self._stores.database_url))
        redis = self._part("Redis", self._stores.redis, lambda: ping_redis(self._stores.redis_url))
        return tuple(await asyncio.gather(database, redis))

    async def queues(self) -> Mapping[str, float]:
        """Events that wait, are being handled, wait for another try, or were given up."""
        try:
            async with asyncio.timeout(ANSWER_S), redis_hub(self._stores.redis_url, self._clock) as hub:
                depth = await hub.events.depth()
        except (SpotOptimizerError, TimeoutError):
            return {}
        return {
            "events waiting": sum(depth.waiting.values()),
            "events in hand": sum(depth.in_hand.values()),
            "events delayed": depth.delayed,
            "events dead": depth.dead,
            "oldest event s": round(depth.oldest_waiting_s, 1),
        }

    async def _part(self, name: str, server: EmbeddedServer | None, ping: Callable[[], Awaitable[float]]) -> Part:
        pid = await asyncio.to_thread(server.pid) if server else None
        try:
            latency_s, detail = await ping(), "embedded" if server else "external"
        except TransientError as err:
            latency_s, detail = None, str(err)
        return Part(
            name=name,
            healthy=latency_s is not None,
            pid=pid,
            since=since(pid),
            restarts=self._restarts.get(name, 0),
            latency_ms=in_ms(latency_s),
            detail=detail,
        )

    def _note(self, notice: Notice) -> None:
        match notice.happening:
            case Happening.DIED:
                self._say(f"{notice.server} died; it is started again")
            case Happening.RESTARTED:
                self._restarts[notice.server] = self._restarts.get(notice.server, 0) + 1
                self._say(f"{notice.server} is back after {notice.took_s:.1f} s")
            case Happening.START_FAILED:
                self._say(f"{notice.server} does not start: {notice.detail}")


async def ping_database(url: str) -> float:
    """Seconds that a query takes that reads nothing, the connection not counted.

    Raises
    ------
    TransientError
        It does not answer.
    """
    async with connected(url) as connection:
        started_s = time.monotonic()
        await connection.execute("SELECT 1", timeout=ANSWER_S)
        return time.monotonic() - started_s


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection of its own, for a look.

    Raises
    ------
    TransientError
        The database cannot be reached, or breaks off.
    """
    try:
        connection = await asyncpg.connect(url, timeout=ANSWER_S)
        try:
            yield connection
        finally:
            await connection.close(timeout=ANSWER_S)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as err:
        raise TransientError(f"PostgreSQL does not answer: {err or type(err).__name__}") from err


async def ping_redis(url: str) -> float:
    """Seconds that a PING takes.

    Raises
    ------
    TransientError
        It does not answer.
    """
    client = connect(url, max_connections=1)
    try:
        async with asyncio.timeout(ANSWER_S):
            await client.ping()
            started_s = time.monotonic()
            await client.ping()
            return time.monotonic() - started_s
    except (RedisError, OSError, TimeoutError) as err:
        raise TransientError(f"Redis does not answer: {err or type(err).__name__}") from err
    finally:
        await client.aclose()
