"""Snapshots and stored states."""

from uuid import UUID

from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.rows import values_of
from domain.work import StoredSnapshot, StoredState

SQL = load("snapshots")


class PostgresSnapshots(Repository):
    """`adapters.postgres.ports.Snapshots`."""

    __slots__ = ()

    async def put(self, snapshot: StoredSnapshot) -> bool:
        """Keep a snapshot unless a newer one is kept already."""
        return await self._session.run(SQL["put"], values_of(snapshot)) > 0

    async def get(self, cluster_id: UUID) -> StoredSnapshot | None:
        """The last snapshot."""
        return await self._session.one(StoredSnapshot, SQL["get"], {"cluster_id": cluster_id})

    async def put_state(self, state: StoredState) -> bool:
        """Keep a state whose version follows the stored one."""
        query = SQL["put_first_state"] if state.version == 1 else SQL["put_state"]
        return await self._session.run(query, values_of(state)) > 0

    async def get_state(self, cluster_id: UUID) -> StoredState | None:
        """The stored state."""
        return await self._session.one(StoredState, SQL["get_state"], {"cluster_id": cluster_id})
