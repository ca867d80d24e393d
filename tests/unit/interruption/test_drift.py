"""Drift of features, and realised against predicted."""

import numpy as np
import pytest

from solvers.interruption.contract import V1_0
from solvers.interruption.drift import LEAST_ROWS, check_reference, judged, outcome_of, reference_of, stability
from solvers.interruption.model import sample_rows


def test_rows_like_those_of_training_have_not_moved() -> None:
    rows = sample_rows(V1_0)
    index = stability(reference_of(rows, V1_0), rows, V1_0)
    assert set(index) == set(V1_0.names)
    assert max(index.values()) < 1e-3


def test_a_feature_that_has_moved_is_named() -> None:
    rows = sample_rows(V1_0)
    moved = rows.copy()
    at, missing = V1_0.index("drops_24h"), V1_0.index("price_level")
    moved[:, at] = np.nanmax(rows[:, at])
    moved[:, missing] = np.nan
    index = stability(reference_of(rows, V1_0), moved, V1_0)
    assert min(index["drops_24h"], index["price_level"]) > 0.25
    assert index["age_h"] < 1e-3


def test_too_few_rows_and_models_without_a_reference_say_nothing() -> None:
    rows = sample_rows(V1_0)
    assert stability(reference_of(rows, V1_0), rows[: LEAST_ROWS - 1], V1_0) == {}
    assert stability({}, rows, V1_0) == {}
    assert stability({"of another contract": {"edges": [1.0], "shares": [0.5, 0.5, 0.0]}}, rows, V1_0) == {}


@pytest.mark.parametrize(
    "reference",
    [
        [],
        {"age_h": 5},
        {"age_h": {"edges": [1.0]}},
        {"age_h": {"edges": [1.0], "shares": [1.0]}},
        {"age_h": {"edges": [2.0, 1.0], "shares": [1.0, 0.0, 0.0, 0.0]}},
        {"age_h": {"edges": [1.0], "shares": [-1.0, 2.0, 0.0]}},
        {"age_h": {"edges": ["x"], "shares": [1.0, 0.0, 0.0]}},
        {"age_h": {"edges": [1e999], "shares": [1.0, 0.0, 0.0]}},
    ],
    ids=range(8),
)
def test_a_reference_that_nothing_can_be_compared_with_is_refused(reference: object) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        check_reference(reference)


def test_the_reference_of_training_is_taken() -> None:
    check_reference(reference_of(sample_rows(V1_0), V1_0))


def test_rounds_add_up_to_losses_and_a_calibration_by_bucket() -> None:
    first = outcome_of(np.array([0.005, 0.3]), np.array([False, True]))
    second = outcome_of(np.array([0.3]), np.array([False]))
    found = judged([first, second])
    assert (found["rounds"], found["pools"], found["drops"]) == (2, 3, 1)
    assert found["brier"] == pytest.approx((0.005**2 + 0.7**2 + 0.3**2) / 3)
    assert found["log_loss"] == pytest.approx(-(np.log(0.995) + np.log(0.3) + np.log(0.7)) / 3)
    bucket = next(each for each in found["buckets"] if each["from"] == 0.2)
    assert (bucket["pools"], bucket["predicted"], bucket["realised"]) == (2, pytest.approx(0.3), 0.5)
    assert sum(each["pools"] for each in found["buckets"]) == 3


def test_no_round_is_no_loss() -> None:
    found = judged([])
    assert (found["rounds"], found["log_loss"], found["log_loss_of_the_mean"]) == (0, None, None)


def test_certainty_that_was_wrong_costs_much_and_not_everything() -> None:
    assert np.isfinite(outcome_of(np.array([0.0, 1.0]), np.array([True, False]))["log_loss_sum"])
