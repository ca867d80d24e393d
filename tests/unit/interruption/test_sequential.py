"""The test by betting: what it promises under the null, and that it finds a real difference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.interruption.sequential import STAKES, Finding, PairedRound, Wealth, capital, paired_round

ODDS = st.floats(0, 1, allow_nan=False)


def test_two_models_that_say_the_same_are_never_told_apart() -> None:
    said = np.array([0.1, 0.9])
    wealth = Wealth()
    for _ in range(50):
        wealth = wealth.after(paired_round(said, said, np.array([True, False])))
    assert (wealth.rounds, wealth.most_better, wealth.finding(0.05)) == (50, 1.0, Finding.OPEN)


@settings(max_examples=100)
@given(control=ODDS, variant=ODDS, happened=st.sampled_from([True, False]))
def test_no_round_can_cost_more_than_was_staked(control: float, variant: float, happened: bool) -> None:  # noqa: FBT001
    played = paired_round(np.array([control]), np.array([variant]), np.array([happened]))
    assert abs(played.difference) <= played.bound + 1e-12
    wealth = Wealth().after(played)
    assert all(np.exp(each) >= 1 - STAKES[-1] - 1e-9 for each in (*wealth.better, *wealth.worse))


@settings(max_examples=60)
@given(control=ODDS, variant=ODDS)
def test_nobody_can_expect_to_gain_when_the_errors_are_expected_to_be_equal(control: float, variant: float) -> None:
    """The truth in the middle of both predictions makes their expected squared errors equal."""
    truth = (control + variant) / 2
    one, other = np.array([control]), np.array([variant])
    after = [Wealth().after(paired_round(one, other, np.array([seen]))) for seen in (True, False)]
    for side in ("better", "worse"):
        gained = [capital(np.array(getattr(each, side))) for each in after]
        assert truth * gained[0] + (1 - truth) * gained[1] == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(
    ("difference", "finding"), [(0.2, Finding.BETTER), (-0.2, Finding.WORSE)], ids=["better", "worse"]
)
def test_a_lasting_difference_is_found(difference: float, finding: Finding) -> None:
    wealth = Wealth()
    while wealth.finding(0.01) is Finding.OPEN:
        wealth = wealth.after(PairedRound(difference=difference, bound=1.0, pools=5))
        assert wealth.rounds < 300
    assert wealth.finding(0.01) is finding
    assert np.sign(wealth.mean_difference) == np.sign(difference)


def test_what_was_found_once_stays_found() -> None:
    wealth = Wealth()
    for difference in [0.5] * 100 + [-0.5] * 20:
        wealth = wealth.after(PairedRound(difference=difference, bound=1.0, pools=1))
    assert wealth.finding(0.05) is Finding.BETTER


def test_runs_without_a_difference_graduate_no_more_often_than_is_allowed() -> None:
    """A small picture of the benchmark: forty runs of a hundred rounds, looked at after each."""
    found = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        wealth = Wealth()
        for _ in range(100):
            truth = np.clip(0.1 + 0.05 * random.standard_normal(20), 0.01, 0.99)
            said = [np.clip(truth + 0.05 * random.standard_normal(20), 0, 1) for _ in range(2)]
            wealth = wealth.after(paired_round(said[0], said[1], random.random(20) < truth))
        found += wealth.finding(0.1) is Finding.BETTER
    assert found <= 6


def test_wealth_is_read_again_as_it_was_written() -> None:
    wealth = Wealth().after(PairedRound(difference=0.1, bound=0.3, pools=4))
    assert Wealth.of_json(wealth.to_json()) == wealth
    assert Wealth.of_json({}) == Wealth()
