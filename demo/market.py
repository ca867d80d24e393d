"""The market in motion: recorded prices and recorded ends of capacity, played faster, each pool from another point.

What is played is told in ``recorded.json``; prices move around the level of the carried catalogue.
"""

import zlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import orjson

from demo.aws.market import Market
from domain.market import Pool

RECORDED = Path(__file__).with_name("recorded.json")
MINUTES_PER_H = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """Whether a recorded pool had capacity: times of its changes in hours, up before the first, then in turn."""

    changes_h: tuple[float, ...]

    @property
    def runs(self) -> tuple[tuple[float, float], ...]:
        """Beginning and end of each time with capacity."""
        edges = (0.0, *self.changes_h)
        return tuple(zip(edges[::2], edges[1::2], strict=False))

    @property
    def length_h(self) -> float:
        """How long it runs before it begins anew."""
        return self.changes_h[-1]

    def is_up(self, at_h: float) -> bool:
        """Whether there was capacity at a time."""
        return bisect_right(self.changes_h, at_h % self.length_h) % 2 == 0


@cache
def tapes() -> tuple[Tape, ...]:
    """The recordings of capacity."""
    runs: list[list[int]] = _recorded()["availability"]
    return tuple(Tape(changes_h=tuple(minutes / MINUTES_PER_H for minutes in accumulate(one))) for one in runs)


class Capacity:
    """Which pools have room, pool by pool as recorded.

    Each pool begins somewhere in its recording before a drop: the first of them ``first_h`` (recorded hours) before,
    each next one ``next_h`` earlier, so that their capacity ends one after another.
    """

    def __init__(self, *, first_h: float, next_h: float) -> None:
        self._first_h, self._next_h = first_h, next_h
        self._known: dict[Pool, tuple[Tape, float]] = {}

    def is_up(self, pool: Pool, at_h: float) -> bool:
        """Whether a pool has room at a time (recorded hours since the start)."""
        if pool not in self._known:
            self._known[pool] = self._begin(pool, at_h)
        tape, start_h = self._known[pool]
        return tape.is_up(start_h + at_h)

    def _begin(self, pool: Pool, now_h: float) -> tuple[Tape, float]:
        """A tape, and what to add to the time to be where it begins."""
        lead_h = self._first_h + len(self._known) * self._next_h
        digest = zlib.crc32(str(pool).encode())
        tape = tapes()[digest % len(tapes())]
        drops = [drop for up, drop in tape.runs if drop - up > lead_h] or [max(tape.runs, key=_length)[1]]
        return tape, drops[digest % len(drops)] - lead_h - now_h


def prices(regions: Iterable[str], at_h: float) -> dict[str, Mapping[tuple[str, str], int]]:
    """Spot prices at a time (recorded hours since the start): the catalogue's, moved as recorded ones moved.

    Micro-USD by region, then by type and zone id, as `demo.aws.market.Market` wants them.
    """
    series: list[list[int]] = _recorded()["prices"]
    point, calm = at_h / float(_recorded()["hours_between_prices"]), Market()
    return {
        region: {key: _moved(price, series, key=key, point=point) for key, price in calm.spot(region).items()}
        for region in regions
    }


def _length(run: tuple[float, float]) -> float:
    return run[1] - run[0]


def _moved(price: int, series: list[list[int]], *, key: tuple[str, str], point: float) -> int:
    digest = zlib.crc32("/".join(key).encode())
    tape = series[digest % len(series)]
    place, share = divmod(point + digest // len(series) % len(tape), 1)
    here, there = tape[int(place) % len(tape)], tape[int(place + 1) % len(tape)]
    return max(1, round(price * (here + share * (there - here)) / 1000))


@cache
def _recorded() -> Any:
    return orjson.loads(RECORDED.read_bytes())
