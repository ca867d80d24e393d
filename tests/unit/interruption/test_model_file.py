"""Model files: what is written is read again, and everything else is refused with the reason."""

import pickle
import re

import lightgbm as lgb
import numpy as np
import pytest

from domain.errors import InputError
from solvers.interruption.boost import Boosting, grow, hide, margins, slim
from solvers.interruption.contract import V1_0
from solvers.interruption.file_signs import FIRST_LINE
from solvers.interruption.forest import parse_forest
from solvers.interruption.model import sample_rows, score_rows
from solvers.interruption.model_file import MAX_BYTES, parse_model
from solvers.interruption.rows import Table
from tests.unit.interruption.make import flicker, forest_text, history, model_text, tree


def refused(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        parse_model(data, of="upload.txt")
    return str(caught.value)


def test_a_model_scores_as_its_trees_say() -> None:
    model = parse_model(model_text().encode(), of="m")
    rows = sample_rows(V1_0)
    rows[:2, V1_0.index("age_h")] = 1.0, 3.0
    scores = score_rows(model, rows[:2])
    np.testing.assert_allclose(scores.probability[:, 0], 1 / (1 + np.exp([1.0, 3.0])), atol=2e-3)
    assert (scores.low <= scores.probability).all()
    assert (scores.probability <= scores.high).all()


def test_the_forest_scores_as_lightgbm_does_with_missing_values_too() -> None:
    rows = Table.of(history(flicker(2_000))).rows(1, every_s=600)
    booster = grow(rows, trees=30, boosting=Boosting(min_rows=20))
    text = slim(booster.model_to_string())
    values = hide(rows.values, seed=5)
    ours = parse_forest(text, contract=V1_0, of="m").margins(values)
    np.testing.assert_allclose(ours, margins(booster, values), atol=1e-5)
    np.testing.assert_allclose(ours, margins(lgb.Booster(model_str=text), values), atol=1e-5)


def test_a_threshold_between_two_singles_parts_as_the_double_does() -> None:
    limit = 0.1  # no single-precision number; the nearest one lies above
    forest = parse_forest(forest_text(tree(limit=limit)), contract=V1_0, of="m")
    rows = sample_rows(V1_0)[:2]
    rows[:, V1_0.index("age_h")] = np.float32(0.1), np.nextafter(np.float32(0.1), np.float32(0))
    assert forest.margins(rows).tolist() == [-3.0, -1.0]


def test_one_tree_may_be_a_single_leaf() -> None:
    forest = parse_forest(forest_text("num_leaves=1\nnum_cat=0\nleaf_value=-2\n"), contract=V1_0, of="m")
    assert forest.margins(sample_rows(V1_0)[:3]).tolist() == [-2.0] * 3


def test_a_longer_horizon_is_never_less_risky() -> None:
    text = model_text()
    head, _, rest = text.rpartition("--- horizon 12 h")
    model = parse_model((head + "--- horizon 12 h" + rest.replace("-1.0 -3.0", "-6.0 -7.0")).encode(), of="m")
    probability = score_rows(model, sample_rows(V1_0)).probability
    assert (np.diff(probability, axis=1) >= 0).all()


def test_a_pickle_called_txt_is_refused() -> None:
    assert "is a pickle" in refused(pickle.dumps({"model": 1}))
    assert "is a pickle" in refused(pickle.dumps([1], protocol=2))


def test_an_old_pickle_of_plain_text_is_refused() -> None:
    assert "does not begin with" in refused(pickle.dumps({"model": 1}, protocol=0))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "does not begin"),
        (b"\x1f\x8b\x08", "is compressed"),
        (b"PK\x03\x04", "zip archive"),
        (b"tree\nversion=v4\n", "bare LightGBM model"),
        (b"\xff\xfe\x00", "does not begin"),
        (FIRST_LINE.encode() + b"\n\xff", "is no text"),
        (b"x" * (MAX_BYTES + 1), "is larger than 16 MiB"),
    ],
)
def test_what_is_no_model_is_refused_with_the_reason(data: bytes, said: str) -> None:
    assert said in refused(data)


@pytest.mark.parametrize(
    ("pattern", "instead", "said"),
    [
        ("age_h since_drop_h", "since_drop_h age_h", "since_drop_h: is column 0"),
        ("age_h since_drop_h", "moon_h since_drop_h", "age_h: is missing"),
        ('"contract": "1.0"', '"contract": "9.9"', "contract: is '9.9'"),
        (r"--- horizon 4 h", "--- horizon 5 h", "horizon 4 h: is missing"),
        (r"leaf_value=-1.0", "leaf_value=nan", "leaf_value: holds a number that is not finite"),
        (r"threshold=2.0", "threshold=nan", "threshold: holds a number that is not finite"),
        (r"leaf_value=-1.0", "leaf_value=os.system", "leaf_value: holds something that is no number"),
        (r"left_child=-1", "left_child=0", "left_child: and right_child are no tree"),
        (r"split_feature=0", "split_feature=999", "split_feature: names a feature beyond"),
        (r"num_leaves=2", "num_leaves=99999999", "num_leaves: is 99999999"),
        (r"num_leaves=2", "num_leaves=3", "decision_type: holds 1 numbers where 2 are due"),
        (r"decision_type=10", "decision_type=1", "decision_type: is 1"),
        (r"decision_type=10", "decision_type=4", "decision_type: is 4"),
        (r"is_linear=0", "is_linear=1", "is_linear: must be 0"),
        (r"num_cat=0", "num_cat=1", "num_cat: must be 0"),
        (r"objective=binary sigmoid:1", "objective=regression", "objective: is 'regression'"),
        (r"num_class=1", "num_class=3", "num_class: must be 1"),
        (r'"shape": 1.0', '"shape": -1.0', "shape of a prior must be above 0"),
        (r'"shape": 1.0', '"shape": NaN', "NaN is no number"),
        (r'"shape": 1.0', '"shape": [[[', "is no JSON"),
        (r'"probability": \[[0-9.]+', '"probability": [2.0', "must be within 0..1|must not fall"),
        (r'"low": \[', '"low": [0.1, ', "must have 129 knots"),
        (r'"families": \["p3"\]', '"families": 3', "families: must be a JSON list"),
    ],
)
def test_a_damaged_model_is_refused_and_the_field_named(pattern: str, instead: str, said: str) -> None:
    damaged, number = re.subn(pattern, instead, model_text())
    assert number
    assert re.search(said, refused(damaged.encode()))


def test_a_model_that_answers_against_the_field_is_refused() -> None:
    older_is_riskier = forest_text(tree(leaves=(-3.0, -1.0)))
    assert "age_h: must not raise the risk" in refused(model_text(older_is_riskier).encode())


def test_a_model_without_trees_is_refused() -> None:
    text = re.sub(r"\nTree=0\n.*?\nend of trees", "\nend of trees", model_text(), flags=re.DOTALL)
    assert "there are 0 trees" in refused(text.encode())
