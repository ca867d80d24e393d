"""One connection as the repositories see it: queries by name, values by name, our errors."""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from uuid import UUID

import asyncpg

from adapters.postgres.failures import translated
from adapters.postgres.queries import Query
from adapters.postgres.rows import Row, read, read_all
from domain.errors import InvariantError

Values = Mapping[str, object]
T = TypeVar("T")
_NONE: Values = {}


class Session:
    """Runs queries on a connection in the scope of one tenant, or of the platform when ``tenant`` is ``None``."""

    __slots__ = ("_connection", "tenant")

    def __init__(self, connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]", tenant: UUID | None) -> None:
        self._connection = connection
        self.tenant = tenant

    async def all(self, record: type[T], query: Query, values: Values = _NONE) -> tuple[T, ...]:
        """All rows as records."""
        return read_all(record, await self.rows(query, values))

    async def one(self, record: type[T], query: Query, values: Values = _NONE) -> T | None:
        """The first row as a record."""
        row = await self.row(query, values)
        return None if row is None else read(record, row)

    async def rows(self, query: Query, values: Values = _NONE) -> Sequence[Row]:
        """All rows."""
        arguments = self._arguments(query, values)
        with translated():
            return await self._connection.fetch(query.text, *arguments)

    async def row(self, query: Query, values: Values = _NONE) -> Row | None:
        """The first row."""
        arguments = self._arguments(query, values)
        with translated():
            row: Row | None = await self._connection.fetchrow(query.text, *arguments)
        return row

    async def run(self, query: Query, values: Values = _NONE) -> int:
        """Rows that a statement has changed."""
        arguments = self._arguments(query, values)
        with translated():
            status = await self._connection.execute(query.text, *arguments)
        return int(status.rpartition(" ")[2])

    def _arguments(self, query: Query, values: Values) -> list[object]:
        if query.platform_only and self.tenant is not None:
            raise InvariantError(f"query {query.name} is for the platform, not for a tenant")
        return query.arguments({**values, "tenant": self.tenant})
