"""Bodies and answers about simulations."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from actors.simulation.asked import MOST_REPLICATIONS
from adapters.scenarios.model import Scenario
from domain.simulation import SimulationStatus
from serve.schemas.base import Answer, Body

Count = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class RecordingModel(Body):
    """What somebody has recorded of one pool: how many instances could be had at each tick."""

    zone: Annotated[str, Field(pattern=r"^[a-z]+(-[a-z]+)+-\d+[a-z]$", max_length=40)]
    instance_type: Annotated[str, Field(pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$", max_length=40)]
    tick_s: Annotated[float, Field(gt=0, le=3_600, allow_inf_nan=False)]
    available: Annotated[list[Count | None], Field(min_length=2, max_length=60_000)]


class NewSimulation(Body):
    """A scenario as in a scenario file; ``market.recorded.folder`` is ``.`` for the recordings that come with it."""

    scenario: Scenario
    replications: Annotated[int, Field(ge=1, le=MOST_REPLICATIONS)] = 20
    recordings: Annotated[list[RecordingModel], Field(max_length=100)] = Field(default=[])


class SimulationModel(Answer):
    """A simulation. ``summary`` has each policy's figures with their intervals once it is completed."""

    id: UUID
    name: str
    status: SimulationStatus
    replications: int
    done: int
    summary: dict[str, Any]
    error: str
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None
