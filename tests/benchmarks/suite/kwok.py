"""Karpenter's end-to-end workloads on its KWOK catalogue, all rules on, against the published bounds."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.benchmarks.harness import Baseline, Benchmark, Row, at_most, register, reported
from tests.benchmarks.suite.compare import (
    PERCENT,
    USD_PER_H,
    against_first_fit,
    against_karpenter,
    plan_figures,
    validity,
)
from tests.benchmarks.suite.planner import Planned, plan, trace_of
from tests.benchmarks.workloads import kwok

BUDGET_S = 10.0
BAR_OVER_BOUND = {"basic": 0.1, "basic-700": 0.1, "xl": 0.1, "wide-1000": 0.6, "wide-700": 0.6}
"""Percent over the bound that knows resources only; where there is none, our own bound is all there is."""


def _run(series: dict[str, Any], *, name: str) -> Iterator[Row]:
    workload, label = kwok.workload(name), f"kwok-{name}"
    planned = plan(workload, budget_s=BUDGET_S)
    series["trace"] = trace_of(planned.plan)
    yield from _over_published_bound(label, planned, name=name)
    yield from plan_figures(label, planned, gap_bar=None, budget_s=BUDGET_S)
    yield from validity(label, planned)
    yield from against_first_fit(label, planned, workload=workload)
    yield from against_karpenter(label, planned, workload=workload, cheaper=False)


def _over_published_bound(label: str, planned: Planned, *, name: str) -> Iterator[Row]:
    bound = kwok.OPTIMUM_BOUND_USD_PER_H.get(name)
    if bound is None:
        return
    over = 100 * (planned.plan.planned_cost_usd_per_h / bound - 1)
    baseline = Baseline(name="configuration LP, resources only", value=bound, unit=USD_PER_H)
    figure = f"{label}/over the bound of resources"
    if name in BAR_OVER_BOUND:
        yield at_most(figure, over, PERCENT, bar=BAR_OVER_BOUND[name], baseline=baseline)
    else:
        yield reported(figure, over, PERCENT, baseline=baseline)


for _name in kwok.NAMES:
    register(Benchmark(name=f"kwok-{_name}", run=partial(_run, name=_name), limit_s=300.0, quick=True))
