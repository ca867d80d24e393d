"""Settings that admins change."""

from collections.abc import Mapping
from datetime import datetime

from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository

SQL = load("config")


class PostgresConfig(Repository):
    """`adapters.postgres.ports.Config`."""

    __slots__ = ()

    async def all(self) -> Mapping[str, str]:
        """All of them."""
        return {row["key"]: row["value"] for row in await self._session.rows(SQL["all"])}

    async def get(self, key: str) -> str | None:
        """One of them."""
        row = await self._session.row(SQL["get"], {"key": key})
        return None if row is None else str(row["value"])

    async def set(self, key: str, value: str, *, by: str, now: datetime) -> str | None:
        """Change one."""
        before = await self._session.row(SQL["lock"], {"key": key})
        await self._session.run(SQL["set"], {"key": key, "value": value, "by": by, "now": now})
        return None if before is None else str(before["value"])
