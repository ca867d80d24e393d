"""Markets that never were: pools that come and go with fitted durations, and bursts that take several at once.

Each pool alternates between up and down; both last as long as a Weibull distribution says. Bursts come to each group of
pools (of one zone, or of one type over zones) as a Poisson process; each takes every pool of its group that is up with
one probability. Fitted by moments: durations by mean and coefficient of variation, bursts by how often pools of a group
go down within the same window of time, beyond what chance would do.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.replay.market import PLENTY, SECONDS_PER_H

Steps = tuple[tuple[float, ...], tuple[int, ...]]

TOGETHER_S = 900.0
"""Drops of two pools within as long belong together: the recordings of 2023 repeat each probe for 10.6 minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """How long something lasts, by a Weibull distribution: with a ``shape`` below 1 what has lasted goes on lasting."""

    mean_h: float
    shape: float = 1.0

    def __post_init__(self) -> None:
        if not self.mean_h > 0 or not 0.2 <= self.shape <= 10:
            raise ValueError("mean_h must be above 0 and shape within 0.2..10")

    def draw(self, rng: np.random.Generator, number: int) -> NDArray[np.float64]:
        """Durations in seconds."""
        scale = self.mean_h * SECONDS_PER_H / math.gamma(1 + 1 / self.shape)
        drawn: NDArray[np.float64] = scale * rng.weibull(self.shape, number)
        return np.maximum(drawn, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bursts:
    """Co-interruption: bursts per hour and group, and the probability (0..1) that one takes a pool of the group."""

    per_h: float = 0.0
    share: float = 0.5

    def __post_init__(self) -> None:
        if self.per_h < 0 or not 0 <= self.share <= 1:
            raise ValueError("per_h must not be negative and share within 0..1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """A kind of market. ``capacity`` is that of a pool that is up, by default without end."""

    up: Spans
    down: Spans
    bursts: Bursts = Bursts()
    capacity: int = PLENTY

    @property
    def failures_per_h(self) -> float:
        """How often a pool that is up goes down, by itself and in bursts."""
        return 1 / self.up.mean_h + self.bursts.per_h * self.bursts.share

    def tapes(self, groups: Sequence[int], *, horizon_s: float, rng: np.random.Generator) -> list[Steps]:
        """Times and capacities of each pool; ``groups`` says which burst group each belongs to."""
        shocks = {group: self._shocks(horizon_s, rng) for group in sorted(set(groups))}
        return [self._tape(shocks[group], horizon_s=horizon_s, rng=rng) for group in groups]

    def _shocks(self, horizon_s: float, rng: np.random.Generator) -> NDArray[np.float64]:
        number = rng.poisson(self.bursts.per_h * horizon_s / SECONDS_PER_H)
        return np.sort(rng.uniform(0.0, horizon_s, number))

    def _tape(self, shocks: NDArray[np.float64], *, horizon_s: float, rng: np.random.Generator) -> Steps:
        hits = shocks[rng.random(shocks.size) < self.bursts.share]
        up = bool(rng.random() < self.up.mean_h / (self.up.mean_h + self.down.mean_h))
        number = 8 + int(4 * horizon_s / SECONDS_PER_H / (self.up.mean_h + self.down.mean_h))
        spans = {True: iter(self.up.draw(rng, number)), False: iter(self.down.draw(rng, number))}
        times, capacity, now = [0.0], [self.capacity if up else 0], 0.0
        while now < horizon_s:
            end = now + _next(spans[up], self.up if up else self.down, rng)
            after = hits[np.searchsorted(hits, now, side="right") :]
            if up and after.size and after[0] < end:
                end = float(after[0])
            now, up = end, not up
            times.append(now)
            capacity.append(self.capacity if up else 0)
        return tuple(times), tuple(capacity)


def fit(up: NDArray[np.bool_], groups: Sequence[int], *, tick_s: float) -> Generator:
    """The kind of market that a recording, (pools, ticks), comes from.

    Raises
    ------
    ValueError
        When no pool of it ever went down and came back: there is nothing to fit.
    """
    spans = [_spans(row) for row in up]
    lasted = [np.concatenate([each[state] for each in spans]) * tick_s / SECONDS_PER_H for state in (True, False)]
    if min(each.size for each in lasted) < 2:
        raise ValueError("pools must go down and come back at least twice for a market to be fitted to them")
    return Generator(up=_weibull(lasted[0]), down=_weibull(lasted[1]), bursts=_bursts(up, groups, tick_s=tick_s))


def _next(spans: object, of: Spans, rng: np.random.Generator) -> float:
    drawn = next(spans, None)  # type: ignore[call-overload]
    return float(of.draw(rng, 1)[0]) if drawn is None else float(drawn)


def _spans(row: NDArray[np.bool_]) -> dict[bool, NDArray[np.float64]]:
    """Ticks of whole spans up and down; the first and the last are cut off by the recording and left out."""
    edges = np.flatnonzero(np.diff(row)) + 1
    lengths, states = np.diff(edges), row[edges[:-1]] if edges.size else row[:0]
    return {state: lengths[states == state].astype(np.float64) for state in (True, False)}


def _weibull(hours: NDArray[np.float64]) -> Spans:
    """By moments; the shape by the approximation of Justus et al. (1978), (deviation / mean) ** -1.086."""
    mean, deviation = float(hours.mean()), float(hours.std())
    shape = (deviation / mean) ** -1.086 if deviation > 0 else 10.0
    return Spans(mean_h=mean, shape=min(10.0, max(0.2, shape)))


def _bursts(up: NDArray[np.bool_], groups: Sequence[int], *, tick_s: float) -> Bursts:
    """Windows in which pools of a group went down: how many, and what share of those that were up."""
    width = max(1, round(TOGETHER_S / tick_s))
    drop = np.zeros_like(up)
    drop[:, 1:] = up[:, :-1] & ~up[:, 1:]
    windows = up.shape[1] // width
    together, exposed, taken = 0, 0, 0
    for group in set(groups):
        rows = [at for at, each in enumerate(groups) if each == group]
        if len(rows) < 2:
            continue
        fell = np.asarray(drop[rows, : windows * width].reshape(len(rows), windows, width).any(axis=2))
        was_up = up[rows, : windows * width : width]
        many = fell.sum(axis=0) >= 2
        chance = _by_chance(fell)
        share_real = max(0.0, 1 - chance / max(1, many.sum()))
        together += round(float(many.sum()) * share_real)
        exposed += int(was_up[:, many].sum())
        taken += int(fell[:, many].sum())
    hours = windows * width * tick_s / SECONDS_PER_H * max(1, len(set(groups)))
    return Bursts(per_h=together / hours, share=min(1.0, taken / exposed) if exposed else 0.5)


def _by_chance(fell: NDArray[np.bool_]) -> float:
    """Windows with two or more drops if pools fell independently."""
    rate = fell.mean(axis=1)
    none = float(np.prod(1 - rate))
    one = float(sum(r * none / (1 - r) for r in rate if r < 1))
    return float(fell.shape[1] * (1 - none - one))
