"""How planning grows with pods, classes of equal pods, and instance types."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from domain.market import Catalog
from domain.resources import Resources
from domain.workload import Pod
from tests.benchmarks.harness import Benchmark, Row, register, reported
from tests.benchmarks.suite.planner import plan, seconds_to_gap
from tests.benchmarks.workloads import openb, parts
from tests.benchmarks.workloads.parts import Workload

BUDGET_S = 10.0
GOOD_GAP = 0.01
SEED = 3
PODS = (500, 1000, 2000, 4000, 8000, 16000)
CLASSES = (10, 30, 100, 300, 1000, 3000)
TYPES = (10, 30, 100, 300, 600)
POINT_PODS = 8000
"""Pods while the classes or the types grow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    name: str
    sizes: tuple[int, ...]
    make: Callable[[Workload, int], Workload]


def _with_pods(workload: Workload, count: int) -> Workload:
    """Real pods drawn with replacement: the number grows, the classes hardly."""
    return _redrawn(workload, workload.snapshot.pods, count)


def _with_classes(workload: Workload, count: int) -> Workload:
    """As many pods, of so many distinct requests: real pods (112 are distinct), CPU and memory varied by a fifth."""
    rng = random.Random(SEED)
    distinct: dict[Resources, Pod] = {}
    while len(distinct) < count:
        pod = rng.choice(workload.snapshot.pods)
        requests = replace(
            pod.requests,
            cpu_mcpu=round(pod.requests.cpu_mcpu * rng.uniform(0.8, 1.2)),
            memory_bytes=round(pod.requests.memory_bytes * rng.uniform(0.8, 1.2)),
        )
        distinct[requests] = replace(pod, requests=requests)
    return _redrawn(workload, list(distinct.values()), POINT_PODS)


def _with_types(workload: Workload, count: int) -> Workload:
    """The same pods with fewer types, among them the largest, so that every pod fits."""
    catalog = workload.catalog
    by_size = sorted(catalog.types.values(), key=lambda it: (-it.gpu_count, -it.allocatable.memory_bytes, it.name))
    rest = [it.name for it in by_size[1:]]
    names = {by_size[0].name, *random.Random(SEED).sample(rest, min(count - 1, len(rest)))}
    fewer = Catalog(
        region=catalog.region,
        as_of=catalog.as_of,
        types={name: it for name, it in catalog.types.items() if name in names},
        offerings=tuple(o for o in catalog.offerings if o.pool.instance_type in names),
    )
    return replace(workload, catalog=fewer)


AXES = (
    _Axis(name="pods", sizes=PODS, make=_with_pods),
    _Axis(name="classes", sizes=CLASSES, make=_with_classes),
    _Axis(name="types", sizes=TYPES, make=_with_types),
)


def _redrawn(workload: Workload, pods: tuple[Pod, ...] | list[Pod], count: int) -> Workload:
    drawn = random.Random(SEED).choices(pods, k=count)
    renamed = [replace(pod, name=f"pod-{index}") for index, pod in enumerate(drawn)]
    snapshot = parts.unplaced(workload.snapshot.region, workload.snapshot.zones, pods=renamed)
    return replace(workload, snapshot=snapshot)


def _run(series: dict[str, Any], *, axis: _Axis) -> Iterator[Row]:
    whole = openb.workload("default")
    series["points"] = []
    for size in axis.sizes:
        workload = axis.make(whole, size)
        planned = plan(workload, budget_s=BUDGET_S)
        reached = seconds_to_gap(planned.plan, GOOD_GAP)
        label, gap = f"growth-{axis.name}/{size}", 100 * planned.plan.gap
        series["points"].append(
            {"size": size, "seconds": planned.seconds, "seconds_to_gap": reached, "gap_percent": gap}
        )
        if reached is not None:
            yield reported(f"{label}/time to 1 %", reached, "s")
        yield reported(f"{label}/gap", gap, "%", baseline=f"after {planned.seconds:.1f} s")


for _axis in AXES:
    register(Benchmark(name=f"growth-{_axis.name}", run=partial(_run, axis=_axis), limit_s=600.0))
