"""What a planner believes of each pool's risk over time: the advisor's word, or the production model's."""

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actors.simulation.stage import Stage
from adapters.traces.model_text import read_model_text
from domain.units import HOURS_PER_MONTH
from solvers.interruption.features import drops, features
from solvers.interruption.model import Evidence, RiskModel, score_pools
from solvers.interruption.model_file import MAX_BYTES, parse_model

EVERY_S = 600.0
"""How often the model speaks: pools are probed about as often."""
HIGHEST = 1 - 1e-9
"""A probability beyond it would be an endless rate."""


class Hazards:
    """Rates, per hour, at which a node of each of the market's pools is believed to be taken; (pools, steps)."""

    def __init__(self, per_h: NDArray[np.float64], *, step_s: float) -> None:
        self._per_h, self._step_s = per_h, step_s

    def per_h(self, pool: int, time_s: float) -> float:
        """The rate at a moment."""
        at = min(int(time_s / self._step_s), self._per_h.shape[1] - 1)
        return float(self._per_h[pool, at])

    def per_month(self, pool: int, time_s: float) -> float:
        """The same as the probability (0..1) of at least one interruption within a month."""
        return min(HIGHEST, -math.expm1(-self.per_h(pool, time_s) * HOURS_PER_MONTH))

    def step(self, time_s: float) -> int:
        """Number of the step that a moment lies in: beliefs change between steps only."""
        return min(int(time_s / self._step_s), int(self._per_h.shape[1]) - 1)


def advised(stage: Stage) -> Hazards:
    """What the Spot advisor says, which never changes."""
    told = [-math.log1p(-min(tape.told_per_month, HIGHEST)) / HOURS_PER_MONTH for tape in stage.market.tapes]
    return Hazards(np.array(told)[:, None], step_s=stage.market.horizon_s)


def modelled(stage: Stage, model: RiskModel) -> Hazards:
    """What a model says of pools from all that was seen of them before each step.

    The rate is that of the model's shortest horizon. A pool that is down has the rate of one that just came up: nobody
    can launch there.
    """
    history = stage.history
    lead, step = round(stage.lead_s / history.tick_s), max(1, round(EVERY_S / history.tick_s))
    ticks = np.arange(lead, history.ticks, step)
    pools = len(stage.market.tapes)
    rows = features(history)[:pools, ticks]
    seen = [pool for pool in history.pools[:pools] for _ in ticks]
    flat = rows.reshape(-1, rows.shape[2])
    scores = score_pools(model, seen, flat, evidence=_evidence(stage, ticks, pools=pools))
    horizon_h = model.contract.horizons_h[0]
    probability = np.minimum(scores.probability[:, 0], HIGHEST).reshape(pools, ticks.size)
    return Hazards(-np.log1p(-probability) / horizon_h, step_s=step * history.tick_s)


@lru_cache(maxsize=4)
def load_model(path: str) -> RiskModel:
    """A model from its file; the carried one without a name."""
    data, called = read_model_text(Path(path) if path else None, most_bytes=MAX_BYTES)
    return parse_model(data, of=called)


def _evidence(stage: Stage, ticks: NDArray[np.int64], *, pools: int) -> Evidence:
    up = stage.history.up[:pools]
    fell = np.cumsum(drops(up), axis=1)[:, ticks].astype(np.float64)
    up_h = np.cumsum(up, axis=1, dtype=np.float64)[:, ticks] * stage.history.tick_h
    buckets: Sequence[int | None] = [None] * fell.size
    return Evidence(bucket=buckets, drops=fell.ravel(), up_h=up_h.ravel())
