"""A real PostgreSQL for the whole run, in a folder of its own, stopped by its process id when the run ends."""

import asyncio
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from adapters.embedded.folder import DataFolder
from adapters.embedded.postgres import OWNER, EmbeddedPostgres
from adapters.postgres.migrate import migrate

TEMPLATE = "spotopt_template"
"""A migrated database; those of tests are copies of it."""


class PostgresServer:
    """The server under test, which a test may kill and start again, and databases on it."""

    def __init__(self, folder: DataFolder) -> None:
        self._embedded = EmbeddedPostgres(folder)
        self._numbers = count(1)

    def dsn(self, database: str, *, user: str = OWNER) -> str:
        """Where a database is, for a role that may log in."""
        return self._embedded.dsn(database, user)

    @property
    def pid(self) -> int:
        """The process to kill."""
        pid = self._embedded.pid()
        assert pid is not None
        return pid

    async def start(self) -> None:
        """Start it, also after a death."""
        await self._embedded.start()

    async def stop(self) -> None:
        """Stop it cleanly."""
        await self._embedded.stop()

    def create(self, template: str = TEMPLATE) -> str:
        """Make a database and say where it is."""
        name = f"test_{next(self._numbers)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY wal_log")
        return self.dsn(name)

    def create_empty(self, name: str) -> str:
        """Make a database without tables."""
        self._run(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.dsn(name)

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The server. Not in pytest's own folder, which the next run of pytest closes for the server's account."""
    with tempfile.TemporaryDirectory(prefix="spotopt-test-") as path, DataFolder(Path(path)) as folder:
        server = PostgresServer(folder)
        asyncio.run(server.start())
        try:
            migrate(server.create_empty(TEMPLATE))
            yield server
        finally:
            asyncio.run(server.stop())


@pytest.fixture
def database_url(postgres_server: PostgresServer) -> str:
    """A migrated database of this test's own, without seed. It goes with the server: dropping it costs a checkpoint."""
    return postgres_server.create()
