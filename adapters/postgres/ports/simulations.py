"""Simulations of customers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.paging import Page, PageRequest
from domain.simulation import SimulationStatus, StoredSimulation


class Simulations(Protocol):
    """Batches of simulations with what of each is done."""

    async def create(self, simulation: StoredSimulation) -> None:
        """Add a simulation."""

    async def get(self, simulation_id: UUID) -> StoredSimulation | None:
        """One simulation."""

    async def of_organization(self, organization_id: UUID, request: PageRequest) -> Page[StoredSimulation]:
        """Simulations of an organisation, newest first."""

    async def count_open(self, organization_id: UUID) -> int:
        """Those of an organisation that have not ended."""

    async def keep(self, simulation_id: UUID, batch: int, body: bytes, *, done: int, now: datetime) -> bool:
        """Keep the rows of a batch and how many replications are done; false when the simulation has ended."""

    async def parts(self, simulation_id: UUID) -> Mapping[int, bytes]:
        """Rows of the batches that are done, by number."""

    async def touch(self, simulation_id: UUID, *, stale_before: datetime, now: datetime) -> bool:
        """Claim a simulation that has not ended and of which nothing was heard since; false when there is none."""

    async def end(
        self,
        simulation_id: UUID,
        status: SimulationStatus,
        *,
        summary: Mapping[str, object],
        error: str,
        now: datetime,
    ) -> bool:
        """End a simulation and forget its parts; false when it has ended before."""
