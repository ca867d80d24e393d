"""The database as commands see it: reached where it is, prepared before the service connects."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

from adapters.clock import SystemClock
from adapters.embedded.folder import DataFolder
from adapters.embedded.postgres import EmbeddedPostgres
from adapters.postgres.migrate import migrate
from adapters.postgres.pool import PoolSettings, PostgresDatabase
from adapters.postgres.seed import SeedOutcome, seed
from adapters.settings import Settings

CONNECTIONS = 2
"""For a command of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What came of it."""

    revision: str
    seeded: SeedOutcome


async def prepare(url: str, settings: Settings) -> Prepared:
    """Bring the schema up to date and fill in what every platform starts with.

    Raises
    ------
    TransientError
        The database cannot be reached.
    RejectedError
        It is too old, or the role may not do this.
    """
    revision = await asyncio.to_thread(migrate, url)
    async with opened(url) as database:
        outcome = await seed(database, now=datetime.now(UTC), admin_email=settings.admin_email)
    return Prepared(revision=revision, seeded=outcome)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[PostgresDatabase]:
    """A database for a command, closed at the end."""
    database = await PostgresDatabase.connect(url, PoolSettings(connections=CONNECTIONS))
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def reached(settings: Settings) -> AsyncIterator[str]:
    """Where the database of the settings is. An embedded one that does not run is started, and stopped at the end.

    Raises
    ------
    TransientError
        It does not start.
    """
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    folder = DataFolder(settings.data_dir)
    server = EmbeddedPostgres(folder, SystemClock())
    runs = await asyncio.to_thread(server.pid) is not None
    with nullcontext() if runs else folder:
        await server.start()
        try:
            yield server.dsn()
        finally:
            if not runs:
                await server.stop()
