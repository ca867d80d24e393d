"""Embedded servers: what was accepted is there again after kill -9, and each is found again by the next process."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from adapters.clock import SystemClock
from adapters.embedded.folder import DataFolder
from adapters.embedded.postgres import EmbeddedPostgres
from adapters.embedded.processes import is_alive
from adapters.embedded.redis import EmbeddedRedis
from adapters.embedded.server import EmbeddedServer
from adapters.embedded.supervisor import Happening, Notice, Supervisor
from adapters.redis.connection import connect
from domain.errors import RejectedError, TransientError
from tests.integration.embedded.conftest import kill, until

RUBBISH = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\nthis is no command\r\n" * 3
"""No append-only file of Redis."""


async def query(postgres: EmbeddedPostgres, sql: str) -> object:
    connection = await asyncpg.connect(postgres.dsn(), timeout=10)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


@asynccontextmanager
async def supervised(*servers: EmbeddedServer) -> AsyncIterator[list[Notice]]:
    notices: list[Notice] = []
    watching = asyncio.ensure_future(Supervisor(servers, SystemClock(), notices.append).run())
    yield notices
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching


async def test_what_postgres_committed_is_there_after_kill_9(postgres: EmbeddedPostgres) -> None:
    await postgres.start()
    await query(postgres, "CREATE TABLE kept (id int)")
    writing = await asyncpg.connect(postgres.dsn(), timeout=10)
    committed = 0
    for number in range(200):
        await writing.execute("INSERT INTO kept VALUES ($1)", number)
        committed += 1
    first = kill(postgres)
    await postgres.start()
    writing.terminate()
    assert postgres.pid() != first
    assert await query(postgres, "SELECT count(*) FROM kept") == committed


async def test_postgres_keeps_its_promises_of_durability_and_listens_on_no_network(postgres: EmbeddedPostgres) -> None:
    await postgres.start()
    settings = {name: await query(postgres, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "timezone")}
    assert settings == {"fsync": "on", "synchronous_commit": "on", "timezone": "UTC"}
    assert await query(postgres, "SHOW listen_addresses") == ""
    assert await query(postgres, "SHOW data_checksums") == "on"
    assert await query(postgres, "SELECT current_database()") == "spotopt"


async def test_postgres_itself_recovers_from_a_killed_backend(postgres: EmbeddedPostgres) -> None:
    await postgres.start()
    pid = postgres.pid()
    connection = await asyncpg.connect(postgres.dsn(), timeout=10)
    os.kill(connection.get_server_pid(), signal.SIGKILL)
    await until(connection.is_closed)
    await until(postgres.is_healthy)
    assert postgres.pid() == pid


async def test_the_next_process_finds_the_server_of_the_one_before(
    folder: DataFolder, postgres: EmbeddedPostgres, redis: EmbeddedRedis
) -> None:
    for server, another in ((postgres, EmbeddedPostgres(folder)), (redis, EmbeddedRedis(folder))):
        await server.start()
        await another.start()
        assert another.pid() == server.pid()
        await another.stop()
        assert server.pid() is None
        assert not await server.is_healthy()
        await another.stop()


async def test_a_lock_file_that_names_a_stranger_is_no_obstacle(folder: DataFolder, postgres: EmbeddedPostgres) -> None:
    await postgres.start()
    await query(postgres, "CREATE TABLE kept (id int)")
    await postgres.stop()
    (folder.path / "postgres" / "postmaster.pid").write_text("1\n/elsewhere\n")
    await postgres.start()
    assert await query(postgres, "SELECT count(*) FROM kept") == 0


async def test_a_first_start_that_was_cut_short_leaves_no_half_database(
    folder: DataFolder, postgres: EmbeddedPostgres
) -> None:
    half = folder.subfolder("postgres.draft")
    (half / "PG_VERSION").write_text("18\n")
    await postgres.start()
    assert await postgres.is_healthy()
    assert not half.exists()


async def test_a_database_of_another_version_is_refused_and_left_alone(
    folder: DataFolder, postgres: EmbeddedPostgres
) -> None:
    version = folder.subfolder("postgres") / "PG_VERSION"
    version.write_text("16\n")
    with pytest.raises(RejectedError, match="PostgreSQL 16"):
        await postgres.start()
    assert version.read_text() == "16\n"


async def test_a_server_that_cannot_start_says_why(folder: DataFolder, redis: EmbeddedRedis) -> None:
    await redis.start()
    await redis.stop()
    log = folder.path / "redis" / "appendonly.aof"
    log.write_bytes(RUBBISH)
    with pytest.raises(TransientError, match="Bad file format"):
        await redis.start()


async def test_redis_syncs_before_it_answers_throws_nothing_away_and_has_no_port(redis: EmbeddedRedis) -> None:
    await redis.start()
    client = connect(redis.url)
    settings = await client.config_get("*")
    await client.aclose()
    wanted = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "port": "0"}
    assert wanted.items() <= settings.items()


async def test_a_supervisor_starts_what_was_killed_and_tells(postgres: EmbeddedPostgres, redis: EmbeddedRedis) -> None:
    await postgres.start()
    await redis.start()
    async with supervised(postgres, redis) as notices:
        for server in (postgres, redis):
            dead = kill(server)
            await until(lambda server=server, dead=dead: server.pid() not in (None, dead) and server.is_healthy())
        await until(lambda: len(notices) == 4)
    seen = {(notice.server, notice.happening) for notice in notices}
    assert seen == {(name, what) for name in ("PostgreSQL", "Redis") for what in (Happening.DIED, Happening.RESTARTED)}


async def test_a_supervisor_keeps_trying_until_the_server_can_start_again(
    folder: DataFolder, redis: EmbeddedRedis
) -> None:
    await redis.start()
    log = folder.path / "redis" / "appendonly.aof"
    good = log.read_bytes()
    async with supervised(redis) as notices:
        log.write_bytes(RUBBISH)
        kill(redis)
        await until(lambda: any(notice.happening is Happening.START_FAILED for notice in notices))
        log.write_bytes(good)
        await until(redis.is_healthy)
    assert "Bad file format" in next(one.detail for one in notices if one.happening is Happening.START_FAILED)


async def test_a_hung_server_is_stopped_by_force(redis: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.embedded.redis.RedisRecipe.stop_s", 0.2)
    await redis.start()
    pid = redis.pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    await redis.stop()
    assert redis.pid() is None
    assert not is_alive(pid)
