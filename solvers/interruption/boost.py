"""LightGBM with the signs that the field knows, stopped early on a later block of time."""

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from solvers.interruption.contract import V1_0, Floats, Matrix
from solvers.interruption.rows import Rows

MIN_TREES, MAX_TREES = 130, 200
"""At the rate below, 130 trees leave 0.1 % of the first step's error, 40 leave 13 %, which shows as scores drawn to the
middle: a later block of a few days would stop there now and then by chance. At the four origins of docs/model.md 130
rank better than 100 and have a smaller log loss; beyond 160 calibration gives way."""
PATIENCE = 40
"""Trees without a better log loss on the later block, after which growing stops."""
HIDDEN_SHARE = 0.2
"""Share of rows of training in which a group of features is hidden, so that the model knows what to do without."""
HIDDEN_GROUPS = (("sibling_",), ("elsewhere_",), ("hour", "weekday"), ("accelerators",))
_EXPLAINS = (
    "tree_sizes=", "split_gain=", "leaf_weight=", "leaf_count=", "internal_value=", "internal_weight=",
    "internal_count=",
)  # fmt: skip
CALENDAR = ("hour", "weekday")
CALENDAR_WITH = ("age_h", "availability_to_date")
"""A few weeks of days are few: the calendar may act together with these alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosting:
    """How trees are grown. ``depth`` bounds both size and time of scoring."""

    learning_rate: float = 0.05
    depth: int = 6
    min_rows: int = 200
    ridge: float = 20.0
    row_share: float = 0.5
    column_share: float = 0.4
    seed: int = 1

    def parameters(self) -> dict[str, object]:
        """In LightGBM's words; one thread and fixed order, so that the same rows give the same trees."""
        calendar = [V1_0.index(name) for name in CALENDAR]
        rest = [at for at in range(len(V1_0.features)) if at not in calendar]
        return {
            "objective": "binary", "learning_rate": self.learning_rate, "max_depth": self.depth,
            "num_leaves": 1 << self.depth, "min_data_in_leaf": self.min_rows, "lambda_l2": self.ridge,
            "bagging_fraction": self.row_share, "bagging_freq": 1, "feature_fraction": self.column_share,
            "monotone_constraints": [int(feature.sign) for feature in V1_0.features],
            "interaction_constraints": [rest, calendar + [V1_0.index(name) for name in CALENDAR_WITH]],
            "seed": self.seed, "deterministic": True, "force_row_wise": True, "num_threads": 1, "verbosity": -1,
        }  # fmt: skip


def hide(values: Matrix, *, seed: int) -> Matrix:
    """The same rows with each group of features that may be missing hidden in a fifth of them."""
    random = np.random.default_rng(seed)
    out = values.copy()
    for group in HIDDEN_GROUPS:
        columns = [at for at, name in enumerate(V1_0.names) if name.startswith(group)]
        rows = np.flatnonzero(random.random(len(values)) < HIDDEN_SHARE)
        out[rows[:, None], columns] = np.nan
    return out


def grow(rows: Rows, *, trees: int, boosting: Boosting) -> lgb.Booster:
    """Grow so many trees."""
    return lgb.train(boosting.parameters(), _dataset(rows, boosting), num_boost_round=trees)


def trees_wanted(rows: Rows, later: Rows, *, boosting: Boosting) -> int:
    """Number of trees after which the log loss on a later block of time is best, within bounds."""
    train = _dataset(rows, boosting)
    judge = lgb.Dataset(later.values, later.label, feature_name=list(V1_0.names), reference=train)
    stop = lgb.early_stopping(PATIENCE, verbose=False)
    booster = lgb.train(
        boosting.parameters(), train, num_boost_round=MAX_TREES, valid_sets=[judge], callbacks=[stop]
    )  # fmt: skip
    return int(np.clip(booster.best_iteration, MIN_TREES, MAX_TREES))


def margins(booster: lgb.Booster, values: Matrix) -> Floats:
    """Raw scores (log odds) by LightGBM itself; for serving there is `solvers.interruption.forest`."""
    return np.asarray(booster.predict(values, raw_score=True, num_threads=1), dtype=np.float64)


def slim(text: str) -> str:
    """LightGBM's text without what only explains training; it still loads in LightGBM."""
    trees, end, _ = text.partition("end of trees")
    return "\n".join(line for line in trees.splitlines() if not line.startswith(_EXPLAINS)) + f"\n{end}\n"


def _dataset(rows: Rows, boosting: Boosting) -> lgb.Dataset:
    return lgb.Dataset(hide(rows.values, seed=boosting.seed), rows.label, feature_name=list(V1_0.names))
