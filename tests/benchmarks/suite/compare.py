"""Rows that most benchmarks share: a plan, its validity, and the same workload through others."""

from collections.abc import Iterator

from tests.benchmarks.baselines.first_fit import pack_from_scratch
from tests.benchmarks.baselines.judged import misplaced, placed_by_first_fit, placed_by_karpenter
from tests.benchmarks.baselines.karpenter import KarpenterOutcome, Preferences, run_karpenter, version
from tests.benchmarks.errors import LeftOut
from tests.benchmarks.harness import Baseline, Row, at_least, at_most, left_out, reported
from tests.benchmarks.suite.planner import Planned
from tests.benchmarks.workloads.parts import Workload

USD_PER_H = "USD/h"
PERCENT = "%"
KARPENTER_LIMIT_S = 600.0


def validity(name: str, planned: Planned, *, unschedulable: int | None = 0) -> Iterator[Row]:
    """Broken rules, and pods left out (as many as expected, or merely told)."""
    first = planned.violations[0].text if planned.violations else None
    yield at_most(f"{name}/broken rules", len(planned.violations), "", bar=0, baseline=first)
    pods = len(planned.plan.unschedulable)
    if unschedulable is None:
        yield reported(f"{name}/unschedulable", pods, "pods")
    else:
        yield at_most(f"{name}/unschedulable", pods, "pods", bar=unschedulable)


def plan_figures(name: str, planned: Planned, *, gap_bar: float | None, budget_s: float) -> Iterator[Row]:
    """Gap to our own bound, seconds, cost, nodes."""
    plan, gap = planned.plan, 100 * planned.plan.gap
    bound = Baseline(name="proven bound", value=plan.lower_bound_usd_per_h, unit=USD_PER_H)
    if gap_bar is None:
        yield reported(f"{name}/gap", gap, PERCENT, baseline=bound)
    else:
        yield at_most(f"{name}/gap", gap, PERCENT, bar=gap_bar, baseline=bound)
    yield at_most(f"{name}/seconds", planned.seconds, "s", bar=budget_s)
    yield reported(f"{name}/cost", plan.planned_cost_usd_per_h, USD_PER_H)
    yield reported(f"{name}/nodes", len(plan.nodes), "nodes")


def against_first_fit(name: str, planned: Planned, *, workload: Workload) -> Iterator[Row]:
    """Our cost as a multiple of the Karpenter-style packer's."""
    packing = pack_from_scratch(workload)
    baseline = Baseline(name="first-fit decreasing, late type", value=packing.cost_usd_per_h, unit=USD_PER_H)
    ratio = planned.plan.planned_cost_usd_per_h / packing.cost_usd_per_h
    yield reported(f"{name}/cost against first-fit", ratio, "×", baseline=baseline)
    left = [pod.key for pod in packing.unplaced]
    pods = misplaced(workload, placed_by_first_fit(packing), left=left)
    yield reported(f"{name}/misplaced by first-fit", pods, "pods")
    if len(packing.unplaced) != len(planned.plan.unschedulable):
        yield reported(f"{name}/unplaced by first-fit", len(packing.unplaced), "pods")


def against_karpenter(name: str, planned: Planned, *, workload: Workload, cheaper: bool) -> Iterator[Row]:
    """Our cost and time beside Karpenter's own scheduler; ``cheaper`` makes a bar of it."""
    try:
        outcome = run_karpenter(workload, limit_s=KARPENTER_LIMIT_S)
    except LeftOut as reason:
        yield left_out(f"{name}/against Karpenter", str(reason))
        return
    ratio = planned.plan.planned_cost_usd_per_h / outcome.cost_usd_per_h
    cost = Baseline(name=f"Karpenter {version()}", value=outcome.cost_usd_per_h, unit=USD_PER_H)
    if cheaper:
        yield at_most(f"{name}/cost against Karpenter", ratio, "×", bar=1.0, baseline=cost)
    else:
        yield reported(f"{name}/cost against Karpenter", ratio, "×", baseline=cost)
    solve = Baseline(name=f"Karpenter {version()} Solve", value=outcome.seconds, unit="s")
    yield reported(f"{name}/time beside Karpenter", planned.seconds, "s", baseline=solve)
    yield from _what_karpenter_missed(name, outcome, workload=workload)


def speed_against_karpenter(
    name: str, pods_per_s: float, *, workload: Workload, preferences: Preferences | None, binding: bool
) -> Iterator[Row]:
    """Pods per second beside Karpenter's; ``binding`` makes a bar of it."""
    try:
        outcome = run_karpenter(workload, preferences=preferences, limit_s=KARPENTER_LIMIT_S)
    except LeftOut as reason:
        yield left_out(f"{name}/against Karpenter", str(reason))
        return
    theirs = len(workload.snapshot.pods) / outcome.seconds
    baseline = Baseline(name=f"Karpenter {version()}", value=theirs, unit="pods/s")
    label = f"{name}/speed against Karpenter"
    if binding:
        yield at_least(label, pods_per_s / theirs, "×", bar=1.0, baseline=baseline)
    else:
        yield reported(label, pods_per_s / theirs, "×", baseline=baseline)
    cost = Baseline(name=f"Karpenter {version()}", value=len(outcome.nodes), unit="nodes")
    yield reported(f"{name}/Karpenter's cost", outcome.cost_usd_per_h, USD_PER_H, baseline=cost)
    yield from _what_karpenter_missed(name, outcome, workload=workload)


def _what_karpenter_missed(name: str, outcome: KarpenterOutcome, *, workload: Workload) -> Iterator[Row]:
    pods = misplaced(workload, placed_by_karpenter(outcome), left=outcome.unscheduled)
    yield reported(f"{name}/misplaced by Karpenter", pods, "pods")
    if outcome.unscheduled:
        why = outcome.first_errors[0] if outcome.first_errors else None
        yield reported(f"{name}/unscheduled by Karpenter", len(outcome.unscheduled), "pods", baseline=why)
