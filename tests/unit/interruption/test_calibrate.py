"""Calibration: chosen by what it does out of time, rising, with an interval around the probability."""

import numpy as np
import pytest

from solvers.interruption.calibrate import Scored, calibrate, losses
from solvers.interruption.calibration import KNOTS, CalibrationTable


def made(stretch: float, *, rows: int = 6_000, seed: int = 0) -> Scored:
    """Scores that overstate the log odds ``stretch`` times."""
    random = np.random.default_rng(seed)
    true = random.normal(-1.5, 1.2, rows)
    label = (random.random(rows) < 1 / (1 + np.exp(-true))).astype(float)
    at = np.arange(rows)
    return Scored(margin=true * stretch, label=label, day=at * 30 // rows, block=at * 5 // rows)


def read(table: CalibrationTable, margin: float) -> np.ndarray:
    out = np.empty((1, 3))
    table.apply(np.array([margin]), out)
    return out[0]


def test_scores_that_overstate_are_corrected() -> None:
    scored = made(3.0)
    found = losses(scored)
    assert found["beta"] < found["none"]
    table = calibrate(scored, seed=1)
    assert table.method != "none"
    assert read(table, -3.0)[0] == pytest.approx(1 / (1 + np.exp(1.0)), abs=0.04)


def test_scores_that_are_right_are_left_almost_alone() -> None:
    table = calibrate(made(1.0), seed=1)
    assert read(table, -1.0)[0] == pytest.approx(1 / (1 + np.e), abs=0.03)


def test_the_interval_holds_the_probability_and_the_same_seed_gives_it_again() -> None:
    table, again = calibrate(made(1.0), seed=1), calibrate(made(1.0), seed=1)
    assert (table.low <= table.probability).all()
    assert (table.probability <= table.high).all()
    assert (np.diff(table.probability) >= 0).all()
    np.testing.assert_array_equal(table.low, again.low)


def test_scores_beyond_the_table_are_those_of_its_ends() -> None:
    p = np.linspace(0.01, 0.9, KNOTS)
    table = CalibrationTable(method="none", probability=p, low=p, high=p)
    assert read(table, -1e9)[0] == pytest.approx(0.01)
    assert read(table, 1e9)[0] == pytest.approx(0.9)
    assert read(table, 0.0625)[0] == pytest.approx((p[64] + p[65]) / 2)


def test_a_table_that_falls_is_refused() -> None:
    p = np.linspace(0.9, 0.1, KNOTS)
    with pytest.raises(ValueError, match="must not fall"):
        CalibrationTable(method="none", probability=p, low=p, high=p)
