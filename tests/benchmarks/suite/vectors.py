"""Vector packing "New": identical bins, against known optima and the best published heuristic of each instance."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.benchmarks.harness import Baseline, Benchmark, Row, at_least, at_most, register, reported
from tests.benchmarks.suite.planner import plan
from tests.benchmarks.workloads import vectors
from tests.benchmarks.workloads.vectors import Instance

BUDGET_S = 2.0
"""Per instance."""

PUBLISHED_HITS, PUBLISHED_KNOWN, PUBLISHED_GAP = 256, 726, 5.23
"""The best heuristic of each instance: known optima that it hits, and its mean gap to them in percent."""

SAMPLE_SUFFIX = "_0"
"""The sample has the first instance of each class, number of items and dimension: 108 of 1 080."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    instance: Instance
    bins: int
    bound: float
    seconds: float
    valid: bool


def _run(series: dict[str, Any], *, name: str, suffix: str) -> Iterator[Row]:
    results = [_solve(instance) for instance in vectors.instances() if instance.name.endswith(suffix)]
    series["bins"] = {r.instance.name: r.bins for r in results}
    yield from _against_optima(name, [r for r in results if r.instance.optimum is not None])
    yield from _against_published(name, results)
    seconds = [r.seconds for r in results]
    yield at_most(f"{name}/mean seconds", sum(seconds) / len(seconds), "s", bar=BUDGET_S)
    yield reported(f"{name}/longest", max(seconds), "s")
    yield at_most(f"{name}/invalid", sum(not r.valid for r in results), "instances", bar=0)


def _solve(instance: Instance) -> _Result:
    planned = plan(vectors.workload(instance), budget_s=BUDGET_S)
    return _Result(
        instance=instance,
        bins=len(planned.plan.nodes),
        bound=planned.plan.lower_bound_usd_per_h,
        seconds=planned.seconds,
        valid=planned.valid and not planned.plan.unschedulable,
    )


def _against_optima(name: str, results: list[_Result]) -> Iterator[Row]:
    """The share of known optima hit; the bar is the published share, so that it also holds for a sample."""
    pairs = [(r.bins, r.instance.optimum or r.bins) for r in results]
    hits, theirs = sum(bins <= best for bins, best in pairs), _published_hits(results)
    bar = 100 * PUBLISHED_HITS / PUBLISHED_KNOWN
    baseline = f"published best: {theirs} of these {len(results)}, {PUBLISHED_HITS} of all {PUBLISHED_KNOWN}"
    yield at_least(f"{name}/known optima hit", 100 * hits / len(results), "%", bar=bar, baseline=baseline)
    yield reported(f"{name}/optima hit", hits, f"of {len(results)}")
    gap = 100 * sum(bins / best - 1 for bins, best in pairs) / len(pairs)
    published = Baseline(name="published best heuristic", value=PUBLISHED_GAP, unit="%")
    yield at_most(f"{name}/mean gap to optima", gap, "%", bar=PUBLISHED_GAP, baseline=published)


def _published_hits(results: list[_Result]) -> int:
    return sum(r.instance.best_published == r.instance.optimum for r in results)


def _against_published(name: str, results: list[_Result]) -> Iterator[Row]:
    better = sum(r.bins < r.instance.best_published for r in results)
    worse = sum(r.bins > r.instance.best_published for r in results)
    proven = sum(r.bins - r.bound < 1 for r in results)
    yield reported(f"{name}/better than the best published", better, f"of {len(results)}")
    yield at_most(f"{name}/worse than the best published", worse, f"of {len(results)}", bar=better)
    yield reported(f"{name}/proven optimal", proven, f"of {len(results)}")


register(Benchmark(name="vbp", run=partial(_run, name="vbp", suffix=SAMPLE_SUFFIX), limit_s=1200.0))
register(Benchmark(name="vbp-full", run=partial(_run, name="vbp-full", suffix=""), limit_s=10800.0, by_default=False))
