"""From raw scores to probabilities with intervals, on predictions of times that the trees had not seen.

The calibrator is chosen among none, beta and isotonic by the log loss on blocks of time left out in turn. The interval
holds 90 % of the calibrators that are fitted to one block of a few days each, its days drawn with replacement: the rate
behind a score drifts more from week to week than many rows of one week can tell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.isotonic import IsotonicRegression  # type: ignore[import-untyped]

from solvers.interruption.calibration import KNOTS, MARGIN_LIMIT, CalibrationTable
from solvers.interruption.contract import Floats, Mask
from solvers.interruption.metrics import CONFIDENCE, day_resamples, log_loss
from solvers.interruption.rows import Ints

LEAST, MOST = 1e-4, 1 - 1e-4
"""No recording is long enough for probabilities beyond."""
RESAMPLES = 200
RIDGE, LOOSE_RIDGE = 1000.0, 5.0
"""Pull of beta calibration towards leaving scores as they are, in rows. Rows of one day say much the same, so a few
thousand of them may not bend the scores far; for intervals they may, since those shall show how far blocks pull."""

Calibrator = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Raw scores (log odds) with labels, days and the block of time that each was predicted in."""

    margin: Floats
    label: Floats
    day: Ints
    block: Ints


def calibrate(scored: Scored, *, seed: int) -> CalibrationTable:
    """Choose, fit, and tell how sure it is."""
    method = min(FITS, key=lambda name: _loss_left_out(FITS[name], scored))
    knots = np.linspace(-MARGIN_LIMIT, MARGIN_LIMIT, KNOTS)
    point = _rising(FITS[method](scored.margin, scored.label)(knots))
    fit = _isotonic if method == "isotonic" else _loose_beta
    draws = [
        _rising(fit(scored.margin[rows], scored.label[rows])(knots)) for rows in _block_resamples(scored, seed=seed)
    ]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
    return CalibrationTable(
        method=method, probability=point, low=np.minimum(low, point), high=np.maximum(high, point)
    )  # fmt: skip


def losses(scored: Scored) -> dict[str, float]:
    """Log loss of each calibrator on blocks of time left out in turn."""
    return {name: _loss_left_out(fit, scored) for name, fit in FITS.items()}


def _block_resamples(scored: Scored, *, seed: int) -> list[Ints]:
    """Rows of one block of time at a time, its days drawn with replacement."""
    found: list[Ints] = []
    blocks = np.unique(scored.block)
    for block in blocks:
        rows = np.flatnonzero(scored.block == block)
        draws = day_resamples(scored.day[rows], number=-(-RESAMPLES // blocks.size), seed=seed)
        found += [rows[draw] for draw in draws]
    return found


def _loss_left_out(fit: Callable[[Floats, Floats], Calibrator], scored: Scored) -> float:
    blocks: Sequence[int] = np.unique(scored.block).tolist()
    if len(blocks) < 2:
        return log_loss(scored.label, fit(scored.margin, scored.label)(scored.margin))
    total = 0.0
    for block in blocks:
        out = scored.block == block
        told = fit(scored.margin[~out], scored.label[~out])(scored.margin[out])
        total += log_loss(scored.label[out], told) * int(out.sum())
    return total / scored.label.size


def _rising(probability: Floats) -> Floats:
    return np.maximum.accumulate(np.clip(probability, LEAST, MOST))


def _none(margin: Floats, label: Floats) -> Calibrator:
    return _logistic


def _isotonic(margin: Floats, label: Floats) -> Calibrator:
    fitted = IsotonicRegression(y_min=LEAST, y_max=MOST, out_of_bounds="clip").fit(margin, label)

    def calibrator(scores: Floats) -> Floats:
        return np.asarray(fitted.predict(scores), dtype=np.float64)

    return calibrator


def _beta(margin: Floats, label: Floats) -> Calibrator:
    return _fit_beta(margin, label, ridge=RIDGE)


def _loose_beta(margin: Floats, label: Floats) -> Calibrator:
    return _fit_beta(margin, label, ridge=LOOSE_RIDGE)


def _fit_beta(margin: Floats, label: Floats, *, ridge: float) -> Calibrator:
    """Kull, Silva Filho and Flach (2017): log odds linear in ln p and -ln(1 - p), with slopes not below 0."""
    inputs = _beta_inputs(margin)
    free = np.array([True, True, True])
    weights = _newton(inputs, label, free, ridge=ridge)
    for slope in (0, 1):
        if weights[slope] < 0:
            free[slope] = False
            weights = _newton(inputs, label, free, ridge=ridge)
    return lambda scores: _logistic(_beta_inputs(scores) @ weights)


def _beta_inputs(margin: Floats) -> Floats:
    p = np.clip(_logistic(margin), LEAST, MOST)
    return np.stack([np.log(p), -np.log1p(-p), np.ones_like(p)], axis=1)


def _newton(inputs: Floats, label: Floats, free: Mask, *, ridge: float) -> Floats:
    weights, rest = np.array([1.0, 1.0, 0.0]) * free, np.array([1.0, 1.0, 0.0]) * free
    x = inputs[:, free]
    for _ in range(25):
        p = _logistic(inputs @ weights)
        gradient = x.T @ (p - label) + ridge * (weights - rest)[free]
        curvature = (x * (p * (1 - p))[:, None]).T @ x + ridge * np.eye(int(free.sum()))
        step = np.linalg.solve(curvature, gradient)
        weights[free] -= step
        if np.abs(step).max() < 1e-9:
            break
    return weights


def _logistic(margin: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-np.clip(margin, -30, 30)))


FITS: dict[str, Callable[[Floats, Floats], Calibrator]] = {"none": _none, "beta": _beta, "isotonic": _isotonic}
