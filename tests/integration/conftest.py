"""A real PostgreSQL for the whole run, in a folder of its own, stopped by its process id when the run ends."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from adapters.embedded.folder import DataFolder
from adapters.embedded.postgres import EmbeddedPostgres
from adapters.postgres.migrate import migrate

TEMPLATE = "spotopt_template"
"""A migrated database; those of tests are copies of it."""


class PostgresServer:
    """The server under test, which a test may kill and start again, and databases on it."""

    def __init__(self, folder: DataFolder) -> None:
        self._embedded = EmbeddedPostgres(folder)
        self._numbers = count(1)

    def dsn(self, database: str) -> str:
        """Where a database is, for its owner."""
        return self._embedded.dsn(database)

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

    def drop(self, dsn: str) -> None:
        """Delete a database, whoever is connected."""
        self._run(f"DROP DATABASE IF EXISTS {psycopg.conninfo.conninfo_to_dict(dsn)['dbname']} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """The server."""
    folder = DataFolder(Path(tmp_path_factory.mktemp("postgres")))
    with folder:
        server = PostgresServer(folder)
        asyncio.run(server.start())
        try:
            migrate(server.create_empty(TEMPLATE))
            yield server
        finally:
            asyncio.run(server.stop())


@pytest.fixture
def new_database(postgres_server: PostgresServer) -> Iterator[Callable[[], str]]:
    """Makes migrated databases, told by their addresses, that are gone after the test."""
    made: list[str] = []

    def make() -> str:
        made.append(postgres_server.create())
        return made[-1]

    yield make
    for dsn in made:
        postgres_server.drop(dsn)


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> str:
    """A migrated database of this test's own."""
    return new_database()
