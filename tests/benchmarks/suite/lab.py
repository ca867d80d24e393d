"""The lab: how often a model that is no better graduates, how soon a better one does, and the scorer's speed.

A run is 30 days of hourly rounds over 40 pools. Rates of pools differ, and a shock of the hour moves all of them
together. Each model knows a pool's rate with an error of its own, drawn anew each round. The test is looked at after
every round.
"""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import ray

from actors.scoring.models import Loaded, carried_model
from actors.scoring.pools import advised_pools
from actors.scoring.store import FeatureStore, compressed
from solvers.interruption.contract import Floats, Matrix
from solvers.interruption.model import SAMPLE_ROWS, RiskModel, Scores, prepare, sample_rows, score_prepared, score_rows
from solvers.interruption.sequential import Finding, Wealth, paired_round
from tests.benchmarks.harness import Baseline, Benchmark, Row, at_least, at_most, register, reported

RUNS, POWER_RUNS = 1_000, 200
ROUNDS, POOLS = 720, 40
FALSE_RATE = 0.05
USUAL_RATE = 0.08
SHOCK, SPREAD = 0.8, 0.7
"""Standard deviations in log odds: of the hour's shock, and among pools."""
ERROR = 0.5
"""Standard deviation in log odds of what a model gets wrong."""
TREES_KNOW = 0.5
"""Share of the pools of a region that the speed is measured with by trees; none of today's regions has as many."""
REPEATS = 5
SIZES = {"one region": 4_270, "all regions": 29_950, "a back-test": 1_000_000}
"""Rows of one scoring at three horizons; the back-test is a month of decisions for a thousand pools."""
STORE_BYTES = 512 << 20


def _outcomes(_: dict[str, Any]) -> Iterator[Row]:
    graduated = [_rounds_until_better(seed, control=ERROR, variant=ERROR) for seed in range(RUNS)]
    false = sum(each is not None for each in graduated) / RUNS
    yield at_most(
        f"lab/{RUNS} A/A runs/graduated falsely", false, "share", bar=FALSE_RATE, baseline="looked at every round"
    )
    for better in (0.4, 0.25, 0.1):
        found = [_rounds_until_better(RUNS + s, control=ERROR, variant=better) for s in range(POWER_RUNS)]
        reached = sorted(each for each in found if each is not None)
        yield reported(
            f"lab/A/B, error {ERROR} against {better}/graduated in 30 days", len(reached) / POWER_RUNS, "share"
        )
        if len(reached) * 2 >= POWER_RUNS:
            yield reported(f"lab/A/B, error {ERROR} against {better}/median", reached[POWER_RUNS // 2 - 1], "rounds")
    worse = [_rounds_until_better(9_000 + s, control=0.1, variant=ERROR, of=Finding.WORSE) for s in range(POWER_RUNS)]
    yield reported("lab/a worse model in production/taken back in 30 days", _share(worse), "share")


def _share(found: list[int | None]) -> float:
    return sum(each is not None for each in found) / len(found)


def _rounds_until_better(seed: int, *, control: float, variant: float, of: Finding = Finding.BETTER) -> int | None:
    """Rounds after which the product's test finds the variant better (or worse), ``None`` when it never does."""
    random = np.random.default_rng(seed)
    base = np.log(USUAL_RATE / (1 - USUAL_RATE)) + SPREAD * random.standard_normal(POOLS)
    wealth = Wealth()
    for played in range(1, ROUNDS + 1):
        odds = base + SHOCK * random.standard_normal()
        happened = random.random(POOLS) < _probability(odds)
        said = [_probability(odds + error * random.standard_normal(POOLS)) for error in (control, variant)]
        wealth = wealth.after(paired_round(said[0], said[1], happened))
        if wealth.finding(FALSE_RATE) is of:
            return played
    return None


def _probability(log_odds: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-log_odds))


def _serving(_: dict[str, Any]) -> Iterator[Row]:
    began = time.perf_counter()
    pools = advised_pools()
    store = FeatureStore(pools, start=datetime(2026, 1, 1, tzinfo=UTC))
    yield reported("scoring/pools of all regions", len(pools), "pools")
    yield reported("scoring/start", time.perf_counter() - began, "s")
    up = np.ones(len(pools), dtype=bool)
    for _ in range(len(store.state.up)):  # as long as the longest window, so that all of them slide
        store.state.step(up)
    yield reported("scoring/one tick of all pools", _least(lambda: store.state.step(up)) * 1e3, "ms of one core")
    yield reported("scoring/features of all pools", _least(store.state.rows) * 1e3, "ms of one core")
    yield reported("scoring/stored state", len(compressed(store.arrays())) / 1024, "KiB")
    yield from _region(store)


def _region(store: FeatureStore) -> Iterator[Row]:
    """Scores of the largest region in one call, as planning asks for them, prior and trees mixed."""
    loaded = Loaded(model=carried_model(), version="carried")
    by_region: dict[str, list[int]] = {}
    for at, pool in enumerate(store.pools):
        by_region.setdefault(pool.region, []).append(at)
    name = max(by_region, key=lambda region: len(by_region[region]))
    place = np.array(by_region[name], dtype=np.int64)
    prepared = prepare(loaded.model, [store.state.pools[at] for at in place], [store.buckets[at] for at in place])
    rows, drops = np.ascontiguousarray(store.rows()[place]), np.zeros(place.size)
    horizons = len(loaded.model.heads)
    for label, share in (("by the prior", 0.0), ("half by trees", TREES_KNOW), ("all by trees", 1.0)):
        prepared.known[:] = np.arange(place.size) < share * place.size
        up_h = np.full(place.size, 100.0)
        seconds = _least(lambda up_h=up_h: score_prepared(prepared, rows, drops=drops, up_h=up_h))
        yield at_least(
            f"scoring/region {label}", place.size * horizons / seconds, "/s of one core", bar=1e6,
            baseline=f"{place.size} pools at {horizons} horizons in one call, with intervals and checks",
        )  # fmt: skip


@ray.remote(num_cpus=1)
def _part(model: RiskModel, rows: Matrix, span: tuple[int, int]) -> Scores:
    return score_rows(model, rows[slice(*span)])


def _batches(_: dict[str, Any]) -> Iterator[Row]:
    """Scores in one process against tasks of Ray, which take what they need from the shared store."""
    cores = os.cpu_count() or 1
    model = carried_model()
    rows = np.tile(sample_rows(model.contract), (-(-max(SIZES.values()) // SAMPLE_ROWS), 1))
    ray.init(num_cpus=cores, include_dashboard=False, log_to_driver=False, object_store_memory=STORE_BYTES)
    try:
        kept = ray.put(model)
        for _ in range(2):  # processes load kernels at their first task
            ray.get([_part.remote(kept, rows[:SAMPLE_ROWS], (0, SAMPLE_ROWS)) for _ in range(2 * cores)])
        for name, size in SIZES.items():
            yield from _both_ways(name, rows[:size], model=model, kept=kept, cores=cores)
    finally:
        ray.shutdown()


def _both_ways(name: str, rows: Matrix, *, model: RiskModel, kept: Any, cores: int) -> Iterator[Row]:
    def over_ray() -> None:
        given, step = ray.put(rows), -(-len(rows) // cores)
        ray.get([_part.remote(kept, given, (first, first + step)) for first in range(0, len(rows), step)])

    here, there = _quickest(lambda: score_rows(model, rows)), _quickest(over_ray)
    baseline = Baseline(name="one process", value=here * 1e3, unit="ms")
    yield reported(f"scoring-ray/{name}, {len(rows)} rows", there * 1e3, f"ms over {cores} cores", baseline=baseline)


def _quickest(work: Any) -> float:
    """Wall-clock seconds of the quickest of some runs."""
    found = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found)


def _least(work: Any) -> float:
    """Processor time of the quickest of some runs: what others do on the machine does not count."""
    found = []
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return max(min(found), 1e-9)


register(Benchmark(name="lab", run=_outcomes, limit_s=600.0))
register(Benchmark(name="scoring", run=_serving, limit_s=120.0, quick=True))
register(Benchmark(name="scoring-ray", run=_batches, limit_s=240.0))
