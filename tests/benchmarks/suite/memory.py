"""Memory: 20 000 pods, planning alone in its process."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from domain.workload import Pod
from tests.benchmarks.harness import Benchmark, Row, at_most, register, reported
from tests.benchmarks.machine import peak_memory_mib
from tests.benchmarks.suite.planner import plan
from tests.benchmarks.workloads import mix, openb, parts
from tests.benchmarks.workloads.parts import Workload

PODS = 20_000
BAR_MIB = 1024.0
BUDGET_S = 20.0


def _mix(_: dict[str, Any]) -> Iterator[Row]:
    yield from _measure("memory-mix", mix.diverse(PODS))


def _openb(_: dict[str, Any]) -> Iterator[Row]:
    yield from _measure("memory-openb", _openb_pods())


def _openb_pods() -> Workload:
    """Real pods of three lists, renamed, up to the number."""
    lists = [openb.workload(name) for name in ("default", "cpu200", "cpu050")]
    pods: list[Pod] = [replace(pod, name=f"{w.name}-{pod.name}") for w in lists for pod in w.snapshot.pods]
    first = lists[0]
    snapshot = parts.unplaced(openb.REGION, first.snapshot.zones, pods=pods[:PODS])
    return replace(first, name="openb-20000", snapshot=snapshot)


def _measure(name: str, workload: Workload) -> Iterator[Row]:
    before = peak_memory_mib()
    planned = plan(workload, budget_s=BUDGET_S)
    # The checker has run by now and is part of every plan, so it counts.
    yield at_most(f"{name}/peak with {PODS} pods", peak_memory_mib(), "MiB", bar=BAR_MIB)
    yield reported(f"{name}/peak before planning", before, "MiB")
    yield reported(f"{name}/seconds", planned.seconds, "s")
    yield at_most(f"{name}/broken rules", len(planned.violations), "", bar=0)


for _name, _run in (("memory-mix", _mix), ("memory-openb", _openb)):
    register(Benchmark(name=_name, run=_run, limit_s=600.0))
