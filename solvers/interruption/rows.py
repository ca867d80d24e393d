"""Rows of features with their labels, cut out of histories: what models are trained and judged on."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.interruption.contract import V1_0, Floats, Mask, Matrix
from solvers.interruption.features import features
from solvers.interruption.history import History
from solvers.interruption.labels import horizon_ticks, labels

Ints = NDArray[np.int64]

DECISION_S = 42 * 60.0
"""Seconds between decisions that are judged: the recorded series repeat each probe for up to 10.6 min."""
TRAINING_S = 600.0
"""Seconds between rows of training: one per probe."""
WARM_UP_H = 24.0
"""Rows of training begin here: before it, what is known to date is hardly anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows: features (n, features), label 0 or 1, and where each comes from.

    ``pool`` counts the pools of all histories; ``tick`` and ``day`` are of the row's own history, days of 24 h from its
    first tick on. ``history`` counts the histories.
    """

    values: Matrix
    label: Floats
    pool: Ints
    tick: Ints
    day: Ints
    history: Ints

    def __len__(self) -> int:
        """Number of rows."""
        return self.label.size

    def where(self, mask: Mask) -> "Rows":
        """Some of the rows."""
        return Rows(
            values=self.values[mask], label=self.label[mask], pool=self.pool[mask], tick=self.tick[mask],
            day=self.day[mask], history=self.history[mask],
        )  # fmt: skip

    @property
    def day_of_history(self) -> Ints:
        """One number per history and day."""
        return self.history * (int(self.day.max(initial=0)) + 1) + self.day


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A history with its features computed once; rows of any horizon are then cut out of it."""

    history: History
    values: Matrix

    @classmethod
    def of(cls, history: History) -> "Table":
        """Compute the features."""
        return cls(history=history, values=features(history))

    def rows(self, horizon_h: float, *, first: int = 0, last: int | None = None, every_s: float = DECISION_S) -> Rows:
        """Rows of pools that are up, one per ``every_s``, at ticks from ``first`` on and before ``last``."""
        history = self.history
        end = history.ticks if last is None else min(last, history.ticks)
        step = max(1, round(every_s / history.tick_s))
        ticks = np.arange(first, max(first, end), step)
        label = labels(history, horizon_h)[:, ticks]
        pool, at = np.nonzero(~np.isnan(label))
        return Rows(
            values=self.values[pool, ticks[at]],
            label=label[pool, at],
            pool=pool.astype(np.int64),
            tick=ticks[at],
            day=ticks[at] // history.ticks_of(24.0),
            history=np.zeros(pool.size, dtype=np.int64),
        )

    def purged(self, tick: int, horizon_h: float) -> int:
        """The last tick, excluded, of training rows whose labels end before ``tick``."""
        return max(0, tick - horizon_ticks(self.history, horizon_h))

    @property
    def warm(self) -> int:
        """First tick of training."""
        return self.history.ticks_of(WARM_UP_H)


def joined(parts: Iterable[Rows]) -> Rows:
    """Rows of several histories as one, pools and histories counted on."""
    found = list(parts)
    if not found:
        none = np.empty(0, dtype=np.int64)
        values = np.empty((0, len(V1_0.features)), dtype=np.float32)
        return Rows(values=values, label=np.empty(0), pool=none, tick=none, day=none, history=none)
    pools = np.cumsum([0] + [int(part.pool.max(initial=-1)) + 1 for part in found])
    return Rows(
        values=np.concatenate([part.values for part in found]),
        label=np.concatenate([part.label for part in found]),
        pool=np.concatenate([part.pool + pools[i] for i, part in enumerate(found)]),
        tick=np.concatenate([part.tick for part in found]),
        day=np.concatenate([part.day for part in found]),
        history=np.concatenate([np.full(len(part), i) for i, part in enumerate(found)]),
    )
