"""Risk of pools that nobody has watched: the Spot advisor's bucket, pooled, and corrected by what is then seen.

Interruptions of a pool come at a rate that is itself uncertain: a gamma distribution whose mean follows from the
advisor and whose width from how far rates moved between the advisor's snapshots. Drops and up-hours seen later update
it in closed form.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls  # type: ignore[import-untyped]
from scipy.special import gammaincinv  # type: ignore[import-untyped]

from domain.errors import InputError
from domain.units import HOURS_PER_MONTH
from solvers.interruption.contract import Floats
from solvers.interruption.metrics import CONFIDENCE

BUCKETS = 5
UNPOOLED = (1.0, 0.0, 0.0, 0.0)
UNPOOLED_SHAPE = 1.0
"""Without snapshots to learn from, a rate is as uncertain as an exponential distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advised:
    """A row of the advisor for Linux: bucket 0..4 of a type in a region."""

    region: str
    instance_type: str
    bucket: int

    @property
    def family(self) -> str:
        """``m6i`` of ``m6i.large``."""
        return self.instance_type.partition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """Rates per hour. ``weights`` are those of the pool's own bucket, its family, its region, and all.

    ``shape`` is that of the gamma distribution: the number of drops that the advisor's word is worth.
    """

    bucket_per_h: tuple[float, ...]
    weights: tuple[float, ...]
    family_per_h: Mapping[str, float]
    region_per_h: Mapping[str, float]
    overall_per_h: float
    shape: float

    def __post_init__(self) -> None:
        rates = (*self.bucket_per_h, self.overall_per_h, *self.family_per_h.values(), *self.region_per_h.values())
        if len(self.bucket_per_h) != BUCKETS or len(self.weights) != len(UNPOOLED):
            raise ValueError(f"a prior has {BUCKETS} buckets and {len(UNPOOLED)} weights")
        if not all(0 < rate < np.inf for rate in (*rates, self.shape)):
            raise ValueError("rates and shape of a prior must be above 0 and finite")
        if not all(0 <= weight < np.inf for weight in self.weights) or not sum(self.weights):
            raise ValueError("weights of a prior must not be negative, nor all 0")

    def mean_per_h(self, *, bucket: int | None, family: str, region: str) -> float:
        """Expected rate of a pool; whatever is not known of it is taken for average."""
        family_per_h = self.family_per_h.get(family, self.overall_per_h)
        region_per_h = self.region_per_h.get(region, self.overall_per_h)
        own = family_per_h if bucket is None else self.bucket_per_h[bucket]
        parts = np.array([own, family_per_h, region_per_h, self.overall_per_h])
        return float(parts @ np.array(self.weights))

    def predict(self, mean_per_h: Floats, *, drops: Floats, up_h: Floats, horizons_h: Sequence[float]) -> Floats:
        """Probability, low and high per pool and horizon, (n, horizons, 3), after what was seen.

        Parameters
        ----------
        mean_per_h
            By `mean_per_h`, (n,).
        drops, up_h
            Interruptions seen, and hours of being up in which they were, (n,).
        """
        if (drops < 0).any() or (up_h < 0).any():
            raise InputError("evidence", "drops or up_h", "is negative")
        shape, rate = self.shape + drops, self.shape / mean_per_h + up_h
        tail = (1 - CONFIDENCE) / 2
        # Most pools were never seen to drop: the quantiles of few shapes serve them all.
        shapes, of = np.unique(shape, return_inverse=True)
        low, high = (gammaincinv(shapes, at)[of] / rate for at in (tail, 1 - tail))
        hours = np.array(horizons_h, dtype=np.float64)
        mean = -np.expm1(-shape[:, None] * np.log1p(hours / rate[:, None]))
        ends = [-np.expm1(-end[:, None] * hours) for end in (low, high)]
        return np.stack([mean, np.minimum(ends[0], mean), np.maximum(ends[1], mean)], axis=2)


def hazard_per_h(probability_per_month: float) -> float:
    """Rate per hour that gives a probability within a month of 730 h."""
    return float(-np.log1p(-probability_per_month) / HOURS_PER_MONTH)


def fit_prior(snapshots: Sequence[Sequence[Advised]], *, interruption_per_month: Sequence[float]) -> Prior:
    """Learn from snapshots of the advisor, oldest first, how much each level tells of the next snapshot.

    Parameters
    ----------
    interruption_per_month
        Probability that each bucket stands for.
    """
    buckets = tuple(hazard_per_h(each) for each in interruption_per_month)
    if not snapshots:
        overall = float(np.mean(buckets))
        return Prior(
            bucket_per_h=buckets, weights=UNPOOLED, family_per_h={}, region_per_h={}, overall_per_h=overall,
            shape=UNPOOLED_SHAPE,
        )  # fmt: skip
    weights, shape = _weights(snapshots, buckets)
    last = snapshots[-1]
    return Prior(
        bucket_per_h=buckets,
        weights=weights,
        family_per_h=_means([each.family for each in last], _rates(last, buckets)),
        region_per_h=_means([each.region for each in last], _rates(last, buckets)),
        overall_per_h=float(_rates(last, buckets).mean()),
        shape=shape,
    )


def _weights(snapshots: Sequence[Sequence[Advised]], buckets: Sequence[float]) -> tuple[tuple[float, ...], float]:
    if len(snapshots) < 2:
        return UNPOOLED, UNPOOLED_SHAPE
    pairs = [_levels(*pair, buckets) for pair in pairwise(snapshots)]
    levels, later = (np.concatenate(part) for part in zip(*pairs, strict=True))
    if not later.size:
        return UNPOOLED, UNPOOLED_SHAPE
    weights, _ = nnls(levels, later)
    told = levels @ weights
    shape = float(told.mean() ** 2 / np.mean((later - told) ** 2))
    # Rates rose from snapshot to snapshot; nothing says that they will go on rising, so the weights add up to 1.
    return tuple(map(float, weights / weights.sum())), shape


def _levels(early: Sequence[Advised], late: Sequence[Advised], buckets: Sequence[float]) -> tuple[Floats, Floats]:
    """Rates of own bucket, family, region and all in one snapshot, and own rate in the next."""
    rates = _rates(early, buckets)
    families, regions = _means([e.family for e in early], rates), _means([e.region for e in early], rates)
    later = {(each.region, each.instance_type): buckets[each.bucket] for each in late}
    kept = [(each, rate) for each, rate in zip(early, rates, strict=True) if (each.region, each.instance_type) in later]
    levels = [[rate, families[each.family], regions[each.region], float(rates.mean())] for each, rate in kept]
    follows = [later[each.region, each.instance_type] for each, _ in kept]
    return np.array(levels, dtype=np.float64).reshape(-1, len(UNPOOLED)), np.array(follows, dtype=np.float64)


def _rates(rows: Sequence[Advised], buckets: Sequence[float]) -> Floats:
    return np.array([buckets[each.bucket] for each in rows], dtype=np.float64)


def _means(keys: Sequence[str], values: NDArray[np.float64]) -> dict[str, float]:
    names, at = np.unique(np.array(keys), return_inverse=True)
    means = np.bincount(at, values) / np.bincount(at)
    return {str(name): float(mean) for name, mean in zip(names, means, strict=True)}
