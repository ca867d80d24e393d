"""The planner under measurement: one timed call, judged by the checker outside the timed part."""

import time
from dataclasses import dataclass
from typing import Any

from domain.plan import Plan
from solvers.checker import Violation, check_plan
from solvers.placement import Settings, plan_cluster, warm_up
from tests.benchmarks.workloads.parts import Workload

SEED = 0
SHARE_OF_BUDGET = 0.93
"""Of the seconds that a bar allows, what the planner is given: the rest is for reading and writing the cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan, the wall-clock seconds of the whole call, and what the checker says."""

    plan: Plan
    seconds: float
    violations: tuple[Violation, ...]

    @property
    def valid(self) -> bool:
        """Nothing is broken."""
        return not self.violations


def plan(workload: Workload, *, budget_s: float) -> Planned:
    """Plan a workload within a budget of wall-clock seconds, with compiled kernels."""
    warm_up()
    settings = Settings(seed=SEED, time_limit_s=SHARE_OF_BUDGET * budget_s)
    started = time.perf_counter()
    made = plan_cluster(
        workload.snapshot, catalog=workload.catalog, policy=workload.policy, settings=settings, clock=time.perf_counter
    )
    seconds = time.perf_counter() - started
    violations = check_plan(workload.snapshot, catalog=workload.catalog, policy=workload.policy, plan=made)
    return Planned(plan=made, seconds=seconds, violations=violations)


def trace_of(made: Plan) -> list[dict[str, Any]]:
    """Best cost and bound over time, for the plots."""
    return [
        {"seconds": point.seconds, "cost": point.cost_usd_per_h, "bound": point.lower_bound_usd_per_h}
        for point in made.trace
    ]


def seconds_to_gap(made: Plan, gap: float) -> float | None:
    """When cost and bound were first this close; ``None`` when they never were."""
    for point in made.trace:
        cost, bound = point.cost_usd_per_h, point.lower_bound_usd_per_h
        if cost is not None and bound > 0 and cost <= bound * (1 + gap):
            return point.seconds
    return None
