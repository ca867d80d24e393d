"""Karpenter's scheduling mix, 1 to 20 000 pods on 400 types, and pods that only prefer."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from domain import labels as keys
from tests.benchmarks.baselines.karpenter import Preferences
from tests.benchmarks.harness import Benchmark, Row, at_least, register, reported
from tests.benchmarks.suite.compare import against_first_fit, speed_against_karpenter, validity
from tests.benchmarks.suite.planner import plan
from tests.benchmarks.workloads import mix
from tests.benchmarks.workloads.parts import Workload

SIZES = (1, 50, 100, 500, 1000, 2000, 5000, 10000, 20000)
PODS_PER_S_BAR = 1000.0
SMALLEST_WITH_BAR = 500
QUICK_UP_TO = 2000
PREFERENCE_PODS = 4000
APART = ((keys.ZONE, 10), (keys.HOSTNAME, 1))
PREFERENCES = {
    "respected": Preferences(zone=mix.ZONES[0].name, apart=APART),
    "ignored": Preferences(zone=mix.ZONES[0].name, apart=APART, ignored=True),
}
"""How Karpenter treats them; for our planner a preference never binds, so its side is the same."""


def _mix(_: dict[str, Any], *, name: str, size: int) -> Iterator[Row]:
    yield from _figures(name, mix.diverse(size), preferences=None)


def _prefer(_: dict[str, Any], *, name: str, preferences: Preferences) -> Iterator[Row]:
    yield from _figures(name, mix.preferences(PREFERENCE_PODS), preferences=preferences)


def _figures(name: str, workload: Workload, *, preferences: Preferences | None) -> Iterator[Row]:
    pods = len(workload.snapshot.pods)
    has_bar = pods >= SMALLEST_WITH_BAR
    # What the bar allows; below its smallest size as much as that one gets.
    planned = plan(workload, budget_s=max(pods, SMALLEST_WITH_BAR) / PODS_PER_S_BAR)
    speed = pods / planned.seconds
    if has_bar:
        yield at_least(f"{name}/speed", speed, "pods/s", bar=PODS_PER_S_BAR)
    else:
        yield reported(f"{name}/speed", speed, "pods/s")
    yield reported(f"{name}/seconds", planned.seconds, "s")
    yield reported(f"{name}/gap", 100 * planned.plan.gap, "%")
    yield reported(f"{name}/nodes", len(planned.plan.nodes), "nodes")
    yield from validity(name, planned)
    yield from against_first_fit(name, planned, workload=workload)
    yield from speed_against_karpenter(name, speed, workload=workload, preferences=preferences, binding=has_bar)


for _size in SIZES:
    _name = f"mix-{_size}"
    _run = partial(_mix, name=_name, size=_size)
    register(Benchmark(name=_name, run=_run, limit_s=900.0, quick=_size <= QUICK_UP_TO))

for _how, _preferences in PREFERENCES.items():
    _name = f"preferences-{_how}"
    register(Benchmark(name=_name, run=partial(_prefer, name=_name, preferences=_preferences), limit_s=900.0))
