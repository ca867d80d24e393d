"""Training: out-of-time fits for the number of trees and the calibrator, then one fit on everything.

Each recording is cut at the same shares of its length. A fold grows trees on what lies before its cut, less the
horizon, and predicts the block behind it; early stopping looks at a still later part of what lies before. The
calibrator is fitted to those predictions, which no tree of theirs has seen, so the final trees may grow on all rows.

The horizons are independent: `train` hands them to ``run``, which may be `map` or anything that maps elsewhere. So are
the folds of a horizon (`fit_fold`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from domain.errors import InputError
from solvers.interruption.boost import Boosting, grow, margins, slim, trees_wanted
from solvers.interruption.calibrate import Scored, calibrate, losses
from solvers.interruption.calibration import CalibrationTable
from solvers.interruption.contract import V1_0
from solvers.interruption.drift import reference_of
from solvers.interruption.forest import parse_forest
from solvers.interruption.model import Head
from solvers.interruption.model_file import format_model
from solvers.interruption.prior import Prior
from solvers.interruption.rows import DECISION_S, TRAINING_S, Rows, Table, joined

CUTS = (0.4, 0.52, 0.64, 0.76, 0.88, 1.0)
"""Shares of each recording where blocks of predictions begin and the last one ends."""
EARLY_STOPPING_SHARE = 0.2
"""Share of the time before a cut that judges when to stop."""
MIN_ROWS = 1_000
MIN_DROPS = 50
_PER_HISTORY = 10_000
"""Room for numbers of blocks: each recording counts its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldTask:
    """Trees grown on what lies before ``cut``, judged on what lies between ``cut`` and ``end`` (shares of time)."""

    tables: tuple[Table, ...]
    horizon_h: int
    cut: float
    end: float
    boosting: Boosting


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Number of trees that early stopping chose, and the predictions of the block behind the cut."""

    horizon_h: int
    trees: int
    scored: Scored


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonTask:
    """All that is to be learnt for one horizon."""

    tables: tuple[Table, ...]
    horizon_h: int
    boosting: Boosting


Run: TypeAlias = Callable[[Callable[["HorizonTask"], "Fitted"], Sequence[HorizonTask]], Iterable["Fitted"]]
"""Maps a function over tasks, here or elsewhere, keeping their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What was learnt for one horizon. ``text`` is LightGBM's; ``scored`` are the predictions that calibration used."""

    horizon_h: int
    text: str
    trees: int
    table: CalibrationTable
    scored: Scored

    @property
    def head(self) -> Head:
        """Ready to score."""
        forest = parse_forest(self.text, contract=V1_0, of=f"horizon {self.horizon_h} h")
        return Head(horizon_h=self.horizon_h, forest=forest, table=self.table)


def train(tables: Sequence[Table], *, prior: Prior, boosting: Boosting | None = None, run: Run = map) -> str:
    """Train on all rows of these histories; the text of the model file.

    Raises
    ------
    InputError
        When there is too little to learn from.
    """
    grown, histories = boosting or Boosting(), tuple(tables)
    tasks = [HorizonTask(tables=histories, horizon_h=hours, boosting=grown) for hours in V1_0.horizons_h]
    fitted = list(run(fit_horizon, tasks))
    return format_model(
        {each.horizon_h: each.text for each in fitted},
        {each.horizon_h: each.table for each in fitted},
        contract=V1_0,
        families=sorted({pool.family for table in histories for pool in table.history.pools}),
        prior=prior,
        about={
            "recordings": [_recording(table) for table in histories],
            "horizons": {str(each.horizon_h): _told(each) for each in fitted},
            "cuts": list(CUTS),
            "boosting": asdict(grown),
            "reference": reference(histories),
        },
    )


def fit_horizon(task: HorizonTask) -> Fitted:
    """Folds, number of trees, calibration, final trees of one horizon."""
    _check_enough(task.tables, task.horizon_h)
    folds = [
        fit_fold(FoldTask(tables=task.tables, horizon_h=task.horizon_h, cut=cut, end=end, boosting=task.boosting))
        for cut, end in pairwise(CUTS)
    ]
    trees = int(np.median([fold.trees for fold in folds]))
    scored = pooled([fold.scored for fold in folds])
    booster = grow(_training(task.tables, task.horizon_h, share=1.0), trees=trees, boosting=task.boosting)
    return Fitted(
        horizon_h=task.horizon_h,
        text=slim(str(booster.model_to_string())),
        trees=trees,
        table=calibrate(scored, seed=task.boosting.seed),
        scored=scored,
    )


def fit_fold(task: FoldTask) -> Fold:
    """Grow before the cut, predict the block behind it."""
    before = _training(task.tables, task.horizon_h, share=task.cut)
    early = _training(task.tables, task.horizon_h, share=task.cut * (1 - EARLY_STOPPING_SHARE))
    later = _block(task.tables, task.horizon_h, first=task.cut * (1 - EARLY_STOPPING_SHARE), last=task.cut, purge=True)
    trees = trees_wanted(early, later, boosting=task.boosting)
    booster = grow(before, trees=trees, boosting=task.boosting)
    judged = _block(task.tables, task.horizon_h, first=task.cut, last=task.end, purge=False)
    scored = Scored(
        margin=margins(booster, judged.values),
        label=judged.label,
        day=judged.day_of_history,
        block=judged.history * _PER_HISTORY + round(task.cut * _PER_HISTORY / 10),
    )
    return Fold(horizon_h=task.horizon_h, trees=trees, scored=scored)


def pooled(parts: Sequence[Scored]) -> Scored:
    """Predictions of several blocks as one."""
    return Scored(
        margin=np.concatenate([part.margin for part in parts]),
        label=np.concatenate([part.label for part in parts]),
        day=np.concatenate([part.day for part in parts]),
        block=np.concatenate([part.block for part in parts]),
    )


def reference(tables: Sequence[Table]) -> dict[str, dict[str, list[float]]]:
    """What features were like in training, for whoever watches for drift: rows of all pools that are up."""
    return reference_of(_training(tables, min(V1_0.horizons_h), share=1.0).values, V1_0)


def training_rows(table: Table, horizon_h: float, *, before: int) -> Rows:
    """Rows of training that are over before a tick, horizon included."""
    return table.rows(horizon_h, first=table.warm, last=table.purged(before, horizon_h), every_s=TRAINING_S)


def _training(tables: Sequence[Table], horizon_h: float, *, share: float) -> Rows:
    return joined(training_rows(table, horizon_h, before=_tick(table, share)) for table in tables)


def _block(tables: Sequence[Table], horizon_h: float, *, first: float, last: float, purge: bool) -> Rows:
    ends = [table.purged(_tick(table, last), horizon_h) if purge else _tick(table, last) for table in tables]
    return joined(
        table.rows(horizon_h, first=max(table.warm, _tick(table, first)), last=end, every_s=DECISION_S)
        for table, end in zip(tables, ends, strict=True)
    )


def _tick(table: Table, share: float) -> int:
    return round(table.history.ticks * share)


def _check_enough(tables: Sequence[Table], horizon_h: int) -> None:
    rows = _training(tables, horizon_h, share=1.0)
    if len(rows) < MIN_ROWS or not MIN_DROPS <= rows.label.sum() <= len(rows) - MIN_DROPS:
        raise InputError(
            "traces", "", f"hold {len(rows)} rows with {int(rows.label.sum())} drops; "
            f"at least {MIN_ROWS} rows with {MIN_DROPS} of either outcome are needed",
        )  # fmt: skip


def _recording(table: Table) -> dict[str, object]:
    history = table.history
    return {
        "name": history.name,
        "ticks": history.ticks,
        "tick_s": history.tick_s,
        "pools": [str(pool) for pool in history.pools],
        "start": history.start.isoformat() if history.start else None,
    }


def _told(fitted: Fitted) -> dict[str, object]:
    """What the model card tells of a horizon."""
    return {
        "trees": fitted.trees,
        "calibration": fitted.table.method,
        "calibration_log_loss": _rounded(losses(fitted.scored)),
        "calibration_rows": fitted.scored.label.size,
        "calibration_rate": round(float(fitted.scored.label.mean()), 5),
    }


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 5) for name, value in values.items()}
