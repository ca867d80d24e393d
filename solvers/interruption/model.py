"""The model as a value, and the pure function that scores pools with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from domain.errors import InputError
from domain.units import HOURS_PER_MONTH
from solvers.interruption.calibration import CalibrationTable
from solvers.interruption.contract import Contract, Floats, Mask, Matrix
from solvers.interruption.forest import Forest
from solvers.interruption.history import SeenPool
from solvers.interruption.prior import Prior

SAMPLE_ROWS = 512
MIN_SEEN_H = 6.0
"""Hours of being watched below which a pool's features say too little, and the prior speaks."""
MOST_TIMES = 4.0
"""How far trees may move the rate of a pool, so that two families of GPUs never speak louder than the advisor."""
LARGEST = 1 - 1e-9
"""Probabilities count as no larger where their rate is asked for: that of 1 is infinite."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A model made ready for certain pools: what does not change from one scoring to the next.

    ``mean_per_h`` is the prior's rate of each pool, ``known`` whether the trees know its family.
    """

    model: RiskModel
    mean_per_h: Floats
    known: Mask


def prepare(model: RiskModel, pools: Sequence[SeenPool], bucket: Sequence[int | None]) -> Prepared:
    """Look pools up once; ``bucket`` is the advisor's of each, ``None`` where it is silent."""
    prior = model.prior
    mean = [
        prior.mean_per_h(bucket=each, family=pool.family, region=pool.region)
        for pool, each in zip(pools, bucket, strict=True)
    ]
    return Prepared(
        model=model,
        mean_per_h=np.array(mean, dtype=np.float64),
        known=np.array([pool.family in model.families for pool in pools], dtype=bool),
    )


def score_pools(model: RiskModel, pools: Sequence[SeenPool], rows: Matrix, *, evidence: Evidence) -> Scores:
    """Scores of pools: by trees where they know the family and the pool was watched long enough, else by the prior.

    Raises
    ------
    InputError
        When rows break the contract, or there is not one row and one piece of evidence for each pool.
    """
    if len(pools) != len(evidence.bucket):
        raise InputError("features", "", f"and evidence must have one row for each of the {len(pools)} pools")
    return score_prepared(prepare(model, pools, evidence.bucket), rows, drops=evidence.drops, up_h=evidence.up_h)


def score_prepared(prepared: Prepared, rows: Matrix, *, drops: Floats, up_h: Floats) -> Scores:
    """The same for pools that were looked up before.

    Raises
    ------
    InputError
        As `score_pools`, and when the trees answer with something that is no probability.
    """
    model, number = prepared.model, prepared.mean_per_h.size
    if not number == len(rows) == drops.size == up_h.size:
        raise InputError("features", "", f"and evidence must have one row for each of the {number} pools")
    told = model.prior.predict(prepared.mean_per_h, drops=drops, up_h=up_h, horizons_h=model.contract.horizons_h)
    by_trees = prepared.known & (up_h >= MIN_SEEN_H)
    if by_trees.any():
        model.contract.check_rows(rows[by_trees])
        trees = score_rows(model, rows[by_trees])
        model.contract.check_output(trees.probability, of="the model")
        told[by_trees] = np.stack([trees.probability, trees.low, trees.high], axis=2)
    return _scores(told, by_prior=~by_trees)


def prior_scores(prepared: Prepared, *, drops: Floats, up_h: Floats) -> Scores:
    """Scores by the prior alone: for all pools when the trees break their contract."""
    horizons = prepared.model.contract.horizons_h
    told = prepared.model.prior.predict(prepared.mean_per_h, drops=drops, up_h=up_h, horizons_h=horizons)
    return _scores(told, by_prior=np.ones(drops.size, dtype=bool))


def loss_per_month(prepared: Prepared, scores: Scores, *, drops: Floats, up_h: Floats) -> Floats:
    """Probability, 0..1, that AWS takes a node of each pool within 730 h, as planning wants it.

    Notes
    -----
    Level and moment come from different sources. The prior, corrected by what was seen, speaks of interruptions; trees
    that grew on availability speak of pools running dry, which happens a hundred times as often, but rank moments well.
    So the prior's rate is multiplied by how far the trees' rate lies from their usual one, at most fourfold either way.
    """
    told = prepared.model.prior.predict(prepared.mean_per_h, drops=drops, up_h=up_h, horizons_h=(HOURS_PER_MONTH,))
    month: Floats = told[:, 0, 0]
    usual, by_trees = _usual_rate(prepared.model), ~scores.by_prior
    if usual is None or not by_trees.any():
        return month
    now = -np.log1p(-np.minimum(scores.probability[by_trees, 0], LARGEST))
    times = np.clip(now / usual, 1 / MOST_TIMES, MOST_TIMES)
    month[by_trees] = -np.expm1(times * np.log1p(-np.minimum(month[by_trees], LARGEST)))
    return month


def _usual_rate(model: RiskModel) -> float | None:
    """Drops within the first horizon that the model was calibrated on, as a rate."""
    horizons = model.about.get("horizons")
    told = horizons.get(str(model.contract.horizons_h[0])) if isinstance(horizons, Mapping) else None
    share = told.get("calibration_rate") if isinstance(told, Mapping) else None
    return float(-np.log1p(-share)) if isinstance(share, float) and 0 < share < 1 else None


def _scores(told: Floats, *, by_prior: Mask) -> Scores:
    return Scores(probability=told[:, :, 0], low=told[:, :, 1], high=told[:, :, 2], by_prior=by_prior)


def check_model(model: RiskModel, *, of: str) -> None:
    """Score rows spread over all ranges of the contract, with missing values, and check what comes out.

    Raises
    ------
    InputError
        When trees or prior answer with something that is no probability, or more of a feature lowers a risk that the
        contract says it raises.
    """
    _check_prior(model, of=of)
    rows = sample_rows(model.contract)
    model.contract.check_rows(rows, of=of)
    scores = score_rows(model, rows)
    for output in (scores.probability, scores.low, scores.high):
        model.contract.check_output(output, of=of)
    for at, feature in enumerate(model.contract.features):
        if feature.sign:
            _check_sign(model, rows, at, of=of)


def _check_prior(model: RiskModel, *, of: str) -> None:
    prior = model.prior
    families, regions = ("", *prior.family_per_h), ("", *prior.region_per_h)
    means = [
        prior.mean_per_h(bucket=bucket, family=family, region=region)
        for bucket in (None, *range(len(prior.bucket_per_h)))
        for family, region in (*((family, "") for family in families), *(("", region) for region in regions))
    ]
    seen = np.array([0.0, 1.0, 1e4])
    mean = np.repeat(np.array(means, dtype=np.float64), seen.size)
    evidence = np.tile(seen, len(means))
    with np.errstate(all="ignore"):  # what overflows is refused, by name
        told = prior.predict(mean, drops=evidence, up_h=evidence[::-1], horizons_h=model.contract.horizons_h)
    for output in range(told.shape[2]):
        model.contract.check_output(told[:, :, output], of=f"{of}, prior")


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
