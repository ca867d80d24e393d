"""Jobs with a deadline on recorded or generated Spot: one row for each policy of a replication."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from actors.simulation.stage import Stage
from adapters.scenarios.model import Jobs, PolicySpec
from domain.errors import InputError
from solvers.replay.jobs import Greedy, Job, OnDemandJob, Outcome, SpotView, UniformProgress, omniscient, run_job
from solvers.replay.jobs.job import Mask
from solvers.replay.market import SECONDS_PER_H

COARSEST_S = 130.0
"""Steps are a whole part of a tick of the recording, and no longer than this: a changeover is then a few steps."""

Row = dict[str, Any]
_RUN: dict[str, Callable[[Job, Mask], Outcome]] = {
    "on-demand": lambda job, spot: run_job(job, spot, OnDemandJob()),
    "greedy": lambda job, spot: run_job(job, spot, Greedy()),
    "uniform-progress": lambda job, spot: run_job(job, spot, UniformProgress()),
    "omniscient": omniscient,
}


def job_rows(spec: Jobs, policies: list[PolicySpec], stage: Stage, *, replication: int) -> list[Row]:
    """The rows of one replication: the job begins at its start, in the zone whose turn it is, or in any.

    Costs are in USD as if the type were the market's first.
    """
    step_s = _step_s(stage.history.tick_s)
    job = _job(spec, step_s, name=stage.history.name)
    up = SpotView(up=_up(stage, step_s, job.deadline))
    spot = up.any_zone() if spec.zones == "any" else up.up[replication % len(up.up)]
    usd_per_h = next(iter(stage.market.on_demand_usd_per_h.values()))
    step_h = step_s / SECONDS_PER_H
    return [
        _row(policy.name, _RUN[policy.policy](job, spot), replication=replication, job=job, step_h=step_h,
             usd_per_h=usd_per_h, share_up=float(spot[: job.deadline].mean()))
        for policy in policies
    ]  # fmt: skip


def _step_s(tick_s: float) -> float:
    return tick_s / math.ceil(tick_s / COARSEST_S)


def _job(spec: Jobs, step_s: float, *, name: str) -> Job:
    steps = SECONDS_PER_H / step_s
    deadline = round(spec.deadline_h * steps)
    try:
        return Job(
            work=round(deadline * spec.share_of_deadline), deadline=deadline,
            changeover=round(spec.changeover_h * steps), spot_price=spec.spot_price_share,
        )  # fmt: skip
    except ValueError as err:
        raise InputError(name, "workload.job", str(err)) from err


def _up(stage: Stage, step_s: float, steps: int) -> Mask:
    """Whether each of the region's pools is up at the middle of each step."""
    times = (np.arange(steps) + 0.5) * step_s
    rows = [
        np.take(tape.capacity, np.searchsorted(tape.times_s, times, side="right") - 1) > 0
        for tape in stage.market.tapes
    ]
    return np.stack(rows)


def _row(
    policy: str, found: Outcome, *, replication: int, job: Job, step_h: float, usd_per_h: float, share_up: float
) -> Row:
    return {
        "replication": replication, "policy": policy, "hours": job.deadline * step_h, "clusters": 1,
        "cost_usd": found.cost * step_h * usd_per_h, "spot_hours": found.spot * step_h,
        "on_demand_hours": found.on_demand * step_h, "starts": found.starts, "misses": int(not found.in_time),
        "share_up": share_up,
    }  # fmt: skip
