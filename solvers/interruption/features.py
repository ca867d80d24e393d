"""Features of every pool at every tick of a history, from what was known at that tick.

Pools look at each other by region and type, so a history may be cut by instance type without changing a feature.
"""

import numpy as np

from solvers.interruption.contract import V1_0, Floats, Mask, Matrix
from solvers.interruption.history import History
from solvers.interruption.state import FeatureState


def features(history: History, *, since: int = 0) -> Matrix:
    """Features by contract v1.0, of shape (pools, ticks from ``since`` on, features).

    Notes
    -----
    The state at a tick is known at that tick; nothing later is looked at. Features of a pool that is down are defined,
    but the model speaks of pools that are up.
    """
    out = np.empty((len(history.pools), history.ticks - since, len(V1_0.features)), dtype=np.float32)
    state = FeatureState(history.pools, tick_s=history.tick_s, start=history.start)
    state.advisor_bucket = history.advisor_bucket
    price, score = history.price_usd_per_h, history.placement_score
    for tick in range(history.ticks):
        state.step(history.up[:, tick], price=None if price is None else price[:, tick])
        if tick >= since:
            state.placement_score = None if score is None else score[:, tick]
            out[:, tick - since] = state.rows()
    return out


def drops(up: Mask) -> Mask:
    """Ticks at which a pool is down that was up at the tick before."""
    found = np.zeros_like(up)
    found[:, 1:] = up[:, :-1] & ~up[:, 1:]
    return found


def running(values: Mask | Floats) -> Floats:
    """Sums of the first 0, 1, 2 … ticks."""
    sums = np.zeros((values.shape[0], values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums
