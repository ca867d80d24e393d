"""Batch simulations: simulated cluster-hours per second of one core, two workers against one, same bytes, memory."""

import hashlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray

from actors.simulation.batch import Batches, Workers, simulate
from actors.simulation.fanout import InProcess, RayWorkers
from actors.simulation.replicate import Replicator, Row
from adapters.runs.folder import RESULTS
from adapters.scenarios import Scenario, parse_scenario
from tests.benchmarks.harness import Benchmark, at_least, at_most, register, reported
from tests.benchmarks.harness import Row as Figure
from tests.benchmarks.machine import peak_memory_mib

SCENARIO = """\
name: bench
region: us-east-1
hours: 720
seed: 9
market:
  generated:
    types: [m5.large, m5.xlarge, c5.xlarge, r5.xlarge, m6i.xlarge, c6i.xlarge]
    zones: 3
    up_h: 1000
    down_h: 3
  interruption: 0.2
clusters: {tenants: 4}
workload:
  deployments:
    - {name: shop, replicas: 60, cpu: 0.5, memory_gib: 1, max_unavailable: 10}
    - {name: search, replicas: 20, cpu: 1, memory_gib: 3, max_unavailable: 4, start_s: 60}
    - {name: workers, replicas: 30, cpu: 0.75, memory_gib: 1.5}
ours: {model: false, work_limit: 1, routine_work_limit: 2, optimise_every_h: 8000}
policies: [POLICY]
"""
"""About 20 nodes in each of four clusters over 720 h. Each is taken by itself with a probability of a fifth a month,
and each of the 18 pools runs dry every 1 000 h with all nodes in it."""

REPLICATIONS = 8
TOGETHER = 64
"""On Ray: one worker idles at the end while the other does its last one, which is to be little of the whole."""
MORE = 4


def _scenario(policy: str, *changes: str) -> Scenario:
    return parse_scenario(SCENARIO.replace("POLICY", policy), source="bench", changes=changes)


def _speed(policy: str, *, bar: float | None, name: str, runs: int) -> Iterator[Figure]:
    """Processor time of one core: what others do on the machine does not count."""
    replicator = Replicator(_scenario(policy), Path())
    replicator.run(1_000_000)
    begin = time.process_time()
    rows = [row for number in range(runs) for row in replicator.run(number)]
    seconds = time.process_time() - begin
    hours = sum(row["hours"] * row["clusters"] for row in rows)
    unit = "cluster-hours/s of one core"
    if bar is None:
        yield reported(f"simulation/{name}", hours / seconds, unit, baseline=_mix(rows))
    else:
        yield at_least(f"simulation/{name}", hours / seconds, unit, bar=bar, baseline=_mix(rows))


def _mix(rows: list[Row]) -> str:
    hours = sum(row["hours"] * row["clusters"] for row in rows)
    nodes = sum(row["spot_h"] + row["on_demand_h"] for row in rows) / hours
    taken, plans = (sum(row[name] for row in rows) / hours for name in ("interruptions", "plans"))
    return f"{nodes:.0f} nodes, {taken:.4f} interruptions and {plans:.4f} plans per cluster-hour"


def _speeds(_: dict[str, Any]) -> Iterator[Figure]:
    yield from _speed("refill", bar=20_000, name="without planning", runs=REPLICATIONS)
    yield from _speed("karpenter", bar=None, name="Karpenter-style", runs=REPLICATIONS)
    yield from _speed("ours", bar=200, name="planning at each interruption", runs=2)


def _fan_out(_: dict[str, Any]) -> Iterator[Figure]:
    alone, one = _on_ray(1)
    together, two = _on_ray(2)
    yield at_least("simulation/two workers over one", alone / together, "times", bar=1.8)
    yield at_least("simulation/same bytes on one and on two workers", float(one == two), "1 is yes", bar=1)


def _on_ray(workers: int) -> tuple[float, str]:
    """Seconds for all replications once the workers are warm, and the digest of the results."""
    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    try:
        _run(RayWorkers(workers), replications=2 * workers, seed=1)
        begin = time.perf_counter()
        digest = _run(RayWorkers(workers), replications=TOGETHER, seed=2)
        return time.perf_counter() - begin, digest
    finally:
        ray.shutdown()


def _run(workers: Workers, *, replications: int, seed: int) -> str:
    scenario = _scenario("ours", f"seed={seed}", "hours=240")
    with tempfile.TemporaryDirectory() as folder:
        batches = Batches(scenario=scenario, data=Path(), replications=replications, batch=1)
        simulate(batches, Path(folder), workers, on_done=lambda *_: None)
        return hashlib.sha256((Path(folder) / RESULTS).read_bytes()).hexdigest()


def _memory(_: dict[str, Any]) -> Iterator[Figure]:
    """Peak memory after some replications, and what four times as many add."""
    with tempfile.TemporaryDirectory() as folder:
        grown = []
        for number in (25, 25 * MORE):
            batches = Batches(scenario=_scenario("refill"), data=Path(), replications=number, batch=5)
            simulate(batches, Path(folder) / str(number), InProcess(), on_done=lambda *_: None)
            grown.append(peak_memory_mib())
    yield reported("simulation/peak memory of 25 replications", grown[0], "MiB")
    yield at_most(f"simulation/growth with {MORE} times as many", grown[1] - grown[0], "MiB", bar=16)


register(Benchmark(name="simulation-speed", run=_speeds, limit_s=300.0, quick=True))
register(Benchmark(name="simulation-fan-out", run=_fan_out, limit_s=600.0))
register(Benchmark(name="simulation-memory", run=_memory, limit_s=300.0))
