"""Whether one model predicts better than another: a test that stays valid however often it is looked at.

Each round both models say how likely the same pools are to be lost within the horizon, and then it is seen. A round's
difference is the mean over its pools of the control's squared error less the variant's. Two gamblers start with a
capital of 1: one bets each round that the difference will be above 0, the other that it will be below. If the variant
is no better, the first can expect no gain at any bet, whatever happened before, so its capital is above ``1 / rate``
at any time at all with a probability of at most ``rate`` (Ville's inequality). Nobody has to fix the number of rounds.

Notes
-----
A test by betting (Waudby-Smith and Ramdas, 2024; Shafer, 2021), chosen over a likelihood ratio because it asks just
what is to be decided, whose losses are smaller, and believes neither model. Squared errors, because they are a proper
score and bounded: a difference cannot exceed what both predictions allow, which is known when the bet is made. The
stake is a mixture of fixed shares of that bound, so none has to be guessed. Pools of one round may all fall together:
the round is one bet. Rounds must not overlap, so that each is over before the next is bet on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from solvers.interruption.contract import Floats, Mask

STAKES = np.geomspace(0.02, 0.95, 12)
"""Shares of the largest possible loss of a round that are staked; at 1 one lost round would end the game."""


class Finding(StrEnum):
    """What the rounds so far allow to say of the variant."""

    OPEN = "open"
    BETTER = "better"
    WORSE = "worse"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedRound:
    """Mean difference of squared errors over a round's pools, and the most that it could have been either way."""

    difference: float
    bound: float
    pools: int


def paired_round(control: Floats, variant: Floats, happened: Mask) -> PairedRound:
    """Compare two predictions (n,) of the same pools with what happened."""
    if not control.size:
        return PairedRound(difference=0.0, bound=0.0, pools=0)
    seen = happened.astype(np.float64)
    apart, together = variant - control, variant + control
    bound = np.abs(apart) * np.maximum(2.0 - together, together)
    difference = (seen - control) ** 2 - (seen - variant) ** 2
    return PairedRound(difference=float(difference.mean()), bound=float(bound.mean()), pools=int(control.size))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wealth:
    """What both gamblers own after some rounds. Logarithms of the capital by stake; ``most_*`` is the highest mean yet.

    ``difference_sum`` is over rounds: above 0 the variant's errors were smaller.
    """

    rounds: int = 0
    pools: int = 0
    difference_sum: float = 0.0
    better: tuple[float, ...] = (0.0,) * len(STAKES)
    worse: tuple[float, ...] = (0.0,) * len(STAKES)
    most_better: float = 1.0
    most_worse: float = 1.0

    def after(self, played: PairedRound) -> "Wealth":
        """The capital after one more round; a round in which both said the same changes nothing."""
        share = float(np.clip(played.difference / played.bound, -1.0, 1.0)) if played.bound > 0 else 0.0
        better = np.array(self.better) + np.log1p(STAKES * share)
        worse = np.array(self.worse) + np.log1p(-STAKES * share)
        return Wealth(
            rounds=self.rounds + 1,
            pools=self.pools + played.pools,
            difference_sum=self.difference_sum + played.difference,
            better=tuple(better.tolist()),
            worse=tuple(worse.tolist()),
            most_better=max(self.most_better, capital(better)),
            most_worse=max(self.most_worse, capital(worse)),
        )

    def finding(self, false_rate: float) -> Finding:
        """What may be said with a probability of at most ``false_rate`` of saying it wrongly, ever."""
        if self.most_better >= 1.0 / false_rate:
            return Finding.BETTER
        return Finding.WORSE if self.most_worse >= 1.0 / false_rate else Finding.OPEN

    @property
    def mean_difference(self) -> float:
        """Mean of the rounds' differences; above 0 the variant's errors were smaller."""
        return self.difference_sum / self.rounds if self.rounds else 0.0

    def to_json(self) -> dict[str, object]:
        """JSON values; `of_json` reads them."""
        return {name: _plain(getattr(self, name)) for name in self.__slots__}

    @classmethod
    def of_json(cls, values: Mapping[str, object]) -> "Wealth":
        """Read what `to_json` wrote; nothing stands for no round yet."""
        found = {name: values[name] for name in cls.__slots__ if name in values}
        return cls(**{name: tuple(v) if isinstance(v, list) else v for name, v in found.items()})  # type: ignore[arg-type]


def capital(log_capital: Floats) -> float:
    """Mean capital over the stakes."""
    with np.errstate(over="ignore"):  # beyond all doubt is still beyond all doubt
        return float(min(np.exp(log_capital).mean(), np.finfo(np.float64).max))


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
