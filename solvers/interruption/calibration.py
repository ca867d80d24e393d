"""From the sum of the trees to a probability with its interval, by a table."""

from dataclasses import dataclass

import numpy as np

from solvers.interruption.contract import Floats
from solvers.interruption.kernel import look_up

MARGIN_LIMIT = 8.0
"""Sums are log odds; beyond these 0.03 % or 99.97 % nothing can be told apart."""
KNOTS = 129


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationTable:
    """Probability and interval at evenly spaced raw scores from -8 to 8; straight lines in between."""

    method: str
    probability: Floats
    low: Floats
    high: Floats

    def __post_init__(self) -> None:
        for name in ("probability", "low", "high"):
            values = getattr(self, name)
            if values.shape != (KNOTS,):
                raise ValueError(f"{name} must have {KNOTS} knots, not {values.size}")
            if not ((values >= 0) & (values <= 1)).all():
                raise ValueError(f"{name} must be within 0..1")
            if (np.diff(values) < 0).any():
                raise ValueError(f"{name} must not fall: a higher score is a higher risk")
        if (self.low > self.probability).any() or (self.high < self.probability).any():
            raise ValueError("the probability must lie within its interval")

    def apply(self, margin: Floats, out: Floats) -> None:
        """Write probability, low and high of each raw score into the columns of ``out`` (n, 3)."""
        look_up(margin, MARGIN_LIMIT, np.stack([self.probability, self.low, self.high], axis=1), out)
