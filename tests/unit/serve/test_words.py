from dataclasses import replace

import pytest

from serve import words
from tests.unit.serve.builders import make_plan, make_risk, make_snapshot


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0, "$0.00"),
        (1234.5, "$1,234.50"),
        (0.0416, "$0.0416"),
        (-2.5, "−$2.50"),
        (-0.00001, "$0.0000"),
        (None, "unknown"),
    ],
)
def test_rates_show_the_digits_they_deserve(rate: float | None, text: str) -> None:
    assert words.usd_per_h(rate) == text


def test_a_month_is_730_hours() -> None:
    assert words.usd_per_month(1.0) == "$730"
    assert words.usd_per_month(0.1) == "$73.00"


@pytest.mark.parametrize(("gap", "text"), [(0.0, "0 %"), (0.00001, "0 %"), (0.00123, "0.12 %"), (0.25, "25.0 %")])
def test_small_gaps_show_more_digits(gap: float, text: str) -> None:
    assert words.gap_text(gap) == text


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (0.0, "none expected"),
        (12.3, "about 12 nodes a month"),
        (1.0, "about one node a month"),
        (0.6, "about one node in 51 days"),
        (0.1, "about one node in 10 months"),
    ],
)
def test_expected_interruptions_are_told_as_people_count(expected: float, text: str) -> None:
    assert words.interruptions(make_risk(interruptions=expected, loss=0, spot=1)) == text


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (0.0, "cannot happen"),
        (1e-6, "less than once in 10,000 months"),
        (0.02, "about once in 50 months"),
        (0.7, "70 % in any month"),
    ],
)
def test_the_chance_of_a_big_loss_is_told_as_people_count(probability: float, text: str) -> None:
    assert words.big_loss(make_risk(interruptions=1, loss=probability, spot=1)) == text


def test_the_proof_is_told_with_its_gap_and_without_one() -> None:
    plan = make_plan(make_snapshot(nodes=6))

    assert "at most 1.52 % dearer" in words.proof_sentence(plan)
    assert "costs just that" in words.proof_sentence(replace(plan, lower_bound_usd_per_h=plan.planned_cost_usd_per_h))
    assert "nothing to prove" in words.proof_sentence(replace(plan, lower_bound_usd_per_h=0.0))


@pytest.mark.parametrize(("seconds", "text"), [(0.42, "0.4 s"), (12.3, "12 s"), (65, "1 min 05 s")])
def test_durations_are_short(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text
