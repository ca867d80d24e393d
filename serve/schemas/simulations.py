"""Bodies and answers about simulations."""

from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, model_validator

from actors.simulation.asked import MOST_REPLICATIONS
from adapters.scenarios.model import Scenario
from domain.simulation import SimulationStatus
from serve.schemas.base import Answer, Body

Count = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class PriceModel(Body):
    """A Spot price from a time on, in hours since the recording began."""

    at_h: Annotated[float, Field(ge=0, le=20_000, allow_inf_nan=False)]
    usd_per_h: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]


class RecordingModel(Body):
    """What somebody has recorded of one pool: how many instances could be had at each tick, and what they cost.

    Without prices they cost what the catalogue says.
    """

    zone: Annotated[str, Field(pattern=r"^[a-z]+(-[a-z]+)+-\d+[a-z]$", max_length=40)]
    instance_type: Annotated[str, Field(pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$", max_length=40)]
    tick_s: Annotated[float, Field(gt=0, le=3_600, allow_inf_nan=False)]
    available: Annotated[list[Count | None], Field(min_length=2, max_length=60_000)]
    prices: Annotated[list[PriceModel], Field(max_length=10_000)] = Field(default=[])

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if any(later.at_h <= earlier.at_h for earlier, later in pairwise(self.prices)):
            raise ValueError("its prices must be in the order of their times, one for each time")
        return self


class NewSimulation(Body):
    """A scenario as in a scenario file; ``market.recorded.folder`` is ``.`` for the recordings that come with it."""

    scenario: Scenario
    replications: Annotated[int, Field(ge=1, le=MOST_REPLICATIONS)] = 20
    recordings: Annotated[list[RecordingModel], Field(max_length=100)] = Field(default=[])

    @model_validator(mode="after")
    def _recordings_fit(self) -> Self:
        pools = [f"{one.instance_type} in {one.zone}" for one in self.recordings]
        if twice := {pool for pool in pools if pools.count(pool) > 1}:
            raise ValueError(f"{min(twice)} is recorded twice")
        if len(ticks := {one.tick_s for one in self.recordings}) > 1:
            raise ValueError(f"recordings must have one tick_s, not {', '.join(f'{tick:g}' for tick in sorted(ticks))}")
        if 0 < sum(bool(one.prices) for one in self.recordings) < len(self.recordings):
            raise ValueError("recordings must have prices all of them, or none")
        return self


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
