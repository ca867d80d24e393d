"""Means with confidence intervals, and differences paired over replications, from rows that come one by one.

Every policy of a replication meets the same market, so differences are taken within replications: what the market did
to all of them cancels out. Intervals are those of Student's t at 95 %. Sums are kept, rows are not.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scipy.special import stdtrit  # type: ignore[import-untyped]

CONFIDENCE = 0.95
HEAD = ("replication", "policy", "hours", "clusters")
"""What a row is of; all else are figures. ``saving`` is added: the share of the baseline's cost that was saved."""

Row = Mapping[str, float | int | str]


@dataclass(slots=True)
class Running:
    """Mean and spread of numbers that come one by one (Welford 1962)."""

    number: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        """Take one in."""
        self.number += 1
        delta = value - self.mean
        self.mean += delta / self.number
        self.squares += delta * (value - self.mean)

    def half_width(self) -> float:
        """Half of the interval around the mean; endless with fewer than two."""
        if self.number < 2:
            return math.inf
        deviation = math.sqrt(max(0.0, self.squares) / (self.number - 1))
        quantile = float(stdtrit(self.number - 1, 0.5 + CONFIDENCE / 2))
        return quantile * deviation / math.sqrt(self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A mean with half of its interval, and the same of the paired difference to the baseline."""

    mean: float
    half_width: float
    difference: float
    difference_half_width: float

    @property
    def differs(self) -> bool:
        """Whether the interval of the difference leaves 0 out."""
        return abs(self.difference) > self.difference_half_width


@dataclass(slots=True)
class Comparison:
    """Collects rows, all policies of a replication together.

    Parameters
    ----------
    baseline
        The policy that differences and savings are taken against.
    """

    baseline: str
    replications: int = 0
    _values: dict[tuple[str, str], Running] = field(default_factory=dict)
    _differences: dict[tuple[str, str], Running] = field(default_factory=dict)

    def add(self, rows: Sequence[Row]) -> None:
        """The rows of one replication, one for each policy.

        Raises
        ------
        ValueError
            When the baseline is not among them.
        """
        base = next((row for row in rows if row["policy"] == self.baseline), None)
        if base is None:
            raise ValueError(f"the rows have none of the baseline {self.baseline}")
        self.replications += 1
        against = _figures(base, base)
        for row in rows:
            for name, value in _figures(row, base).items():
                key = (str(row["policy"]), name)
                self._values.setdefault(key, Running()).add(value)
                self._differences.setdefault(key, Running()).add(value - against[name])

    def policies(self) -> tuple[str, ...]:
        """Names of the policies, in the order of their rows."""
        return tuple(dict.fromkeys(policy for policy, _ in self._values))

    def measures(self) -> tuple[str, ...]:
        """Names of all figures, in the order of the rows."""
        return tuple(dict.fromkeys(measure for _, measure in self._values))

    def figure(self, policy: str, measure: str) -> Figure:
        """What came of a policy in one measure."""
        value, difference = self._values[policy, measure], self._differences[policy, measure]
        return Figure(
            mean=value.mean, half_width=value.half_width(), difference=difference.mean,
            difference_half_width=difference.half_width(),
        )  # fmt: skip


def _figures(row: Row, base: Row) -> dict[str, float]:
    figures = {name: float(value) for name, value in row.items() if name not in HEAD}
    cost, paid = float(row["cost_usd"]), float(base["cost_usd"])
    return {**figures, "saving": 1.0 - cost / paid if paid > 0 else 0.0}
