"""Batches of simulations that customers ask for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.validate import require_utc


class SimulationStatus(StrEnum):
    """How a simulation stands."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


OPEN_SIMULATIONS = (SimulationStatus.QUEUED, SimulationStatus.RUNNING)
"""Those that have not ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSimulation:
    """A simulation as it is kept.

    Parameters
    ----------
    body
        The scenario with its recordings, JSON.
    done
        Replications whose rows are kept.
    summary
        Figures by policy, once it is completed.
    error
        Why it has failed.
    """

    id: UUID
    organization_id: UUID
    name: str
    status: SimulationStatus
    body: bytes
    replications: int
    created_at: datetime
    updated_at: datetime
    done: int = 0
    summary: Mapping[str, object] = field(default_factory=dict)
    error: str = ""
    ended_at: datetime | None = None

    def __post_init__(self) -> None:
        require_utc(created_at=self.created_at, updated_at=self.updated_at, ended_at=self.ended_at)
        if not 0 <= self.done <= self.replications or self.replications < 1:
            raise ValueError("done must be within 0..replications, and replications at least 1")
        if (self.ended_at is None) != (self.status in OPEN_SIMULATIONS):
            raise ValueError("a simulation has ended_at when it has ended, and not before")
