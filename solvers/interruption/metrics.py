"""How good predictions are, with intervals by bootstrap over days."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from solvers.interruption.contract import Floats
from solvers.interruption.rows import Ints

BINS = 10
"""Bins of equal width over 0..1 for the calibration error, as in its usual definition."""
CLIP = 1e-6
RESAMPLES = 300
CONFIDENCE = 0.9


def auc(label: Floats, score: Floats) -> float:
    """Probability that a row with a drop scores above one without, ties counting half; NaN for one class alone."""
    positive = int(label.sum())
    negative = label.size - positive
    if not positive or not negative:
        return float("nan")
    _, group, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - (count - 1) / 2
    return float((rank[group][label > 0].sum() - positive * (positive + 1) / 2) / (positive * negative))


def average_precision(label: Floats, score: Floats) -> float:
    """Mean precision over the drops, from the highest score down; ties share one threshold."""
    if not label.sum():
        return float("nan")
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(label[order])
    last = np.append(np.diff(score[order]) != 0, True)
    precision = hits[last] / (np.flatnonzero(last) + 1)
    recall = hits[last] / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def brier(label: Floats, probability: Floats) -> float:
    """Mean squared error of the probability."""
    return float(np.mean((probability - label) ** 2))


def log_loss(label: Floats, probability: Floats) -> float:
    """Mean negative log likelihood; probabilities are kept a millionth away from 0 and 1."""
    p = np.clip(probability, CLIP, 1 - CLIP)
    return float(-np.mean(label * np.log(p) + (1 - label) * np.log1p(-p)))


def calibration_error(label: Floats, probability: Floats) -> float:
    """Expected calibration error: mean distance of rate and prediction over ten bins of equal width, by their rows."""
    at = np.minimum((probability * BINS).astype(int), BINS - 1)
    return float(np.abs(np.bincount(at, probability - label, BINS)).sum() / label.size)


def calibration_error_by_count(label: Floats, probability: Floats) -> float:
    """The same over ten bins that hold as many rows each."""
    order = np.argsort(probability, kind="stable")
    gaps = (probability - label)[order]
    return float(sum(abs(part.sum()) for part in np.array_split(gaps, BINS)) / label.size)


METRICS: dict[str, Callable[[Floats, Floats], float]] = {
    "auc": auc,
    "average_precision": average_precision,
    "brier": brier,
    "log_loss": log_loss,
    "calibration_error": calibration_error,
    "calibration_error_by_count": calibration_error_by_count,
}
HIGHER_IS_BETTER = frozenset({"auc", "average_precision"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure with the interval that 90 % of the resamples fall into."""

    value: float
    low: float
    high: float


def figures(label: Floats, probability: Floats, *, day: Ints, seed: int = 0) -> dict[str, Figure]:
    """All metrics, with intervals by drawing days with replacement."""
    point = {name: metric(label, probability) for name, metric in METRICS.items()}
    draws: dict[str, list[float]] = {name: [] for name in METRICS}
    for rows in day_resamples(day, number=RESAMPLES, seed=seed):
        for name, metric in METRICS.items():
            draws[name].append(metric(label[rows], probability[rows]))
    return {name: _figure(value, draws[name]) for name, value in point.items()}


def day_resamples(day: Ints, *, number: int, seed: int) -> list[Ints]:
    """Rows of as many days as there are, drawn with replacement, ``number`` times."""
    random = np.random.default_rng(seed)
    by_day = [np.flatnonzero(day == each) for each in np.unique(day)]
    picks = random.integers(len(by_day), size=(number, len(by_day)))
    return [np.concatenate([by_day[i] for i in pick]) for pick in picks]


def _figure(value: float, draws: list[float]) -> Figure:
    known = np.array([draw for draw in draws if not np.isnan(draw)])
    if not known.size:
        return Figure(value=value, low=float("nan"), high=float("nan"))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return Figure(value=value, low=float(low), high=float(high))
