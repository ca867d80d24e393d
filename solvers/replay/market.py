"""What AWS has and asks for: capacity and price of each pool over simulated time."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from domain.market import InstanceType, Pool, Zone

SECONDS_PER_H = 3600.0
PLENTY = 1_000_000
"""Instances that a pool has when nobody counted them."""


class PriceCurve:
    """A price in USD per hour that changes at moments. ``times_s`` begins with 0 and grows."""

    __slots__ = ("_cost", "times_s", "values")

    def __init__(self, times_s: tuple[float, ...], values: tuple[float, ...]) -> None:
        if not times_s or len(times_s) != len(values) or times_s[0] != 0.0:
            raise ValueError("a price curve begins at 0 s and has one price per time")
        if any(later <= earlier for earlier, later in pairwise(times_s)):
            raise ValueError("times of a price curve must grow")
        if not all(value > 0 for value in values):
            raise ValueError("prices must be above 0")
        self.times_s, self.values = times_s, values
        cost = [0.0]
        for at, (begin, end) in enumerate(pairwise(times_s)):
            cost.append(cost[-1] + values[at] * (end - begin))
        self._cost = tuple(cost)

    def at(self, time_s: float) -> float:
        """USD per hour at a moment."""
        return self.values[bisect_right(self.times_s, time_s) - 1]

    def cost_usd(self, begin_s: float, end_s: float) -> float:
        """What an instance costs from one moment to another."""
        return (self._until(end_s) - self._until(begin_s)) / SECONDS_PER_H

    def _until(self, time_s: float) -> float:
        at = bisect_right(self.times_s, time_s) - 1
        return self._cost[at] + self.values[at] * (time_s - self.times_s[at])


def constant_price(usd_per_h: float) -> PriceCurve:
    """A price that never changes."""
    return PriceCurve((0.0,), (usd_per_h,))


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolTape:
    """A Spot pool over time.

    Parameters
    ----------
    times_s, capacity
        From each time on so many instances can run, of everybody together. A fall takes those beyond it.
    interruption_per_h
        Rate at which AWS takes any one node besides, while the pool has capacity.
    strain_s, strain_per_h
        For so long before each fall to nothing nodes are taken one by one at this rate, while there still is room.
    told_per_month
        Interruption probability per month (0..1) that whoever has no model is told: the advisor's.
    """

    pool: Pool
    times_s: tuple[float, ...]
    capacity: tuple[int, ...]
    price: PriceCurve
    interruption_per_h: float = 0.0
    strain_s: float = 0.0
    strain_per_h: float = 0.0
    told_per_month: float = 0.0

    def __post_init__(self) -> None:
        if not self.times_s or len(self.times_s) != len(self.capacity) or self.times_s[0] != 0.0:
            raise ValueError(f"the tape of {self.pool} begins at 0 s and has one capacity per time")
        if any(later <= earlier for earlier, later in pairwise(self.times_s)):
            raise ValueError(f"times of the tape of {self.pool} must grow")
        if min(self.capacity) < 0 or min(self.interruption_per_h, self.strain_s, self.strain_per_h) < 0:
            raise ValueError(f"capacity and rate of {self.pool} must not be negative")

    def capacity_at(self, time_s: float) -> int:
        """Instances that can run at a moment."""
        return self.capacity[bisect_right(self.times_s, time_s) - 1]

    def next_fall_s(self, after_s: float) -> float | None:
        """When the capacity falls next, ``None`` when it never does again."""
        first = bisect_right(self.times_s, after_s)
        for at in range(first, len(self.times_s)):
            if self.capacity[at] < self.capacity[at - 1]:
                return self.times_s[at]
        return None

    def next_strain(self, after_s: float) -> tuple[float, float] | None:
        """The strain that ends next: when it begins and ends, ``None`` without one."""
        if not self.strain_s or not self.strain_per_h:
            return None
        first = bisect_right(self.times_s, after_s)
        for at in range(first, len(self.times_s)):
            if self.capacity[at] == 0 and self.capacity[at - 1] > 0:
                return max(self.times_s[at - 1], self.times_s[at] - self.strain_s), self.times_s[at]
        return None

    def up_h(self, horizon_s: float) -> float:
        """Hours with any capacity, up to the horizon."""
        ends = (*self.times_s[1:], horizon_s)
        spans = zip(self.times_s, ends, self.capacity, strict=True)
        return sum(max(0.0, min(end, horizon_s) - begin) for begin, end, room in spans if room) / SECONDS_PER_H


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """How AWS warns. ``lost`` is the share (0..1) of notices that never come; the others come up to ``delay_s`` late.

    Seconds run from when AWS decides; the instance ends ``ahead_s`` after that, whether anybody was told or not.
    """

    ahead_s: float = 120.0
    delay_s: float = 5.0
    lost: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.delay_s <= self.ahead_s:
            raise ValueError("0 <= delay_s <= ahead_s must hold")
        if not 0 <= self.lost <= 1:
            raise ValueError(f"lost must be within 0..1, not {self.lost}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One region over time, as one replication meets it.

    Parameters
    ----------
    zones
        By id.
    on_demand_usd_per_h
        By instance type. On-demand capacity is never refused.
    boot_s
        From a launch to a node that takes pods; each node draws within a quarter around it.
    seed
        Of everything that is drawn while it runs.
    """

    region: str
    zones: Mapping[str, Zone]
    types: Mapping[str, InstanceType]
    tapes: tuple[PoolTape, ...]
    on_demand_usd_per_h: Mapping[str, float]
    horizon_s: float
    seed: int
    boot_s: float = 90.0
    notice: Notice = field(default_factory=Notice)

    def __post_init__(self) -> None:
        for tape in self.tapes:
            if tape.pool.instance_type not in self.types or tape.pool.zone_id not in self.zones:
                raise ValueError(f"{tape.pool}: its type or zone is not in the market")
        if missing := self.types.keys() - self.on_demand_usd_per_h.keys():
            raise ValueError(f"no on-demand price of {min(missing)}")
        if not self.horizon_s > 0 or self.boot_s < 0:
            raise ValueError("the horizon must be above 0 and boot_s not negative")
