"""The offline optimum: what could have been had by somebody who knew the market to its end.

Exact dynamic programming over steps, work left and what the job is on, with the changeover counted step by step. Work
left lies between what it would be without a pause and the time left: that band, as wide as the slack, is all there is.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from solvers.replay.jobs.job import Job, Mask, Outcome

_STOP, _STAY_SPOT, _STAY_ON_DEMAND, _START_SPOT, _START_ON_DEMAND = range(5)


def omniscient(job: Job, spot: Mask) -> Outcome:
    """The cheapest way through a known market: Spot steps and cost are those of a best plan."""
    up = np.ascontiguousarray(spot[: job.deadline], dtype=np.uint8)
    choice = _solve(up, job.work, job.changeover, job.spot_price)
    spot_steps, on_demand, starts, done = _replay(choice, up, job.work, job.changeover)
    return Outcome(
        spot=spot_steps, on_demand=on_demand, starts=starts, in_time=done >= job.work,
        cost=on_demand + job.spot_price * spot_steps,
    )  # fmt: skip


@numba.njit(cache=True)
def _solve(up: NDArray[np.uint8], work: int, changeover: int, spot_price: float) -> NDArray[np.uint8]:
    """Best choice by (step, state, work left above the least). States: nothing, waited so long on Spot, on demand."""
    steps, phases = up.size, changeover + 1
    states = 1 + 2 * phases
    best = np.full((states, work + 1), np.inf, np.float64)
    after = best.copy()
    choice = np.zeros((steps, states, steps - work + 1), np.uint8)
    after[:, 0] = 0.0
    for step in range(steps - 1, -1, -1):
        left_most = min(work, steps - step)
        left_least = max(0, work - step)
        low, high = max(0, left_least - 1), min(work, left_most + 1)
        best[:, low : high + 1] = np.inf
        best[:, 0] = 0.0
        here = up[step] == 1
        for left in range(max(1, left_least), left_most + 1):
            idle = after[0, left]
            fresh_spot = spot_price + after[1 + min(1, changeover), left - (changeover == 0)] if here else np.inf
            fresh_od = 1.0 + after[1 + phases + min(1, changeover), left - (changeover == 0)]
            base, taken = idle, _STOP
            if fresh_spot < base:
                base, taken = fresh_spot, _START_SPOT
            if fresh_od < base:
                base, taken = fresh_od, _START_ON_DEMAND
            for state in range(states):
                value, act = base, taken
                if state > 0:
                    on_spot = state <= phases
                    waited = state - 1 if on_spot else state - 1 - phases
                    works = waited >= changeover
                    going_on = state if works else state + 1
                    if here or not on_spot:
                        price = spot_price if on_spot else 1.0
                        stay = price + after[going_on, left - 1 if works else left]
                        if stay <= value:
                            value, act = stay, _STAY_SPOT if on_spot else _STAY_ON_DEMAND
                best[state, left] = value
                choice[step, state, left - left_least] = act
        best, after = after, best
    return choice


@numba.njit(cache=True)
def _replay(choice: NDArray[np.uint8], up: NDArray[np.uint8], work: int, changeover: int) -> tuple[int, int, int, int]:
    state, left, spot_steps, on_demand, starts = 0, work, 0, 0, 0
    phases = changeover + 1
    for step in range(up.size):
        if left == 0:
            break
        act = choice[step, state, left - max(0, work - step)]
        if act == _STOP:
            state = 0
            continue
        if act in (_START_SPOT, _START_ON_DEMAND):
            starts += 1
            state = 1 if act == _START_SPOT else 1 + phases
        on_spot = state <= phases
        waited = state - 1 if on_spot else state - 1 - phases
        spot_steps += on_spot
        on_demand += not on_spot
        if waited >= changeover:
            left -= 1
        else:
            state += 1
    return spot_steps, on_demand, starts, work - left
