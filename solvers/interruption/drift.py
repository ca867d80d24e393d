"""Whether the world has moved away from a model: features against training, predictions against what happened."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from solvers.interruption.contract import Contract, Floats, Mask, Matrix

BINS = 10
LEAST_ROWS = 50
"""Rows below which a stability index says more about chance than about drift."""
LEAST_SHARE = 1e-3
"""An empty bin counts as holding so much: the index would be infinite otherwise."""
BUCKETS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Edges of predicted probability; most pools lie at the low end."""
SURE = 1e-6
"""Log loss takes no probability for more certain than this."""

Reference = Mapping[str, Mapping[str, Sequence[float]]]


def reference_of(rows: Matrix, contract: Contract) -> dict[str, dict[str, list[float]]]:
    """Tenths of each feature among rows of training: edges, and the share of rows in each bin, missing ones last."""
    found = {}
    for name, column in zip(contract.names, rows.T, strict=True):
        known = column[~np.isnan(column)].astype(np.float64)
        inner = np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]) if known.size else np.zeros(0)
        # As the text keeps it: edges and shares that are read back must be those that were counted.
        edges = sorted({float(f"{edge:.6g}") for edge in inner})
        found[name] = {"edges": edges, "shares": [round(share, 6) for share in _shares(column, edges).tolist()]}
    return found


def check_reference(reference: object) -> None:
    """Check what a model brings as its reference, before anything is compared with it.

    Raises
    ------
    ValueError
        When it is not as `reference_of` makes it: by feature, edges that rise and shares of their bins.
    """
    if not isinstance(reference, Mapping):
        raise ValueError("reference must be a JSON object")
    for name, known in reference.items():
        if not isinstance(known, Mapping):
            raise ValueError(f"reference of {name} must be a JSON object")
        edges, shares = (np.array(known[part], dtype=np.float64) for part in ("edges", "shares"))
        if edges.ndim != 1 or shares.shape != (edges.size + 2,):
            raise ValueError(f"reference of {name} must have two shares more than edges")
        if not (np.isfinite(edges).all() and (np.diff(edges) > 0).all() and ((shares >= 0) & (shares <= 1)).all()):
            raise ValueError(f"reference of {name} must have edges that rise, and shares within 0..1")


def stability(reference: Reference, rows: Matrix, contract: Contract) -> dict[str, float]:
    """Population stability index by feature: 0 is as in training; above 0.25 is commonly called drifted.

    Empty when there are too few rows, or nothing to compare with.
    """
    if len(rows) < LEAST_ROWS:
        return {}
    columns = dict(zip(contract.names, rows.T, strict=True))
    return {
        name: round(_index(np.array(known["shares"]), _shares(columns[name], known["edges"])), 4)
        for name, known in reference.items()
        if name in columns
    }


def _shares(column: Matrix, edges: Sequence[float]) -> Floats:
    """Share of rows in each bin, missing ones last."""
    missing = np.isnan(column)
    place = np.where(missing, len(edges) + 1, np.searchsorted(np.array(edges, dtype=np.float64), column, side="left"))
    return np.bincount(place, minlength=len(edges) + 2) / max(1, column.size)


def _index(then: Floats, now: Floats) -> float:
    then, now = np.maximum(then, LEAST_SHARE), np.maximum(now, LEAST_SHARE)
    return float(((now - then) * np.log(now / then)).sum())


def outcome_of(predicted: Floats, happened: Mask) -> dict[str, Any]:
    """Realised against predicted: sums that add up over rounds."""
    seen = happened.astype(np.float64)
    sure = np.clip(predicted, SURE, 1 - SURE)
    place = np.clip(np.searchsorted(np.array(BUCKETS[1:-1]), predicted, side="right"), 0, len(BUCKETS) - 2)
    size = len(BUCKETS) - 1
    return {
        "pools": int(predicted.size),
        "drops": int(happened.sum()),
        "log_loss_sum": float(-(seen * np.log(sure) + (1 - seen) * np.log1p(-sure)).sum()),
        "squared_error_sum": float(((seen - predicted) ** 2).sum()),
        "bucket_pools": np.bincount(place, minlength=size).tolist(),
        "bucket_predicted_sum": np.bincount(place, predicted, minlength=size).tolist(),
        "bucket_drops": np.bincount(place, seen, minlength=size).tolist(),
    }


def judged(outcomes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What rounds together say: losses per pool, and predicted against realised by bucket of probability."""
    rounds = list(outcomes)
    pools = sum(int(each["pools"]) for each in rounds)
    drops = sum(int(each["drops"]) for each in rounds)

    def added(name: str) -> Floats:
        return np.sum([each[name] for each in rounds], axis=0) if rounds else np.zeros(len(BUCKETS) - 1)

    numbers, predicted, happened = added("bucket_pools"), added("bucket_predicted_sum"), added("bucket_drops")
    buckets = [
        {
            "from": low, "to": high, "pools": int(number),
            "predicted": float(mean / number) if number else None, "realised": float(seen / number) if number else None,
        }
        for (low, high), number, mean, seen in zip(pairwise(BUCKETS), numbers, predicted, happened, strict=True)
    ]  # fmt: skip
    rate = drops / pools if pools else None
    return {
        "rounds": len(rounds),
        "pools": pools,
        "drops": drops,
        "log_loss": _per(sum(each["log_loss_sum"] for each in rounds), pools),
        "brier": _per(sum(each["squared_error_sum"] for each in rounds), pools),
        "log_loss_of_the_mean": None if rate is None else _entropy(rate),
        "buckets": buckets,
    }


def _per(total: float, pools: int) -> float | None:
    return total / pools if pools else None


def _entropy(rate: float) -> float:
    """Log loss of always saying the realised rate: what a model must beat."""
    sure = min(max(rate, SURE), 1 - SURE)
    return float(-(rate * np.log(sure) + (1 - rate) * np.log1p(-sure)))
