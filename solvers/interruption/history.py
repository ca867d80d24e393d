"""What was observed of capacity pools: one row per pool, one column per tick."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from solvers.interruption.contract import Floats, Mask

SECONDS_PER_H = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPool:
    """Traits of an observed pool. ``zone`` is an id or, within one account, a name; -1 GPUs stand for not known."""

    region: str
    zone: str
    instance_type: str
    accelerators: int = -1

    @property
    def family(self) -> str:
        """``p3`` of ``p3.2xlarge``."""
        return self.instance_type.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.instance_type} in {self.zone}"


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Observations of pools at even ticks.

    Parameters
    ----------
    name
        What the recording is called, for messages.
    pools
        One per row.
    up
        Whether the pool gave capacity, (pools, ticks).
    tick_s
        Seconds between ticks.
    start
        Time of the first tick (UTC), ``None`` when not known: hour and weekday are then missing.
    price_usd_per_h, placement_score
        (pools, ticks), NaN where not known, or ``None``.
    advisor_bucket
        (pools,), NaN where not known, or ``None``.
    known
        Whether a tick was recorded, (pools, ticks); ``None`` when all were. Where it was not, ``up`` is what was known
        then, and nothing is judged.

    Raises
    ------
    ValueError
        When shapes disagree, nothing is in it, or the tick is not above 0.
    """

    name: str
    pools: tuple[SeenPool, ...]
    up: Mask
    tick_s: float
    start: datetime | None = None
    price_usd_per_h: Floats | None = None
    placement_score: Floats | None = None
    advisor_bucket: Floats | None = None
    known: Mask | None = None

    def __post_init__(self) -> None:
        if self.up.ndim != 2 or self.up.dtype != np.bool_ or not self.up.size:
            raise ValueError(f"{self.name}: up must be a filled boolean array of pools by ticks")
        if self.up.shape[0] != len(self.pools):
            raise ValueError(f"{self.name}: {len(self.pools)} pools, but {self.up.shape[0]} rows")
        if not 0 < self.tick_s <= SECONDS_PER_H:
            raise ValueError(f"{self.name}: a tick must last above 0 s and at most an hour, not {self.tick_s}")
        if self.start is not None and self.start.utcoffset() != timedelta(0):
            raise ValueError(f"{self.name}: the start must be UTC")
        for values in (self.price_usd_per_h, self.placement_score, self.known):
            if values is not None and values.shape != self.up.shape:
                raise ValueError(f"{self.name}: prices, scores and what is known need one value per pool and tick")
        if self.advisor_bucket is not None and self.advisor_bucket.shape != (len(self.pools),):
            raise ValueError(f"{self.name}: the advisor has one bucket per pool")

    @property
    def ticks(self) -> int:
        """Number of ticks."""
        return int(self.up.shape[1])

    @property
    def tick_h(self) -> float:
        """Hours between ticks."""
        return self.tick_s / SECONDS_PER_H

    def ticks_of(self, hours: float) -> int:
        """Whole ticks in a span, at least one."""
        return max(1, round(hours / self.tick_h))

    def until(self, tick: int) -> "History":
        """What was known before a tick."""
        return replace(
            self,
            up=self.up[:, :tick],
            price_usd_per_h=None if self.price_usd_per_h is None else self.price_usd_per_h[:, :tick],
            placement_score=None if self.placement_score is None else self.placement_score[:, :tick],
            known=None if self.known is None else self.known[:, :tick],
        )
