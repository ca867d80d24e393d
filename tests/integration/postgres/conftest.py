"""A database for a module, emptied before each test."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from adapters.postgres.pool import PoolSettings, PostgresDatabase
from adapters.postgres.seed import seed_defaults
from tests.integration.conftest import PostgresServer
from tests.unit.postgres.builders import NOW

EMPTY = """
    DELETE FROM organizations;
    DELETE FROM users;
    DELETE FROM pool_flags;
    DELETE FROM clock_runs;
    DELETE FROM stripe_events;
    DELETE FROM system_config;
"""
"""Whatever belongs to an organisation goes with it; what the audit log holds stays."""


@pytest.fixture(scope="module")
def module_dsn(postgres_server: PostgresServer) -> str:
    return postgres_server.create()


@pytest.fixture
async def owner(module_dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection of the owner, for whom nothing is hidden."""
    connection = await asyncpg.connect(module_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def database(module_dsn: str, owner: "asyncpg.Connection[asyncpg.Record]") -> AsyncIterator[PostgresDatabase]:
    await owner.execute(EMPTY)
    database = await PostgresDatabase.connect(module_dsn, PoolSettings(connections=4))
    await seed_defaults(database, now=NOW)
    yield database
    await database.close()
