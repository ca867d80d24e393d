"""Running clusters scaled down, planned, against delete-or-replace-by-one."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from domain.plan import ActionKind, Plan
from tests.benchmarks.baselines.consolidation import COMMAND_S, Consolidated, consolidate
from tests.benchmarks.harness import Baseline, Benchmark, Row, at_most, register, reported
from tests.benchmarks.suite.compare import PERCENT, validity
from tests.benchmarks.suite.planner import plan
from tests.benchmarks.workloads.running import running_cluster

NODES = (100, 500, 1000, 2000, 5000)
KEPT = (0.75, 0.5, 0.25)
BUDGET_S = {100: 5.0, 500: 10.0, 1000: 10.0, 2000: 25.0, 5000: 60.0}
QUICK_UP_TO = 500
BASELINE_LIMIT_S = 300.0
PER_SAVING = "evictions per USD/h"


def _run(series: dict[str, Any], *, name: str, nodes: int) -> Iterator[Row]:
    for kept in KEPT:
        yield from _step(f"{name}/{kept:.0%}", nodes, kept=kept)


def _step(label: str, nodes: int, *, kept: float) -> Iterator[Row]:
    workload = running_cluster(nodes, kept=kept)
    planned = plan(workload, budget_s=BUDGET_S[nodes])
    theirs = consolidate(workload, limit_s=BASELINE_LIMIT_S)
    yield at_most(f"{label}/seconds", planned.seconds, "s", bar=BUDGET_S[nodes], baseline=_time_of(theirs))
    yield from validity(label, planned)
    yield from _money(label, planned.plan, theirs)


def _money(label: str, plan: Plan, theirs: Consolidated) -> Iterator[Row]:
    evictions = sum(action.kind == ActionKind.EVICT for action in plan.actions)
    saving = 100 * plan.saving_usd_per_h / plan.cost_usd_per_h
    their_saving = 100 * theirs.saving_usd_per_h / theirs.cost_before_usd_per_h
    yield reported(f"{label}/saving", saving, PERCENT, baseline=_theirs(theirs, their_saving, unit=PERCENT))
    yield reported(f"{label}/evictions", evictions, "", baseline=_theirs(theirs, theirs.evictions, unit=""))
    if plan.saving_usd_per_h > 0:
        ratio = evictions / plan.saving_usd_per_h
        their_ratio = theirs.evictions / theirs.saving_usd_per_h if theirs.saving_usd_per_h else float("inf")
        baseline = _theirs(theirs, their_ratio, unit=PER_SAVING)
        yield reported(f"{label}/{PER_SAVING}", ratio, PER_SAVING, baseline=baseline)
    yield reported(f"{label}/gap to an ideal fleet", 100 * plan.gap, PERCENT)


def _theirs(theirs: Consolidated, value: float, *, unit: str) -> Baseline:
    name = "delete or replace by one" + ("" if theirs.finished else " (out of time)")
    return Baseline(name=name, value=value, unit=unit)


def _time_of(theirs: Consolidated) -> str:
    least_h = theirs.commands * COMMAND_S / 3600
    return (
        f"delete or replace by one: {theirs.seconds:.1f} s to decide {theirs.commands} commands, "
        f"at least {least_h:.1f} h to carry them out one by one"
    )


for _nodes in NODES:
    _name = f"consolidation-{_nodes}"
    _quick = _nodes <= QUICK_UP_TO
    register(Benchmark(name=_name, run=partial(_run, name=_name, nodes=_nodes), limit_s=1800.0, quick=_quick))
