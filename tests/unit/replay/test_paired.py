"""Means, intervals, paired differences."""

import math

import numpy as np
import pytest

from solvers.replay.paired import Comparison, Running


def rows(cost: float, other: float, *, replication: int = 0) -> list[dict[str, float | int | str]]:
    head = {"replication": replication, "hours": 1.0, "clusters": 1}
    return [{**head, "policy": "base", "cost_usd": cost}, {**head, "policy": "ours", "cost_usd": other}]


def test_running_agrees_with_numpy() -> None:
    values = np.random.default_rng(1).normal(5.0, 2.0, 50)
    running = Running()
    for value in values:
        running.add(float(value))
    assert running.mean == pytest.approx(values.mean())
    assert running.half_width() == pytest.approx(2.0096 * values.std(ddof=1) / math.sqrt(50), rel=1e-3)


def test_what_the_market_does_to_both_cancels_out() -> None:
    found = Comparison("base")
    rng = np.random.default_rng(1)
    for number in range(30):
        level = float(rng.uniform(10, 100))
        found.add(rows(level, level - 1, replication=number))
    figure = found.figure("ours", "cost_usd")
    assert figure.difference == pytest.approx(-1.0)
    assert figure.difference_half_width < 1e-6 < figure.half_width
    assert figure.differs


def test_a_saving_is_of_the_cost_of_the_baseline() -> None:
    found = Comparison("base")
    found.add(rows(10.0, 4.0))
    assert found.figure("ours", "saving").mean == pytest.approx(0.6)
    assert found.figure("ours", "saving").half_width == math.inf


def test_rows_without_the_baseline_are_refused() -> None:
    with pytest.raises(ValueError, match="baseline"):
        Comparison("nobody").add(rows(1.0, 1.0))
