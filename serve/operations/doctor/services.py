"""PostgreSQL, Redis and Ray where the settings name running ones, and the embedded ones while they run."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from redis.exceptions import RedisError

from adapters.clock import SystemClock
from adapters.embedded.folder import DataFolder
from adapters.redis.connection import connect
from adapters.settings import Settings
from domain.errors import TransientError
from serve.operations.doctor.finding import Finding, failure, ok, warning
from serve.operations.stores import ANSWER_S, Stores, connected, stores_of

OLDEST_POSTGRES, OLDEST_REDIS = 150_000, (6, 2)
"""Unique constraints with NULLs; GETEX and streams with XAUTOCLAIM."""
SKEW_S = 2.0
"""Sessions, actions and events carry times of both clocks; they are given a minute of grace at most."""
CONNECTIONS = 60
"""What the processes of one machine open when they are busy."""
RAY_PORT = 6379

ABOUT_DATABASE = """
SELECT current_setting('server_version_num')::int AS version, clock_timestamp() AS at,
       current_setting('max_connections')::int AS connections, current_user AS name,
       (SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user) AS makes_roles,
       has_database_privilege(current_database(), 'CREATE') AS creates
"""


async def services(settings: Settings, *, runs: bool) -> AsyncIterator[Finding]:
    """What can be reached now: embedded servers only while the platform runs."""
    if runs or settings.database_url or settings.redis_url:
        stores = stores_of(settings, DataFolder(settings.data_dir), SystemClock())
        async for finding in _stores(settings, stores, runs=runs):
            yield finding
    if settings.ray_address:
        yield await _ray(settings.ray_address)


async def _stores(settings: Settings, stores: Stores, *, runs: bool) -> AsyncIterator[Finding]:
    if runs or settings.database_url:
        async for finding in _database(stores.database_url):
            yield finding
    if runs or settings.redis_url:
        async for finding in _redis(stores.redis_url):
            yield finding


async def _database(url: str) -> AsyncIterator[Finding]:
    before = datetime.now(UTC)
    try:
        async with connected(url) as connection:
            row = await connection.fetchrow(ABOUT_DATABASE, timeout=ANSWER_S)
    except TransientError as err:
        yield failure("database", str(err), "look at DATABASE_URL and at the server; both must be reachable from here")
        return
    if row is not None:
        for finding in database_findings(dict(row), before=before, after=datetime.now(UTC)):
            yield finding


def database_findings(row: dict[str, Any], *, before: datetime, after: datetime) -> list[Finding]:
    """What a database says of itself, judged."""
    major = row["version"] // 10_000
    skew_s = max((before - row["at"]).total_seconds(), (row["at"] - after).total_seconds(), 0.0)
    found = [ok("database", f"PostgreSQL {major}, as {row['name']}")]
    if row["version"] < OLDEST_POSTGRES:
        found = [failure("database", f"PostgreSQL {major}", "PostgreSQL 15 or newer is needed")]
    if not (row["makes_roles"] and row["creates"]):
        told = f"{row['name']} may not create roles or schemas"
        found.append(
            failure("rights in the database", told, f"ALTER ROLE {row['name']} CREATEROLE, and own the database")
        )
    if row["connections"] < CONNECTIONS:
        told = f"{row['connections']} connections at most"
        found.append(
            warning("connections", told, f"set max_connections to {CONNECTIONS} or more, or use fewer processes")
        )
    if skew_s > SKEW_S:
        advice = "set both clocks by NTP: events and actions expire within minutes"
        return [*found, failure("clock", f"{skew_s:.0f} s away from the database's", advice)]
    return [*found, ok("clock", "agrees with the database's")]


async def _redis(url: str) -> AsyncIterator[Finding]:
    client = connect(url, max_connections=1)
    try:
        async with asyncio.timeout(ANSWER_S):
            info = await client.info()
            config = await _config(client)
    except (RedisError, OSError, TimeoutError) as err:
        told = f"does not answer: {err or type(err).__name__}"
        yield failure("Redis", told, "look at REDIS_URL and at the server; both must be reachable from here")
        return
    finally:
        await client.aclose()
    for finding in redis_findings(info, config):
        yield finding


async def _config(client: Any) -> dict[str, str]:
    """What it is set to; hosted ones often do not tell."""
    try:
        told: dict[str, str] = await client.config_get("appendonly", "maxmemory-policy")
    except RedisError:
        return {}
    return told


def redis_findings(info: dict[str, Any], config: dict[str, str]) -> list[Finding]:
    """What a Redis says of itself, judged."""
    version = str(info.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_REDIS:
        found = [failure("Redis", version, "Redis 6.2 or newer is needed")]
    else:
        found = [ok("Redis", version)]
    if config.get("appendonly", "yes") != "yes":
        told = "keeps nothing on disk (appendonly no)"
        found.append(
            warning("what Redis keeps", told, "appendonly yes: queued events are found again only after a sweep")
        )
    if config.get("maxmemory-policy", "noeviction") != "noeviction":
        told = f"throws keys away when full ({config['maxmemory-policy']})"
        found.append(failure("memory of Redis", told, "maxmemory-policy noeviction: revoked sessions would open again"))
    return found


async def _ray(address: str) -> Finding:
    split = urlsplit(address if "://" in address else f"//{address}")
    host, port = split.hostname or "", split.port or RAY_PORT
    if address in ("auto", "local"):
        return ok("Ray", f"RAY_ADDRESS is {address}: found at the start")
    try:
        async with asyncio.timeout(ANSWER_S):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
    except (OSError, TimeoutError) as err:
        told = f"{host}:{port} does not answer: {err or type(err).__name__}"
        return failure("Ray", told, "look at RAY_ADDRESS and at the head node")
    return ok("Ray", f"{host}:{port} answers")
