"""Judging predictions on rows that come later than all that was learnt."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from solvers.interruption.baselines import BASELINES
from solvers.interruption.contract import Floats
from solvers.interruption.metrics import BINS, Figure, auc, figures
from solvers.interruption.model import Head, RiskModel, score_rows
from solvers.interruption.rows import Rows, Table
from solvers.interruption.train import training_rows

MODEL = "model"
MIN_TRAINING_ROWS = 200
BAND_Z = 1.645
"""Standard deviations of the binomial noise that are added to an interval before a realised rate is held against it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """A tenth of the rows by prediction: mean prediction, realised rate, and mean interval."""

    predicted: float
    realised: float
    low: float
    high: float
    rows: int

    @property
    def covered(self) -> bool:
        """Whether the realised rate lies within the interval, widened by the noise of that many rows."""
        noise = BAND_Z * float(np.sqrt(max(self.predicted * (1 - self.predicted), 1e-9) / self.rows))
        return self.low - noise <= self.realised <= self.high + noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Figures of one recording and horizon: by predictor, and AUC by region and predictor.

    ``realised`` is the share of rows with a drop. ``bins`` are of the model.
    """

    name: str
    horizon_h: int
    rows: int
    realised: float
    days: int
    figures: Mapping[str, Mapping[str, Figure]]
    regions: Mapping[str, Mapping[str, float]]
    bins: tuple[Bin, ...]
    notes: tuple[str, ...] = ()

    @property
    def coverage(self) -> float:
        """Share of the tenths whose realised rate lies within its interval."""
        return float(np.mean([each.covered for each in self.bins])) if self.bins else float("nan")


def judge_model(table: Table, model: RiskModel, *, from_tick: int, name: str = "") -> list[Judged]:
    """Judge a model at each horizon on the rows from a tick on; baselines learn from what lies before."""
    notes = _overlap(table, model, from_tick)
    found = []
    for at, head in enumerate(model.heads):
        test = table.rows(head.horizon_h, first=from_tick)
        if not len(test):
            continue
        scores = score_rows(model, test.values)
        told = scores.probability[:, at], scores.low[:, at], scores.high[:, at]
        train = training_rows(table, head.horizon_h, before=from_tick)
        found.append(
            judge(
                table, test, told, train=train, horizon_h=head.horizon_h, name=name or table.history.name, notes=notes
            )
        )
    return found


def judge_head(table: Table, head: Head, test: Rows, *, train: Rows, name: str) -> Judged:
    """Judge one horizon of a model that an experiment has trained."""
    out = np.empty((len(test), 3))
    head.table.apply(head.forest.margins(test.values), out)
    return judge(table, test, (out[:, 0], out[:, 1], out[:, 2]), train=train, horizon_h=head.horizon_h, name=name)


def judge(
    table: Table,
    test: Rows,
    told: tuple[Floats, Floats, Floats],
    *,
    train: Rows,
    horizon_h: int,
    name: str,
    notes: tuple[str, ...] = (),
) -> Judged:
    """Compare predictions (probability, low, high) with the baselines on the same rows."""
    predictions = {MODEL: told[0]}
    if len(train) >= MIN_TRAINING_ROWS and 0 < train.label.sum() < len(train):
        predictions |= {key: baseline(train, test) for key, baseline in BASELINES.items()}
    else:
        notes += ("there is too little before the first judged tick to fit the baselines",)
    return Judged(
        name=name,
        horizon_h=horizon_h,
        rows=len(test),
        realised=float(test.label.mean()),
        days=np.unique(test.day).size,
        figures={key: figures(test.label, each, day=test.day) for key, each in predictions.items()},
        regions=_by_region(table, test, predictions),
        bins=bins(test.label, *told),
        notes=notes,
    )


def bins(label: Floats, probability: Floats, low: Floats, high: Floats) -> tuple[Bin, ...]:
    """Ten bins that hold as many rows each, by prediction."""
    parts = np.array_split(np.argsort(probability, kind="stable"), BINS)
    return tuple(
        Bin(
            predicted=float(probability[part].mean()), realised=float(label[part].mean()),
            low=float(low[part].mean()), high=float(high[part].mean()), rows=part.size,
        )
        for part in parts
        if part.size
    )  # fmt: skip


def _by_region(table: Table, test: Rows, predictions: Mapping[str, Floats]) -> dict[str, dict[str, float]]:
    regions = np.array([pool.region for pool in table.history.pools])[test.pool]
    return {
        str(region): {
            key: auc(test.label[regions == region], each[regions == region]) for key, each in predictions.items()
        }
        for region in np.unique(regions)
    }


def _overlap(table: Table, model: RiskModel, from_tick: int) -> tuple[str, ...]:
    """A warning when the model has seen ticks that it is judged on."""
    recordings = model.about.get("recordings", [])
    mine = table.history.name.rpartition("/")[2]
    for seen in recordings if isinstance(recordings, list) else []:
        if str(seen["name"]).rpartition("/")[2] == mine and int(seen["ticks"]) > from_tick:
            return (f"the model was trained on the first {seen['ticks']} ticks of {mine}: judge it from there on",)
    return ()
