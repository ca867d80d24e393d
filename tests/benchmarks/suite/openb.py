"""Real pods on all x86 Spot types of us-east-1, from scratch."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from tests.benchmarks.harness import Benchmark, Row, register
from tests.benchmarks.suite.compare import against_first_fit, against_karpenter, plan_figures, validity
from tests.benchmarks.suite.planner import plan, trace_of
from tests.benchmarks.workloads import openb
from tests.benchmarks.workloads.parts import Workload

GAP_BAR = {"default": 1.0}
OTHER_GAP_BAR = 1.5
BUDGET_S = {"default": 10.0}
OTHER_BUDGET_S = 15.0
LIMIT_S = 900.0
"""Karpenter's side takes one to two minutes; the rest is a factor for slower machines."""


def _run(
    series: dict[str, Any], *, name: str, make: Callable[[], Workload], gap: float, budget_s: float
) -> Iterator[Row]:
    workload = make()
    planned = plan(workload, budget_s=budget_s)
    series["trace"] = trace_of(planned.plan)
    yield from plan_figures(name, planned, gap_bar=gap, budget_s=budget_s)
    yield from validity(name, planned, unschedulable=None)
    yield from against_first_fit(name, planned, workload=workload)
    yield from against_karpenter(name, planned, workload=workload, cheaper=True)


def _register(name: str, make: Callable[[], Workload], *, gap: float, budget_s: float) -> None:
    run = partial(_run, name=name, make=make, gap=gap, budget_s=budget_s)
    register(Benchmark(name=name, run=run, limit_s=LIMIT_S))


for _list in openb.LISTS:
    _register(
        f"openb-{_list}",
        partial(openb.workload, _list),
        gap=GAP_BAR.get(_list, OTHER_GAP_BAR),
        budget_s=BUDGET_S.get(_list, OTHER_BUDGET_S),
    )
_register("openb-cpu-memory", openb.cpu_and_memory_only, gap=OTHER_GAP_BAR, budget_s=OTHER_BUDGET_S)
