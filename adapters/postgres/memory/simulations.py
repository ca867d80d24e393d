"""Twin of simulations."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from adapters.postgres.memory.tables import MemoryRepository, page_of
from domain.paging import Page, PageRequest
from domain.simulation import SimulationStatus, StoredSimulation


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    simulation_id: UUID
    organization_id: UUID
    batch: int
    body: bytes


class MemorySimulations(MemoryRepository):
    """Twin of `Simulations`."""

    async def create(self, simulation: StoredSimulation) -> None:
        """Add a simulation."""
        self._view.insert_new(simulation.id, simulation)

    async def get(self, simulation_id: UUID) -> StoredSimulation | None:
        """One simulation."""
        return self._view.get(StoredSimulation, simulation_id)

    async def of_organization(self, organization_id: UUID, request: PageRequest) -> Page[StoredSimulation]:
        """Simulations of an organisation, newest first."""
        return page_of(self._view.all(StoredSimulation, lambda one: one.organization_id == organization_id), request)

    async def count_open(self, organization_id: UUID) -> int:
        """Those of an organisation that have not ended."""
        own = self._view.all(StoredSimulation, lambda one: one.organization_id == organization_id)
        return sum(one.ended_at is None for one in own)

    async def keep(self, simulation_id: UUID, batch: int, body: bytes, *, done: int, now: datetime) -> bool:
        """Keep the rows of a batch."""
        found = self._open(simulation_id)
        if found is None:
            return False
        self._view.put(simulation_id, replace(found, status=SimulationStatus.RUNNING, done=done, updated_at=now))
        part = _Part(simulation_id=simulation_id, organization_id=found.organization_id, batch=batch, body=body)
        self._view.insert((simulation_id, batch), part)
        return True

    async def parts(self, simulation_id: UUID) -> Mapping[int, bytes]:
        """Rows of the batches that are done."""
        found = self._view.all(_Part, lambda part: part.simulation_id == simulation_id)
        return {part.batch: part.body for part in sorted(found, key=lambda part: part.batch)}

    async def touch(self, simulation_id: UUID, *, stale_before: datetime, now: datetime) -> bool:
        """Claim a simulation of which nothing was heard."""
        found = self._open(simulation_id)
        if found is None or found.updated_at >= stale_before:
            return False
        self._view.put(simulation_id, replace(found, updated_at=now))
        return True

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
        found = self._open(simulation_id)
        if found is None:
            return False
        ended = replace(found, status=status, summary=dict(summary), error=error, updated_at=now, ended_at=now)
        self._view.put(simulation_id, ended)
        self._view.drop_all(_Part, lambda part: part.simulation_id == simulation_id)
        return True

    def _open(self, simulation_id: UUID) -> StoredSimulation | None:
        found = self._view.get(StoredSimulation, simulation_id)
        return None if found is None or found.ended_at is not None else found
