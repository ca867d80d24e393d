"""A job, what it meets, and what came of it."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


class On(IntEnum):
    """What the job is on."""

    NOTHING = 0
    SPOT = 1
    ON_DEMAND = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job in whole steps.

    Parameters
    ----------
    work, deadline
        Steps of work, and steps until it must be done.
    changeover
        Steps that pass between a start, on anything, and the first work.
    spot_price
        Of a step on Spot, as a share of one on demand.
    """

    work: int
    deadline: int
    changeover: int
    spot_price: float

    def __post_init__(self) -> None:
        if not self.work > 0 or self.changeover < 0 or self.work + self.changeover > self.deadline:
            raise ValueError("work and one changeover must fit before the deadline, and work be above 0")
        if not 0 < self.spot_price <= 1:
            raise ValueError(f"spot_price must be above 0 and at most 1, not {self.spot_price}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Steps on Spot and on demand, changeovers included; starts of either; whether it was done in time; its cost in
    steps on demand.
    """

    spot: int
    on_demand: int
    starts: int
    in_time: bool
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotView:
    """Whether each zone has Spot, (zones, steps)."""

    up: Mask

    def any_zone(self) -> Mask:
        """Whether some zone has."""
        return np.asarray(self.up.any(axis=0))
