"""The interruption model: bars on a split in time, a region left out, and the speed of scoring on one core."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from adapters.traces.model_text import read_model_text
from adapters.traces.skypilot import read_recordings
from solvers.interruption.contract import V1_0
from solvers.interruption.evaluate import MODEL, Judged
from solvers.interruption.experiments import Experiments
from solvers.interruption.history import History, SeenPool
from solvers.interruption.model import sample_rows, score_rows
from solvers.interruption.model_file import MAX_BYTES, parse_model
from solvers.interruption.rows import Table
from tests.benchmarks.data import data_path
from tests.benchmarks.harness import Baseline, Benchmark, Row, at_least, at_most, register, reported

TRACES = "skypilot_spot_traces/availability/1-node"
MAIN = "aws-02-15-2023"
REPEATS = 5
COPIES = 400
"""Copies of the sample rows that are scored in one call."""
LOGISTIC = "logistic regression"


def _speed(_: dict[str, Any]) -> Iterator[Row]:
    data, called = read_model_text(most_bytes=MAX_BYTES)
    model = parse_model(data, of=called)
    rows = np.random.default_rng(0).permutation(np.tile(sample_rows(V1_0), (COPIES, 1)))
    score_rows(model, rows)
    seconds = min(_process_seconds(lambda: score_rows(model, rows)) for _ in range(REPEATS))
    scores = len(rows) * len(model.heads) / seconds
    yield at_least(
        "interruption-speed/scores", scores, "/s of one core", bar=1e6, baseline="a pool, a horizon, its interval"
    )
    yield reported("interruption-speed/pools at all horizons", len(rows) / seconds, "/s of one core")


def _process_seconds(work: Any) -> float:
    """Processor time: what others do on the machine does not count."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def _bars(series: dict[str, Any]) -> Iterator[Row]:
    experiments = experiments_of(data_path(TRACES))
    for judged in experiments.rolling():
        yield from _against_logistic(judged)
        series[judged.name] = [(each.predicted, each.realised) for each in judged.bins]
    left_out = [each for each in experiments.region_left_out() if each.name.endswith("all of the time")]
    areas = [each.figures[MODEL]["auc"].value for each in left_out]
    for judged, area in zip(left_out, areas, strict=True):
        yield reported(f"interruption/{judged.name}/AUC", area, "", baseline=_theirs(judged, "auc"))
    yield at_least("interruption/regions left out/mean AUC", float(np.mean(areas)), "", bar=0.76)
    for judged in experiments.transfer():
        yield reported(
            "interruption/2022 to 2023/AUC", judged.figures[MODEL]["auc"].value, "", baseline=_theirs(judged, "auc")
        )


def _against_logistic(judged: Judged) -> Iterator[Row]:
    mine, name = judged.figures[MODEL], f"interruption/{judged.name}"
    theirs = judged.figures[LOGISTIC]
    yield at_least(
        f"{name}/AUC", mine["auc"].value, "", bar=max(0.82, theirs["auc"].value), baseline=_theirs(judged, "auc")
    )  # fmt: skip
    for figure, bar in (("brier", 0.107), ("calibration_error", 0.02)):
        limit = min(bar, theirs[figure].value)
        yield at_most(f"{name}/{figure}", mine[figure].value, "", bar=limit, baseline=_theirs(judged, figure))
    west = judged.regions["us-west-2"]
    aged = Baseline(name="age only", value=west["age only"], unit="")
    yield at_least(f"{name}/AUC in us-west-2", west[MODEL], "", bar=max(0.777, west["age only"]), baseline=aged)


def _theirs(judged: Judged, figure: str) -> Baseline:
    return Baseline(name=LOGISTIC, value=judged.figures[LOGISTIC][figure].value, unit="")


def experiments_of(folder: Path, *, horizons_h: tuple[int, ...] = (1,)) -> Experiments:
    """The recording of 2023 to be split, and the one of 2022 before it."""
    tables = {}
    for recording in read_recordings(folder):
        pools = tuple(
            SeenPool(region=s.region, zone=s.zone, instance_type=s.instance_type, accelerators=s.accelerators)
            for s in recording.series
        )
        history = History(
            name=recording.name, pools=pools, up=recording.up, tick_s=recording.tick_s, start=recording.start
        )
        tables[recording.name.rpartition("/")[2]] = Table.of(history)
    main = tables.pop(MAIN)
    return Experiments(main=main, earlier=tuple(tables.values()), horizons_h=horizons_h)


register(Benchmark(name="interruption-speed", run=_speed, limit_s=120.0, quick=True))
register(Benchmark(name="interruption", run=_bars, limit_s=600.0))
