"""Tapes, prices, windows, and markets that never were."""

import numpy as np
import pytest

from solvers.replay.chance import exponential, uniform
from solvers.replay.generator import Bursts, Generator, Spans, fit
from solvers.replay.market import PriceCurve
from solvers.replay.recorded import Stretch, capacity_steps, window
from tests.unit.replay.markets import HOUR, tape


def test_a_price_curve_sums_over_its_changes() -> None:
    curve = PriceCurve((0.0, HOUR), (1.0, 3.0))
    assert curve.at(HOUR - 1) == 1.0
    assert curve.cost_usd(0.5 * HOUR, 2 * HOUR) == pytest.approx(0.5 + 3.0)


@pytest.mark.parametrize(
    ("times", "values"), [((1.0,), (1.0,)), ((0.0, 0.0), (1.0, 1.0)), ((0.0,), (-1.0,)), ((0.0,), (1.0, 2.0))]
)
def test_a_curve_that_makes_no_sense_is_refused(times: tuple[float, ...], values: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"price|times"):
        PriceCurve(times, values)


def test_a_tape_tells_its_next_fall() -> None:
    falling = tape(falls_at_s=HOUR)
    assert falling.next_fall_s(0.0) == HOUR
    assert falling.next_fall_s(HOUR) is None
    assert falling.up_h(2 * HOUR) == 1.0


def test_chance_depends_on_what_it_is_drawn_for_alone() -> None:
    assert uniform(1, 2, 3) == uniform(1, 2, 3)
    assert len({uniform(1, 2, number) for number in range(1000)}) == 1000
    mean = np.mean([exponential(5.0, seed=1, named=(number,)) for number in range(4000)])
    assert mean == pytest.approx(5.0, rel=0.08)


def test_the_first_window_begins_where_the_recording_does_and_others_wrap() -> None:
    first, other = window(100, 30, seed=1, replication=0), window(100, 300, seed=1, replication=7)
    assert first.first == 0
    assert other.of(np.arange(100.0)).size == 300


def test_prices_are_played_from_where_the_recording_is_and_begin_anew_after_its_end() -> None:
    """Recorded from 0 to 100 s, of which 20 to 90 s are used; played from 50 s for 120 s."""
    stretch = Stretch(first_s=20.0, last_s=90.0, begin_s=50.0)
    played = stretch.prices((0.0, 30.0, 60.0, 95.0), (1.0, 2.0, 3.0, 9.0), horizon_s=120.0)
    assert played == ((0.0, 10.0, 40.0, 50.0, 80.0, 110.0), (2.0, 3.0, 1.0, 2.0, 3.0, 1.0))


def test_steps_of_a_recording_keep_counts_below_the_most_that_was_seen() -> None:
    times, capacity = capacity_steps(np.array([1.0, 1.0, 0.0, 1.0]), tick_s=10.0, most=1)
    assert times == (0.0, 20.0, 30.0)
    assert capacity[0] == capacity[2] > 1000
    assert capacity_steps(np.array([16.0, 3.0]), tick_s=10.0, most=16)[1][1] == 3


def test_a_generator_that_is_fitted_to_its_own_market_is_found_again() -> None:
    made = Generator(
        up=Spans(mean_h=20.0, shape=0.8), down=Spans(mean_h=4.0), bursts=Bursts(per_h=0.02, share=0.9)
    )  # fmt: skip
    groups = [0, 0, 0, 1, 1, 1]
    rng = np.random.default_rng(1)
    horizon_s = 4000 * HOUR
    ticks = np.arange(0.0, horizon_s, 600.0)
    up = np.stack(
        [
            np.take(room, np.searchsorted(times, ticks, side="right") - 1) > 0
            for times, room in made.tapes(groups, horizon_s=horizon_s, rng=rng)
        ]
    )
    found = fit(up, groups, tick_s=600.0)
    assert found.down.mean_h == pytest.approx(4.0, rel=0.15)
    assert 8.0 < found.up.mean_h < 22.0
    assert found.bursts.per_h == pytest.approx(0.02, rel=0.6)
    assert found.bursts.share > 0.6


def test_bursts_take_pools_of_a_group_at_once() -> None:
    made = Generator(up=Spans(mean_h=1e6), down=Spans(mean_h=1.0), bursts=Bursts(per_h=0.1, share=1.0))
    tapes = made.tapes([0, 0], horizon_s=100 * HOUR, rng=np.random.default_rng(1))
    falls = [{t for t, room in zip(times, rooms, strict=True) if not room} for times, rooms in tapes]
    assert falls[0] & falls[1]


def test_nothing_can_be_fitted_to_a_market_that_never_moved() -> None:
    with pytest.raises(ValueError, match="twice"):
        fit(np.ones((2, 100), bool), [0, 0], tick_s=600.0)
