"""What the model is compared with, each fitted on the rows that come before those judged."""

from collections.abc import Callable

import numpy as np
from sklearn.isotonic import IsotonicRegression  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]

from solvers.interruption.contract import V1_0, Floats, Matrix
from solvers.interruption.rows import Rows

SHRINK_ROWS = 10.0
"""Rows by which the rate of a pool is drawn towards that of all."""
LOGISTIC_C = 0.1
_AGES = ("age_h", "since_drop_h")
_HAZARDS = tuple(name for name in V1_0.names if "hazard" in name)


def global_rate(train: Rows, test: Rows) -> Floats:
    """The same for every row."""
    return np.full(len(test), train.label.mean())


def pool_rate(train: Rows, test: Rows) -> Floats:
    """The rate of the pool so far."""
    size = int(max(train.pool.max(initial=0), test.pool.max(initial=0))) + 1
    number, hits = np.bincount(train.pool, minlength=size), np.bincount(train.pool, train.label, minlength=size)
    rate: Floats = (hits + SHRINK_ROWS * train.label.mean()) / (number + SHRINK_ROWS)
    return rate[test.pool]


def age_only(train: Rows, test: Rows) -> Floats:
    """The rate by time since the pool came up, falling."""
    age = V1_0.index("age_h")
    fitted = IsotonicRegression(increasing=False, out_of_bounds="clip").fit(train.values[:, age], train.label)
    return np.asarray(fitted.predict(test.values[:, age]), dtype=np.float64)


def logistic(train: Rows, test: Rows) -> Floats:
    """Logistic regression on all features that are known, ages and hazards as logarithms, day and week as waves."""
    inputs, later = _inputs(train.values), _inputs(test.values)
    known = ~np.isnan(inputs).all(axis=0)
    middle = np.nanmean(inputs[:, known], axis=0)
    filled = [np.where(np.isnan(each[:, known]), middle, each[:, known]) for each in (inputs, later)]
    fitted = make_pipeline(StandardScaler(), LogisticRegression(C=LOGISTIC_C, max_iter=2_000))
    fitted.fit(filled[0], train.label)
    return np.asarray(fitted.predict_proba(filled[1])[:, 1], dtype=np.float64)


BASELINES: dict[str, Callable[[Rows, Rows], Floats]] = {
    "global rate": global_rate,
    "zone rate": pool_rate,
    "age only": age_only,
    "logistic regression": logistic,
}


def _inputs(values: Matrix) -> Floats:
    out = values.astype(np.float64)
    for name in (*_AGES, *_HAZARDS):
        column = V1_0.index(name)
        out[:, column] = np.log(out[:, column] + 0.05)
    hour = values[:, V1_0.index("hour")] / 24 * 2 * np.pi
    week = values[:, V1_0.index("weekday")] / 7 * 2 * np.pi
    waves = [np.sin(hour), np.cos(hour), np.sin(week), np.cos(week)]
    rest = np.delete(out, [V1_0.index("hour"), V1_0.index("weekday")], axis=1)
    return np.concatenate([rest, np.stack(waves, axis=1)], axis=1)
