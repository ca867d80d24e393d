"""Metrics against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from solvers.interruption import metrics

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=60).filter(
    lambda rows: 0 < sum(label for label, _ in rows) < len(rows)
)


@given(rows=ROWS)
def test_metrics_agree_with_those_of_scikit_learn(rows: list[tuple[bool, int]]) -> None:
    label = np.array([float(hit) for hit, _ in rows])
    score = np.array([level / 20 for _, level in rows])
    assert metrics.auc(label, score) == pytest.approx(roc_auc_score(label, score))
    assert metrics.average_precision(label, score) == pytest.approx(average_precision_score(label, score))
    assert metrics.brier(label, score) == pytest.approx(brier_score_loss(label, score))
    clipped = np.clip(score, metrics.CLIP, 1 - metrics.CLIP)
    assert metrics.log_loss(label, score) == pytest.approx(log_loss(label, clipped))


def test_the_calibration_error_is_the_mean_distance_of_rate_and_prediction() -> None:
    label = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 1.0])
    told = np.array([0.15, 0.15, 0.15, 0.15, 0.95, 0.95])
    assert metrics.calibration_error(label, told) == pytest.approx((4 * 0.10 + 2 * 0.05) / 6)
    assert metrics.calibration_error(np.ones(3), np.ones(3)) == 0


def test_one_outcome_alone_has_no_auc() -> None:
    assert np.isnan(metrics.auc(np.zeros(3), np.arange(3.0)))
    assert np.isnan(metrics.average_precision(np.zeros(3), np.arange(3.0)))


def test_days_are_drawn_whole() -> None:
    day = np.array([4, 4, 4, 9, 9])
    for rows in metrics.day_resamples(day, number=20, seed=1):
        counts = np.bincount(rows, minlength=5)
        assert counts[0] == counts[1] == counts[2]
        assert counts[3] == counts[4]
        assert counts[0] + counts[3] == 2


def test_intervals_hold_the_figure() -> None:
    random = np.random.default_rng(0)
    told = random.random(600)
    label = (random.random(600) < told).astype(float)
    found = metrics.figures(label, told, day=np.arange(600) // 40)
    assert all(each.low <= each.value <= each.high for name, each in found.items() if "calibration" not in name)
