"""Survival with censoring."""

import numpy as np
import pytest

from domain.errors import InputError
from solvers.interruption.survival import Lifetimes, hazards_per_h, kaplan_meier, survival_report


def lives(hours: list[float], preempted: list[bool]) -> Lifetimes:
    return Lifetimes(hours=np.array(hours), preempted=np.array(preempted), began=np.arange(len(hours), dtype=float))


def test_survival_counts_those_still_watched() -> None:
    curve = kaplan_meier(lives([1, 2, 2, 3], [True, False, True, True]))
    assert curve.hours.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(curve.alive, [1, 3 / 4, 3 / 4 * 2 / 3, 0])


def test_stops_by_the_user_are_no_interruptions() -> None:
    rate = hazards_per_h(lives([10.0] * 50, [False] * 50), edges_h=(0.0, 24.0))
    assert rate[0] < 0.01


def test_age_tells_something_where_the_hazard_falls() -> None:
    random = np.random.default_rng(0)
    hours = np.minimum(
        np.where(random.random(600) < 0.4, random.exponential(0.5, 600), random.exponential(30, 600)), 23
    )
    report = survival_report(
        Lifetimes(hours=hours, preempted=hours < 23, began=random.permutation(600).astype(float))
    )  # fmt: skip
    assert report.by_age > report.memoryless
    assert report.hazard_per_h[0] > report.hazard_per_h[3]
    assert report.naive_per_h >= report.mean_per_h


def test_lifetimes_below_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="not below 0"):
        lives([-1.0], [True])
