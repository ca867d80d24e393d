"""PostgreSQL by asyncpg: pools of connections and transactions bound to a tenant.

There are two pools. A connection for tenants sees nothing until a transaction says whose rows it is about, and forgets
it with the transaction. A connection for the platform is one from its first moment on, so that what is asked a thousand
times a second is one round trip. Both act as the role ``spotopt_service``, which owns nothing and bypasses nothing.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

import asyncpg
import orjson

from adapters.postgres.failures import translated
from adapters.postgres.ports import Transaction
from adapters.postgres.repositories import over
from adapters.postgres.session import Session
from domain.errors import TransientError

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
    Lent = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

ROLE = "spotopt_service"
_JSONB_VERSION = b"\x01"
_FIRST_PAUSE_S = 0.05
"""Before the second try of a connection; doubles with each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """How to connect.

    Parameters
    ----------
    connections
        Largest number for each of the two pools; a PostgreSQL server takes 100 in all unless told otherwise.
    connect_timeout_s, statement_timeout_s, lock_timeout_s
        Ends of what can hang. Statements end in the server first, so that its word is heard.
    patience_s
        How long the beginning of a transaction is tried again while the server is away: a killed one is back in
        seconds.
    idle_s
        After this time a connection that nobody used is closed.
    """

    connections: int = 8
    connect_timeout_s: float = 5.0
    statement_timeout_s: float = 10.0
    lock_timeout_s: float = 5.0
    patience_s: float = 10.0
    idle_s: float = 120.0


class PostgresDatabase:
    """`adapters.postgres.ports.Database` on PostgreSQL. Made by `connect`."""

    def __init__(self, tenants: "Pool", platform: "Pool", settings: PoolSettings) -> None:
        self._tenants = tenants
        self._platform = platform
        self._settings = settings

    @classmethod
    async def connect(cls, dsn: str, settings: PoolSettings | None = None) -> Self:
        """Open both pools; connections are made when they are needed.

        Raises
        ------
        TransientError
            When the server cannot be reached.
        RejectedError
            When the schema was never migrated: the role is missing.
        """
        settings = settings or PoolSettings()
        with translated():
            tenants = await _open(dsn, settings, scope="")
            platform = await _open(dsn, settings, scope="platform")
        database = cls(tenants, platform, settings)
        try:
            await database._give_back(platform, await database._lend(platform, "SELECT 1"))
        except TransientError:
            await database.close()
            raise
        return database

    @asynccontextmanager
    async def tenant(self, organization_id: UUID) -> AsyncIterator[Transaction]:
        """A transaction that sees and changes rows of one organisation only."""
        begin = f"BEGIN; SELECT set_config('spotopt.organization', '{UUID(bytes=organization_id.bytes)}', true)"
        async with self._transaction(self._tenants, begin) as connection:
            yield over(Session(connection, organization_id))

    @asynccontextmanager
    async def platform(self) -> AsyncIterator[Transaction]:
        """A transaction across tenants."""
        async with self.platform_session() as session:
            yield over(session)

    @asynccontextmanager
    async def platform_session(self) -> AsyncIterator[Session]:
        """A transaction across tenants for queries that belong to no repository, such as those of the seed."""
        async with self._transaction(self._platform, "BEGIN") as connection:
            yield Session(connection, None)

    @asynccontextmanager
    async def single(self) -> AsyncIterator[Transaction]:
        """Across tenants, each statement on its own."""
        connection = await self._lend(self._platform, "")
        try:
            yield over(Session(connection, None))
        finally:
            await self._give_back(self._platform, connection)

    async def ping(self) -> float:
        """Seconds that a round trip takes; without patience, since the answer is about now."""
        start = time.perf_counter()
        connection = await self._lend_once(self._platform, "SELECT 1")
        await self._give_back(self._platform, connection)
        return time.perf_counter() - start

    async def close(self) -> None:
        """Let go of all connections, waiting a little for those in use."""
        for pool in (self._tenants, self._platform):
            try:
                await asyncio.wait_for(pool.close(), self._settings.statement_timeout_s)
            except TimeoutError:
                pool.terminate()

    @asynccontextmanager
    async def _transaction(self, pool: "Pool", begin: str) -> AsyncIterator["Lent"]:
        connection = await self._lend(pool, begin)
        try:
            try:
                yield connection
            except BaseException:
                await _end(connection, "ROLLBACK")
                raise
            with translated():
                await connection.execute("COMMIT")
        finally:
            await self._give_back(pool, connection)

    async def _lend(self, pool: "Pool", first: str) -> "Lent":
        """A connection on which ``first`` has run, tried again until patience ends: nothing has happened before it."""
        deadline = time.monotonic() + self._settings.patience_s
        pause = _FIRST_PAUSE_S
        while True:
            try:
                return await self._lend_once(pool, first)
            except TransientError:
                if time.monotonic() + pause > deadline:
                    raise
            await asyncio.sleep(pause)
            pause *= 2

    async def _lend_once(self, pool: "Pool", first: str) -> "Lent":
        with translated():
            connection = await pool.acquire(timeout=self._settings.connect_timeout_s)
            try:
                if first:
                    await connection.execute(first)
            except BaseException:
                _drop(connection)
                await self._give_back(pool, connection)
                raise
        return connection

    async def _give_back(self, pool: "Pool", connection: "Lent") -> None:
        with translated():
            await pool.release(connection, timeout=self._settings.statement_timeout_s)


async def _open(dsn: str, settings: PoolSettings, *, scope: str) -> "Pool":
    return await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=settings.connections,
        max_inactive_connection_lifetime=settings.idle_s,
        timeout=settings.connect_timeout_s,
        # The server ends statements first; this ends those whose server has gone silent.
        command_timeout=settings.statement_timeout_s + 5,
        init=_prepare,
        reset=_refuse_open_transaction,
        server_settings={
            "application_name": f"spotopt {scope or 'tenants'}",
            "role": ROLE,
            "spotopt.scope": scope,
            "timezone": "UTC",
            "statement_timeout": f"{settings.statement_timeout_s * 1000:.0f}",
            "lock_timeout": f"{settings.lock_timeout_s * 1000:.0f}",
            "idle_in_transaction_session_timeout": f"{settings.statement_timeout_s * 3000:.0f}",
            "jit": "off",  # compiling costs more than any of our queries takes
        },
    )


async def _prepare(connection: "Connection") -> None:
    await connection.set_type_codec("uuid", schema="pg_catalog", encoder=_uuid_bytes, decoder=_uuid, format="binary")
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=_jsonb, decoder=_json, format="binary")


async def _refuse_open_transaction(connection: "Connection") -> None:
    # Every context ends its transaction; what is left open was cut off, and closing it takes its rows back.
    if connection.is_in_transaction():
        connection.terminate()


async def _end(connection: "Lent", word: str) -> None:
    try:
        await connection.execute(word)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError):
        _drop(connection)


def _drop(connection: "Lent") -> None:
    # The pool takes a connection back by itself when the server closes it.
    with suppress(asyncpg.InterfaceError):
        connection.terminate()


def _uuid_bytes(value: UUID | str) -> bytes:
    return value.bytes if isinstance(value, UUID) else UUID(value).bytes


def _uuid(value: bytes) -> UUID:
    return UUID(bytes=bytes(value))


def _jsonb(value: Any) -> bytes:
    return _JSONB_VERSION + orjson.dumps(value, default=dict, option=orjson.OPT_NON_STR_KEYS)


def _json(value: bytes) -> Any:
    return orjson.loads(memoryview(value)[len(_JSONB_VERSION) :])
