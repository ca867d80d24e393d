"""What is predicted: a drop within the horizon, for a pool that is up."""

import numpy as np

from solvers.interruption.contract import Floats
from solvers.interruption.features import running
from solvers.interruption.history import SECONDS_PER_H, History


def horizon_ticks(history: History, horizon_h: float) -> int:
    """Whole ticks within a horizon, at least one."""
    return max(1, int(horizon_h * SECONDS_PER_H // history.tick_s))


def labels(history: History, horizon_h: float) -> Floats:
    """1 where a pool that is up is down at any of the ticks of the horizon, 0 where not, (pools, ticks).

    NaN where the pool is down already, and where the recording ends or has a gap within the horizon: a label that is
    known only when it is 1 would tilt the rate.
    """
    ahead = horizon_ticks(history, horizon_h)
    out = np.full(history.up.shape, np.nan)
    if ahead < history.ticks:
        down = running(~history.up)
        here = np.arange(history.ticks - ahead)
        out[:, : here.size] = down[:, here + 1 + ahead] > down[:, here + 1]
        if history.known is not None:
            missing = running(~history.known)
            out[:, : here.size][missing[:, here + 1 + ahead] > missing[:, here]] = np.nan
    out[~history.up] = np.nan
    return out
