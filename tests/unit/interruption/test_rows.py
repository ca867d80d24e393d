"""Labels and rows: what is predicted, from where on, and the purge between training and test."""

import numpy as np

from adapters.traces.model_text import read_model_text
from solvers.interruption.labels import horizon_ticks, labels
from solvers.interruption.model import score_rows
from solvers.interruption.model_file import MAX_BYTES, parse_model
from solvers.interruption.rows import Table, joined
from tests.unit.interruption.make import flicker, history


def test_the_label_is_a_drop_at_any_tick_of_the_horizon() -> None:
    made = history([1, 1, 0, 1, 1, 1, 1, 1, 1, 1])
    assert labels(made, 1 / 3)[0].tolist()[:2] == [1, 1]
    assert labels(made, 1 / 3)[0].tolist()[3:8] == [0, 0, 0, 0, 0]


def test_there_is_no_label_while_down_or_where_the_recording_ends_within_the_horizon() -> None:
    found = labels(history([1, 0, 1, 1, 0, 1]), 1 / 3)[0]
    assert np.isnan(found[[1, 4, 5]]).all()
    # The drop is seen, but a row that would be dropped without it may not be kept because of it.
    assert not np.isnan(found[3])
    assert np.isnan(labels(history([1, 1, 1, 1, 0]), 1 / 3)[0, 3])


def test_there_is_no_label_where_a_tick_of_the_horizon_was_not_recorded() -> None:
    known = np.array([[True] * 4 + [False] + [True] * 5])
    found = labels(history([1, 1, 1, 1, 1, 1, 1, 0, 1, 1], known=known), 1 / 3)[0]
    assert np.isnan(found).tolist() == [False, False, True, True, True, False, False, True, True, True]
    assert found[[0, 1, 5, 6]].tolist() == [0, 0, 1, 1]


def test_cutting_the_future_away_changes_no_score() -> None:
    made, model = history(flicker(400)), parse_model(read_model_text(most_bytes=MAX_BYTES)[0], of="the carried model")
    whole = Table.of(made)
    for cut in (150, 251, 399):
        known = Table.of(made.until(cut)).values[:, -1]
        np.testing.assert_array_equal(
            score_rows(model, known).probability, score_rows(model, whole.values[:, cut - 1]).probability
        )


def test_a_horizon_is_cut_to_whole_ticks() -> None:
    assert horizon_ticks(history([1, 1], tick_s=195.0), 1) == 18
    assert horizon_ticks(history([1, 1], tick_s=3600.0), 0.5) == 1


def test_rows_are_decisions_42_minutes_apart_from_the_tick_asked_for() -> None:
    table = Table.of(history(np.ones((1, 100)), tick_s=195.0))
    assert table.rows(1, first=7).tick.tolist()[:3] == [7, 20, 33]


def test_training_ends_a_horizon_before_the_test_begins() -> None:
    made = history(flicker(300))
    table = Table.of(made)
    cut = 200
    train = table.rows(4, last=table.purged(cut, 4), every_s=600)
    assert train.tick.max() + horizon_ticks(made, 4) < cut
    changed = np.concatenate([made.up[:, :cut], ~made.up[:, cut:]], axis=1)
    again = Table.of(history(changed)).rows(4, last=table.purged(cut, 4), every_s=600)
    np.testing.assert_array_equal(train.label, again.label)
    np.testing.assert_array_equal(train.values, again.values)


def test_rows_of_several_histories_keep_their_pools_and_days_apart() -> None:
    rows = Table.of(history(flicker(300))).rows(1)
    both = joined([rows, rows])
    assert len(both) == 2 * len(rows)
    assert np.unique(both.pool).size == 2 * np.unique(rows.pool).size
    assert np.unique(both.day_of_history).size == 2 * np.unique(rows.day).size
    assert len(joined([])) == 0
