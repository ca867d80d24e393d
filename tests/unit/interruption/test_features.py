"""Features: what they mean, that they keep the contract, and that they never look ahead."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.interruption.contract import V1_0
from solvers.interruption.features import drops, features
from solvers.interruption.history import History
from tests.unit.interruption.make import flicker, history, pool

TICK_S = 600.0


def column(made: History, name: str) -> np.ndarray:
    return features(made)[:, :, V1_0.index(name)]


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), at=st.integers(0, 199), priced=st.sampled_from(["priced", "unpriced"]))
def test_changing_the_future_changes_no_feature(seed: int, at: int, priced: str) -> None:
    up, other = flicker(200, seed=seed), flicker(200, seed=seed + 1)
    changed = np.concatenate([up[:, : at + 1], other[:, at + 1 :]], axis=1)
    price = np.random.default_rng(seed).uniform(0.5, 2.0, up.shape)
    future = np.concatenate([price[:, : at + 1], price[:, at + 1 :] * 3], axis=1)
    known = (price, future) if priced == "priced" else (None, None)
    before = features(history(up, price_usd_per_h=known[0]))
    after = features(history(changed, price_usd_per_h=known[1]))
    np.testing.assert_array_equal(before[:, : at + 1], after[:, : at + 1])


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), at=st.integers(1, 200))
def test_serving_computes_what_training_computed(seed: int, at: int) -> None:
    made = history(flicker(200, seed=seed))
    served = features(made.until(at), since=at - 1)[:, 0]
    np.testing.assert_array_equal(served, features(made)[:, at - 1])


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), tick_s=st.sampled_from([60.0, 195.0, 600.0, 3600.0]))
def test_features_keep_the_contract(seed: int, tick_s: float) -> None:
    values = features(history(flicker(150, seed=seed), tick_s=tick_s))
    V1_0.check_rows(values.reshape(-1, values.shape[-1]))


def test_a_pool_cut_out_with_its_type_keeps_its_features() -> None:
    up = flicker(300, pools=4)
    pools = (pool("us-east-1a"), pool("us-east-1b"), pool("us-west-2a"), pool("us-east-1a", "p2.xlarge"))
    together = features(History(name="all", pools=pools, up=up, tick_s=TICK_S))
    alone = features(History(name="type", pools=pools[:3], up=up[:3], tick_s=TICK_S))
    np.testing.assert_array_equal(together[:3], alone)


def test_age_counts_from_the_tick_before_which_the_pool_was_down() -> None:
    made = history([0, 0, 1, 1, 1, 0, 1])
    np.testing.assert_allclose(column(made, "age_h")[0] * 6, [0, 0, 1, 2, 3, 0, 1], rtol=1e-6)


def test_a_drop_is_a_tick_down_after_a_tick_up() -> None:
    assert drops(np.array([[0, 1, 0, 0, 1, 1, 0]], dtype=bool)).tolist() == [[0, 0, 1, 0, 0, 0, 1]]


def test_availability_is_over_the_window_that_ends_now() -> None:
    made = history([1] * 6 + [0] * 6)
    np.testing.assert_allclose(column(made, "availability_1h")[0, [5, 8, 11]], [1.0, 0.5, 0.0])
    np.testing.assert_allclose(column(made, "availability_to_date")[0, 11], 0.5)


def test_siblings_are_the_other_zones_of_the_region_and_elsewhere_is_the_rest() -> None:
    made = history([[1, 1], [1, 0], [0, 1]])
    assert column(made, "sibling_up")[:2].tolist() == [[1, 0], [1, 1]]
    assert np.isnan(column(made, "sibling_up")[2]).all()
    assert column(made, "elsewhere_up")[:, 1].tolist() == [1.0, 1.0, 0.5]


def test_the_season_remembers_the_same_hours_of_other_days() -> None:
    day = [1] * 72 + [0] * 36 + [1] * 36
    season = column(history(day * 5), "season_here")[0]
    noon, night = 4 * 144 + 80, 4 * 144 + 10
    assert season[noon] > 0.8
    assert season[night] < 0.1


def test_hour_and_weekday_are_missing_when_the_start_is_not_known() -> None:
    assert np.isnan(column(history([1, 1], start=None), "hour")).all()
    assert column(history([1] * 13), "hour")[0, 12] == pytest.approx(0.0)
    assert column(history([1] * 13), "weekday")[0, [0, 12]].tolist() == [2, 3]


def test_prices_are_told_against_their_own_past() -> None:
    made = history([[1] * 145], price_usd_per_h=np.array([[1.0] * 144 + [2.0]]))
    assert column(made, "price_change_24h")[0, 144] == pytest.approx(1.0)
    assert column(made, "price_level")[0, 144] == pytest.approx(2 / (146 / 145), rel=1e-6)
    assert np.isnan(column(made, "price_change_24h")[0, 143])


def test_a_history_of_odd_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="1 pools, but 2 rows"):
        History(name="odd", pools=(pool(),), up=np.ones((2, 3), dtype=bool), tick_s=TICK_S)
    with pytest.raises(ValueError, match="tick must last"):
        history([1, 1], tick_s=0.0)
