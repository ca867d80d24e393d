"""Tapes and prices as recorded: a window of what was seen, for each replication another one."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.replay.market import PLENTY

Counts = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of a recording: its first tick and how many follow, round the end to the beginning where it must."""

    first: int
    ticks: int

    def of(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Its ticks of a series (or of rows of series)."""
        return np.take(values, np.arange(self.first, self.first + self.ticks), axis=-1, mode="wrap")


def window(recorded: int, wanted: int, *, seed: int, replication: int) -> Window:
    """Where a replication begins in a recording; the first replication begins where the recording does.

    The recording is taken to repeat itself: a window that runs over its end goes on at its beginning. Windows of
    different replications overlap, so their results are not independent where replications outnumber the recording.
    """
    first = 0 if replication == 0 else int(np.random.default_rng((seed, replication)).integers(recorded))
    return Window(first=first, ticks=wanted)


def capacity_steps(counts: Counts, *, tick_s: float, most: int) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Times and capacities of a tape from instances seen at each tick.

    Parameters
    ----------
    counts
        Instances that could be had; ``most`` of them or more mean that nobody has seen the end of it.
    """
    room = np.where(counts >= most, PLENTY, np.floor(counts)).astype(np.int64)
    at = np.flatnonzero(np.diff(room, prepend=room[0] - 1))
    return tuple((at * tick_s).tolist()), tuple(room[at].tolist())


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Seconds of a recording that are played: from ``begin_s`` on, after ``last_s`` again from ``first_s``."""

    first_s: float
    last_s: float
    begin_s: float

    def __post_init__(self) -> None:
        if not self.first_s <= self.begin_s < self.last_s:
            raise ValueError("first_s <= begin_s < last_s must hold")

    def prices(
        self, times_s: Sequence[float], values: Sequence[float], *, horizon_s: float
    ) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Times and prices up to a horizon, of prices that hold from each of some times of the recording on."""
        found: list[tuple[float, float]] = []
        begin_s, played_s = self.begin_s, 0.0
        while played_s < horizon_s:
            first, last = bisect_right(times_s, begin_s), bisect_left(times_s, self.last_s)
            found.append((played_s, values[max(0, first - 1)]))
            found += [(played_s + times_s[at] - begin_s, values[at]) for at in range(first, last)]
            played_s += self.last_s - begin_s
            begin_s = self.first_s
        kept = [(at, price) for at, price in found if at < horizon_s]
        return tuple(at for at, _ in kept), tuple(price for _, price in kept)
