"""The contract between whoever computes features and whoever scores them: names, units, ranges, horizons, output.

A model file names the version that it was trained for; a model of another version is refused. A change of meaning,
order, unit or range of any feature makes a new version.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from domain.errors import InputError

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
Mask = NDArray[np.bool_]

ROUNDING = 1e-4
"""Relative room at both ends of a range: features are stored in single precision."""


class Sign(IntEnum):
    """What more of a feature does to the risk, where the field knows; the model must agree."""

    LOWERS = -1
    UNKNOWN = 0
    RAISES = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One column. ``low`` and ``high`` are included; ``missing`` says whether NaN may stand for not known."""

    name: str
    unit: str
    low: float
    high: float
    sign: Sign
    missing: bool
    meaning: str

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"the range of {self.name} is empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """Input: one row of single-precision floats per pool, in this order. Output: a probability 0..1 per horizon.

    The probability is that of losing the pool at least once within the horizon, given that it is up now.
    """

    version: str
    features: tuple[Feature, ...]
    horizons_h: tuple[int, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns in order."""
        return tuple(feature.name for feature in self.features)

    def index(self, name: str) -> int:
        """Column of a feature."""
        return self.names.index(name)

    def check_names(self, names: Sequence[str], *, of: str) -> None:
        """Compare the columns that somebody has with those of the contract.

        Raises
        ------
        InputError
            Naming the first feature that is missing, unknown or out of place.
        """
        for missing in (name for name in self.names if name not in names):
            raise InputError(of, missing, f"is missing; contract v{self.version} needs it")
        for unknown in (name for name in names if name not in self.names):
            raise InputError(of, unknown, f"is not a feature of contract v{self.version}")
        for at, (have, want) in enumerate(zip(names, self.names, strict=False)):
            if have != want:
                raise InputError(of, have, f"is column {at}, where contract v{self.version} has {want}")
        if len(names) != len(self.names):
            raise InputError(of, "", f"has {len(names)} features, contract v{self.version} has {len(self.names)}")

    def check_rows(self, rows: Matrix, *, of: str = "features") -> None:
        """Check shape, ranges and missing values of rows before they are scored.

        Raises
        ------
        InputError
            Naming the first feature that breaks the contract, with its value.
        """
        if rows.ndim != 2 or rows.shape[1] != len(self.features):
            raise InputError(of, "", f"have shape {rows.shape}, contract v{self.version} needs (n, {len(self.names)})")
        for feature, column in zip(self.features, rows.T, strict=True):
            _check_column(feature, column, of)

    def check_output(self, probability: NDArray[np.floating], *, of: str) -> None:
        """Check that every output is a probability.

        Raises
        ------
        InputError
            When one is NaN, infinite or outside 0..1, or horizons are missing.
        """
        if probability.ndim != 2 or probability.shape[1] != len(self.horizons_h):
            raise InputError(of, "output", f"has shape {probability.shape}, not one column for {self.horizons_h} h")
        bad = ~((probability >= 0) & (probability <= 1))
        if bad.any():
            row, horizon = np.argwhere(bad)[0]
            value, hours = probability[row, horizon], self.horizons_h[horizon]
            raise InputError(of, "output", f"is {value} in row {row} at {hours} h; it must be within 0..1")


def _check_column(feature: Feature, column: Matrix, of: str) -> None:
    if not column.size:
        return
    if not feature.missing and np.isnan(column).any():
        raise InputError(of, feature.name, "is NaN; it may not be missing")
    room = ROUNDING * max(abs(feature.low), abs(feature.high))
    bad = (column < feature.low - room) | (column > feature.high + room)
    if bad.any():
        value, unit = column[bad][0], f" {feature.unit}" if feature.unit else ""
        raise InputError(of, feature.name, f"is {value:g}, outside {feature.low:g}..{feature.high:g}{unit}")


LONGEST_H = 10_000.0
"""Ages and silences are capped here: more than a year tells no more."""
HIGHEST_RATE = 60.0
"""Drops per up-hour: a recorder that ticks every minute sees no more."""
MOST_DROPS = 1_000.0


def _age(name: str, meaning: str) -> Feature:
    return Feature(
        name=name, unit="h", low=0, high=LONGEST_H, sign=Sign.LOWERS, missing=False, meaning=meaning
    )  # fmt: skip


def _share(name: str, meaning: str, *, missing: bool, sign: Sign = Sign.LOWERS) -> Feature:
    return Feature(name=name, unit="share", low=0, high=1, sign=sign, missing=missing, meaning=meaning)


def _drops(name: str, meaning: str, *, missing: bool) -> Feature:
    return Feature(
        name=name, unit="drops", low=0, high=MOST_DROPS, sign=Sign.RAISES, missing=missing, meaning=meaning
    )  # fmt: skip


def _hazard(name: str, meaning: str, *, missing: bool) -> Feature:
    return Feature(
        name=name, unit="1/h", low=0, high=HIGHEST_RATE, sign=Sign.RAISES, missing=missing, meaning=meaning
    )  # fmt: skip


def _others(prefix: str, who: str) -> tuple[Feature, ...]:
    """What is seen of other pools."""
    shares = (
        _share(f"{prefix}_availability_{hours}h", f"mean availability of {who} over {hours} h", missing=True)
        for hours in OTHERS_SHARE_H
    )
    counts = (
        _drops(f"{prefix}_drops_{hours}h", f"mean number of drops of {who} within {hours} h", missing=True)
        for hours in OTHERS_DROPS_H
    )
    return (
        _share(f"{prefix}_up", f"share of {who} that is up", missing=True),
        *shares,
        *counts,
        _hazard(f"{prefix}_hazard_{OTHERS_HAZARD_H}h", f"mean of hazard_{OTHERS_HAZARD_H}h of {who}", missing=True),
    )


SHARE_H = (1, 3, 6, 24, 72)
DROPS_H = (3, 6, 24)
HAZARD_H = (6, 24, 96)
OTHERS_SHARE_H = (1, 6, 24)
OTHERS_DROPS_H = (1, 6)
OTHERS_HAZARD_H = 24
_DAYS_BACK = "at this time of day, from 1 h before to 2 h after it, on up to 7 days before"

V1_0 = Contract(
    version="1.0",
    horizons_h=(1, 4, 12),
    features=(
        _age("age_h", "time since the pool came up; since recording began when it was up then"),
        _age("since_drop_h", "time since the pool last dropped; since recording began when it never did"),
        *(_share(f"availability_{h}h", f"share of the last {h} h that it was up", missing=False) for h in SHARE_H),
        _share("availability_to_date", "share of all time recorded that the pool was up", missing=False),
        *(_drops(f"drops_{h}h", f"drops of this pool within {h} h", missing=False) for h in DROPS_H),
        *(
            _hazard(f"hazard_{h}h", f"drops per up-hour, the past fading with a time constant of {h} h", missing=False)
            for h in HAZARD_H
        ),
        _hazard("hazard_to_date", "drops per up-hour over all time recorded", missing=False),
        *_others("sibling", "the same type in other zones of the region"),
        *_others("elsewhere", "the same type in other regions"),
        _share("season_here", f"share of time down {_DAYS_BACK}", missing=False, sign=Sign.RAISES),
        _share("season_region", "mean of season_here over the type in the region", missing=False, sign=Sign.RAISES),
        Feature(
            name="season_lift", unit="share", low=-1, high=1, sign=Sign.RAISES, missing=False,
            meaning="season_region less the share of time down at any time of day",
        ),
        Feature(
            name="hour", unit="h UTC", low=0, high=24, sign=Sign.UNKNOWN, missing=True, meaning="hour of the day",
        ),
        Feature(
            name="weekday", unit="day", low=0, high=6, sign=Sign.UNKNOWN, missing=True, meaning="0 is Monday (UTC)",
        ),
        Feature(
            name="price_level", unit="ratio", low=0, high=100, sign=Sign.RAISES, missing=True,
            meaning="Spot price over its mean to date in this pool",
        ),
        Feature(
            name="price_change_24h", unit="ratio", low=-1, high=100, sign=Sign.RAISES, missing=True,
            meaning="Spot price over that of 24 h ago, less 1",
        ),
        Feature(
            name="advisor_bucket", unit="bucket", low=0, high=4, sign=Sign.RAISES, missing=True,
            meaning="interruption bucket of the Spot advisor: 0 is below 5 % a month, 4 above 20 %",
        ),
        Feature(
            name="placement_score", unit="score", low=1, high=10, sign=Sign.LOWERS, missing=True,
            meaning="Spot placement score, where somebody asked for it",
        ),
        Feature(
            name="accelerators", unit="GPUs", low=0, high=64, sign=Sign.UNKNOWN, missing=True,
            meaning="GPUs of the instance type",
        ),
    ),
)  # fmt: skip
"""Contract v1.0."""
