"""The model as a value, and the pure function that scores pools with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from domain.errors import InputError
from solvers.interruption.calibration import CalibrationTable
from solvers.interruption.contract import Contract, Floats, Mask, Matrix
from solvers.interruption.forest import Forest
from solvers.interruption.history import SeenPool
from solvers.interruption.prior import Prior

SAMPLE_ROWS = 512
MIN_SEEN_H = 6.0
"""Hours of being watched below which a pool's features say too little, and the prior speaks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What answers for one horizon: trees, and the table from their sum to a probability."""

    horizon_h: int
    forest: Forest
    table: CalibrationTable


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskModel:
    """A trained model.

    Parameters
    ----------
    heads
        One per horizon of the contract, in its order.
    families
        Instance families of the recordings that the trees grew on; of others the prior speaks.
    about
        What the model card tells: data, figures, settings. JSON values.
    """

    contract: Contract
    heads: tuple[Head, ...]
    families: frozenset[str]
    prior: Prior
    about: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        horizons = tuple(head.horizon_h for head in self.heads)
        if horizons != self.contract.horizons_h:
            raise ValueError(f"the model answers for {horizons} h, contract v{self.contract.version} "
                             f"asks for {self.contract.horizons_h} h")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Probabilities 0..1 of losing a pool within each horizon, with the ends of their 90 % intervals, (n, horizons).

    ``by_prior`` marks the pools that the prior spoke of.
    """

    probability: Floats
    low: Floats
    high: Floats
    by_prior: Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the prior needs: per pool its bucket (``None`` when the advisor is silent), drops seen, and up-hours."""

    bucket: Sequence[int | None]
    drops: Floats
    up_h: Floats


def score_rows(model: RiskModel, rows: Matrix) -> Scores:
    """Scores of rows that keep the contract, whatever their family. A longer horizon is never less risky."""
    told = np.empty((len(model.heads), len(rows), 3))
    for at, head in enumerate(model.heads):
        head.table.apply(head.forest.margins(rows), told[at])
        if at:
            np.maximum(told[at], told[at - 1], out=told[at])
    return Scores(
        probability=told[:, :, 0].T, low=told[:, :, 1].T, high=told[:, :, 2].T, by_prior=np.zeros(len(rows), dtype=bool)
    )


def score_pools(model: RiskModel, pools: Sequence[SeenPool], rows: Matrix, *, evidence: Evidence) -> Scores:
    """Scores of pools: by trees where they know the family and the pool was watched long enough, else by the prior.

    Raises
    ------
    InputError
        When rows break the contract, or there is not one row and one piece of evidence for each pool.
    """
    if not len(pools) == len(rows) == len(evidence.bucket) == evidence.drops.size == evidence.up_h.size:
        raise InputError("features", "", f"and evidence must have one row for each of the {len(pools)} pools")
    model.contract.check_rows(rows)
    scores = score_rows(model, rows)
    known = np.array([pool.family in model.families for pool in pools], dtype=bool)
    prior = ~(known & (evidence.up_h >= MIN_SEEN_H))
    told = prior_scores(model, pools, evidence)
    return Scores(
        probability=np.where(prior[:, None], told.probability, scores.probability),
        low=np.where(prior[:, None], told.low, scores.low),
        high=np.where(prior[:, None], told.high, scores.high),
        by_prior=prior,
    )


def prior_scores(model: RiskModel, pools: Sequence[SeenPool], evidence: Evidence) -> Scores:
    """Scores by the prior alone: for pools never seen, and for all of them when the trees break their contract."""
    prior = model.prior
    mean = np.array(
        [
            prior.mean_per_h(bucket=bucket, family=pool.family, region=pool.region)
            for pool, bucket in zip(pools, evidence.bucket, strict=True)
        ],
        dtype=np.float64,
    )
    horizons = model.contract.horizons_h
    told = prior.predict(mean, drops=evidence.drops, up_h=evidence.up_h, horizons_h=horizons)
    return Scores(
        probability=told[:, :, 0], low=told[:, :, 1], high=told[:, :, 2], by_prior=np.ones(len(pools), dtype=bool)
    )


def check_model(model: RiskModel, *, of: str) -> None:
    """Score rows spread over all ranges of the contract, with missing values, and check what comes out.

    Raises
    ------
    InputError
        When an output is no probability, or more of a feature lowers a risk that the contract says it raises.
    """
    rows = sample_rows(model.contract)
    model.contract.check_rows(rows, of=of)
    scores = score_rows(model, rows)
    for output in (scores.probability, scores.low, scores.high):
        model.contract.check_output(output, of=of)
    for at, feature in enumerate(model.contract.features):
        if feature.sign:
            _check_sign(model, rows, at, of=of)


def sample_rows(contract: Contract) -> Matrix:
    """Rows that keep the contract: spread over the ranges, most near the low end, some missing."""
    random = np.random.default_rng(0)
    low = np.array([feature.low for feature in contract.features])
    high = np.array([feature.high for feature in contract.features])
    rows = low + (high - low) * random.random((SAMPLE_ROWS, low.size)) ** 3
    missing = np.array([feature.missing for feature in contract.features])
    rows[(random.random(rows.shape) < 0.2) & missing] = np.nan
    return np.asarray(rows, dtype=np.float32)


def _check_sign(model: RiskModel, rows: Matrix, at: int, *, of: str) -> None:
    feature = model.contract.features[at]
    ends = []
    for end in (feature.low, feature.high):
        moved = rows.copy()
        moved[:, at] = end
        ends.append(score_rows(model, moved).probability)
    if ((ends[1] - ends[0]) * feature.sign < -1e-6).any():
        word = "lower" if feature.sign > 0 else "raise"
        raise InputError(of, feature.name, f"must not {word} the risk as it grows, but does")
