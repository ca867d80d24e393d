"""Simulations of customers."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from uuid import UUID

from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.rows import page, page_values, read, values_of
from domain.paging import Page, PageRequest
from domain.simulation import SimulationStatus, StoredSimulation

SQL = load("simulations")


class PostgresSimulations(Repository):
    """`adapters.postgres.ports.Simulations`."""

    __slots__ = ()

    async def create(self, simulation: StoredSimulation) -> None:
        """Add a simulation."""
        await self._session.run(SQL["create"], values_of(simulation))

    async def get(self, simulation_id: UUID) -> StoredSimulation | None:
        """One simulation."""
        return await self._session.one(StoredSimulation, SQL["get"], {"simulation_id": simulation_id})

    async def of_organization(self, organization_id: UUID, request: PageRequest) -> Page[StoredSimulation]:
        """Simulations of an organisation, newest first."""
        values = {"organization_id": organization_id, **page_values(request)}
        rows = await self._session.rows(SQL["of_organization"], values)
        return page(rows, request, to=partial(read, StoredSimulation))

    async def count_open(self, organization_id: UUID) -> int:
        """Those of an organisation that have not ended."""
        (row,) = await self._session.rows(SQL["count_open"], {"organization_id": organization_id})
        return int(row["number"])

    async def keep(self, simulation_id: UUID, batch: int, body: bytes, *, done: int, now: datetime) -> bool:
        """Keep the rows of a batch."""
        values = {"simulation_id": simulation_id, "done": done, "now": now}
        if not await self._session.run(SQL["advance"], values):
            return False
        await self._session.run(SQL["keep"], {"simulation_id": simulation_id, "batch": batch, "body": body})
        return True

    async def parts(self, simulation_id: UUID) -> Mapping[int, bytes]:
        """Rows of the batches that are done."""
        rows = await self._session.rows(SQL["parts"], {"simulation_id": simulation_id})
        return {row["batch"]: row["body"] for row in rows}

    async def touch(self, simulation_id: UUID, *, stale_before: datetime, now: datetime) -> bool:
        """Claim a simulation of which nothing was heard."""
        values = {"simulation_id": simulation_id, "stale_before": stale_before, "now": now}
        return await self._session.run(SQL["touch"], values) > 0

    async def end(
        self,
        simulation_id: UUID,
        status: SimulationStatus,
        *,
        summary: Mapping[str, object],
        error: str,
        now: datetime,
    ) -> bool:
        """End a simulation and forget its parts."""
        values = {"simulation_id": simulation_id, "status": status, "summary": summary, "error": error, "now": now}
        if not await self._session.run(SQL["end"], values):
            return False
        await self._session.run(SQL["forget"], {"simulation_id": simulation_id})
        return True
