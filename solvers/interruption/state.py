"""What features are computed from, taken in tick by tick: the same code for training, back-test and serving.

All that the contract looks back on is kept as counts of windows that slide, so a tick costs the same however long the
past is: thirty thousand pools take a few milliseconds. Pools look at each other by region and type.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

from solvers.interruption.contract import (
    DROPS_H,
    HAZARD_H,
    HIGHEST_RATE,
    LONGEST_H,
    MOST_DROPS,
    OTHERS_DROPS_H,
    OTHERS_HAZARD_H,
    OTHERS_SHARE_H,
    SHARE_H,
    V1_0,
    Floats,
    Mask,
    Matrix,
)
from solvers.interruption.history import SECONDS_PER_H, SeenPool

PRIOR_DROPS, PRIOR_UP_H = 0.5, 2.0
"""What fading hazards start from: the rate of a middling pool of the traces, as if seen for two hours."""
SEASON_DAYS = 7
SEASON_BEFORE_H, SEASON_AFTER_H = 1.0, 2.0
DAY_H = 24.0
HIGHEST_RATIO = 100.0
COUNTS_H = tuple(sorted({*DROPS_H, *OTHERS_DROPS_H}))
"""Windows in which drops are counted."""

_NAMES = V1_0.names
Columns = Iterator[tuple[str, Floats]]
_ARRAYS = (
    "up", "last_up", "last_down", "last_drop", "up_ticks", "drops", "shares", "counts", "season", "fading_drops",
    "fading_up_h", "price", "prices", "price_sum", "price_known",
)  # fmt: skip
"""State of each pool along the last axis: what is stored, and what is carried to another list of pools."""


class FeatureState:
    """Everything known of pools at the last tick.

    Parameters
    ----------
    pools
        One per column of the state.
    tick_s
        Seconds between ticks.
    start
        Time of the first tick (UTC); ``None`` leaves hour and weekday missing.
    """

    def __init__(self, pools: Sequence[SeenPool], *, tick_s: float, start: datetime | None) -> None:
        self.pools = tuple(pools)
        self.tick_s = tick_s
        self.start = start
        self.tick = -1
        n = len(self.pools)
        self._share_ticks = self._ticks(SHARE_H)
        self._count_ticks = self._ticks(COUNTS_H)
        self._day_ticks = self._ticks(tuple(DAY_H * day for day in range(1, SEASON_DAYS + 1)))
        (self._before,), (self._after,) = self._ticks((SEASON_BEFORE_H,)), self._ticks((SEASON_AFTER_H,))
        self._keep = np.exp(-self.tick_h / np.array(HAZARD_H, dtype=np.float64))[:, None]
        longest = int(max(self._share_ticks.max(), self._day_ticks.max() + self._before))
        self.up: Mask = np.zeros((longest + 2, n), dtype=bool)
        self.last_up: Mask = np.ones(n, dtype=bool)
        self.last_down, self.last_drop = np.full(n, -1, dtype=np.int64), np.full(n, -1, dtype=np.int64)
        self.up_ticks, self.drops = np.zeros(n), np.zeros(n)
        self.shares, self.counts = np.zeros((len(SHARE_H), n)), np.zeros((len(COUNTS_H), n))
        self.season = np.zeros((SEASON_DAYS, n))
        self.fading_drops, self.fading_up_h = np.zeros((len(HAZARD_H), n)), np.zeros((len(HAZARD_H), n))
        self.price: Floats = np.full(n, np.nan)
        self.prices: Floats = np.zeros((0, n))
        self.price_sum, self.price_known = np.zeros(n), np.zeros(n)
        self.placement_score: Floats | None = None
        self.advisor_bucket: Floats | None = None
        self._near, self._type = _groups(self.pools)
        gpus = [pool.accelerators if pool.accelerators >= 0 else np.nan for pool in self.pools]
        self._gpus = np.array(gpus, dtype=np.float64)

    @property
    def tick_h(self) -> float:
        """Hours between ticks."""
        return self.tick_s / SECONDS_PER_H

    @property
    def at(self) -> datetime | None:
        """Time of the last tick."""
        return None if self.start is None else self.start + timedelta(seconds=self.tick_s * max(0, self.tick))

    def step(self, up: Mask, *, price: Floats | None = None) -> None:
        """Take the next tick in: whether each pool gave capacity, and its Spot price in USD per hour (NaN: unknown)."""
        self.tick += 1
        t, first = self.tick, self.tick == 0
        drop = np.zeros_like(up) if first else self.last_up & ~up
        self.up[t % len(self.up)] = up
        self.shares += up
        self._slide(self.shares, t - self._share_ticks, self._was_up)
        self.counts += drop
        self._slide(self.counts, t - self._count_ticks, self._had_dropped)
        self._slide(self.season, t - self._day_ticks + self._after - 1, self._was_down, sign=1.0)
        self._slide(self.season, t - self._day_ticks - self._before - 1, self._was_down)
        self.last_down[~up] = t
        self.last_drop[drop] = t
        self.up_ticks += up
        self.drops += drop
        self.fading_drops *= self._keep
        self.fading_drops += drop
        self.fading_up_h *= self._keep
        self.fading_up_h += up * self.tick_h
        self.last_up = up.copy()
        if price is not None:
            self._take_price(price)

    def rows(self) -> Matrix:
        """Features by contract v1.0 at the last tick, (pools, features)."""
        out = np.empty((len(self.pools), len(_NAMES)), dtype=np.float32)
        columns = dict(self._columns())
        for at, name in enumerate(_NAMES):
            out[:, at] = columns[name]
        return out

    def packed(self) -> dict[str, Any]:
        """Arrays without objects in them; `unpacked` reads them."""
        about = {"tick": self.tick, "tick_s": self.tick_s, "start": self.start.isoformat() if self.start else None}
        pools = [[pool.region, pool.zone, pool.instance_type, pool.accelerators] for pool in self.pools]
        text = json.dumps({"about": about, "pools": pools})
        arrays = {name: getattr(self, name) for name in _ARRAYS if name != "up"}
        return {"text": np.frombuffer(text.encode(), dtype=np.uint8), "up": np.packbits(self.up, axis=1), **arrays}

    @classmethod
    def unpacked(cls, arrays: Mapping[str, Any]) -> "FeatureState":
        """Read what `packed` wrote.

        Raises
        ------
        ValueError
            When arrays are missing or of another shape: the state of an older version, to be begun anew.
        """
        try:
            text = json.loads(bytes(arrays["text"]))
            about = text["about"]
            pools = [
                SeenPool(region=region, zone=zone, instance_type=kind, accelerators=gpus)
                for region, zone, kind, gpus in text["pools"]
            ]
            start = None if about["start"] is None else datetime.fromisoformat(about["start"])
            state = cls(pools, tick_s=about["tick_s"], start=start)
            found = {name: np.array(arrays[name]) for name in _ARRAYS}
            found["up"] = np.unpackbits(found["up"], axis=1, count=len(pools)).astype(bool)
        except (KeyError, TypeError) as err:
            raise ValueError(f"no state of features: {err}") from err
        for name, array in found.items():
            wanted = getattr(state, name)
            if array.shape != wanted.shape and name != "prices":
                raise ValueError(f"{name} has shape {array.shape} where {wanted.shape} is due")
            setattr(state, name, array)
        state.tick = int(about["tick"])
        return state

    def carried_to(self, pools: Sequence[SeenPool]) -> "FeatureState":
        """The same past for another list of pools; those that are new count as up ever since recording began."""
        other = FeatureState(pools, tick_s=self.tick_s, start=self.start)
        filler = self._always_up()
        place = {_key(pool): at for at, pool in enumerate(self.pools)}
        at = np.array([place.get(_key(pool), len(self.pools)) for pool in other.pools], dtype=np.int64)
        for name in _ARRAYS:
            both = np.concatenate([getattr(self, name), getattr(filler, name)], axis=-1)
            setattr(other, name, both[..., at])
        other.tick = self.tick
        return other

    def _always_up(self) -> "FeatureState":
        """One pool that was up at all ticks so far and whose price is not known."""
        one = FeatureState((SeenPool(region="", zone="", instance_type=""),), tick_s=self.tick_s, start=self.start)
        one.tick, ticks = self.tick, self.tick + 1
        one.up[:] = True
        one.up_ticks += ticks
        one.shares += np.minimum(ticks, self._share_ticks)[:, None]
        one.fading_up_h += self.tick_h * (1 - self._keep**ticks) / (1 - self._keep)
        one.prices = np.full((len(self.prices), 1), np.nan)
        return one

    def _ticks(self, hours: Sequence[float]) -> "np.ndarray[Any, np.dtype[np.int64]]":
        return np.array([max(1, round(span / self.tick_h)) for span in hours], dtype=np.int64)

    def _slide(self, sums: Floats, ticks: Any, what: Any, *, sign: float = -1.0) -> None:
        """Add, or take away, what was at these ticks, one for each row; those before the first tick hold nothing."""
        rows = np.flatnonzero(ticks >= 0)
        if rows.size:
            sums[rows] += sign * what(ticks[rows])

    def _was_up(self, ticks: Any) -> Mask:
        found: Mask = self.up[ticks % len(self.up)]
        return found

    def _was_down(self, ticks: Any) -> Mask:
        return ~self._was_up(ticks)

    def _had_dropped(self, ticks: Any) -> Mask:
        found: Mask = self._was_up(ticks - 1) & (ticks > 0)[:, None] & ~self._was_up(ticks)
        return found

    def _take_price(self, price: Floats) -> None:
        if not len(self.prices):
            self.prices = np.full((int(self._day_ticks[0]) + 1, len(self.pools)), np.nan)
        self.prices[self.tick % len(self.prices)] = price
        known = ~np.isnan(price)
        self.price = price
        self.price_sum += np.where(known, price, 0.0)
        self.price_known += known

    def _columns(self) -> Columns:
        t = self.tick
        yield "age_h", np.minimum(np.where(self.last_up, t - self.last_down, 0) * self.tick_h, LONGEST_H)
        yield "since_drop_h", np.minimum((t - self.last_drop) * self.tick_h, LONGEST_H)
        shares = self.shares / np.minimum(t + 1, self._share_ticks)[:, None]
        share = dict(zip(SHARE_H, shares, strict=True))
        count = dict(zip(COUNTS_H, self.counts, strict=True))
        hazards = dict(zip(HAZARD_H, rate(self.fading_drops, self.fading_up_h), strict=True))
        to_date = self.up_ticks / (t + 1)
        yield from ((f"availability_{hours}h", share[hours]) for hours in SHARE_H)
        yield "availability_to_date", to_date
        yield from ((f"drops_{hours}h", np.minimum(count[hours], MOST_DROPS)) for hours in DROPS_H)
        yield from ((f"hazard_{hours}h", hazards[hours]) for hours in HAZARD_H)
        yield "hazard_to_date", rate(self.drops, self.up_ticks * self.tick_h)
        yield from self._others(share, count, hazards)
        yield from self._seasons(1.0 - to_date)
        yield from self._calendar()
        yield from self._market()

    def _others(
        self, share: Mapping[int, Floats], count: Mapping[int, Floats], hazards: Mapping[int, Floats]
    ) -> Columns:
        names = [
            "up",
            *(f"availability_{hours}h" for hours in OTHERS_SHARE_H),
            *(f"drops_{hours}h" for hours in OTHERS_DROPS_H),
            f"hazard_{OTHERS_HAZARD_H}h",
        ]
        own = np.stack([
            self.last_up.astype(np.float64), *(share[h] for h in OTHERS_SHARE_H), *(count[h] for h in OTHERS_DROPS_H),
            hazards[OTHERS_HAZARD_H],
        ], axis=1)  # fmt: skip
        near, far = self._near.sums(own), self._type.sums(own)
        siblings = self._near.mean(near - own, self._near.size - 1)
        elsewhere = self._near.mean(far - near, self._type.size - self._near.size)
        for prefix, means in (("sibling", siblings), ("elsewhere", elsewhere)):
            for at, name in enumerate(names):
                column = np.maximum(means[:, at], 0.0)
                yield f"{prefix}_{name}", np.minimum(column, MOST_DROPS) if name.startswith("drops") else column

    def _seasons(self, down_to_date: Floats) -> Columns:
        full = (self.tick - self._day_ticks - self._before) >= 0
        total = (self.season[full] / (self._before + self._after)).sum(axis=0)
        # One day's worth of the share at any time of day: a single day says little.
        here = (total + down_to_date) / (int(full.sum()) + 1)
        both = np.stack([here, here - down_to_date], axis=1)
        means = self._near.mean(self._near.sums(both), self._near.size)
        yield "season_here", here
        yield "season_region", means[:, 0]
        yield "season_lift", means[:, 1]

    def _calendar(self) -> Columns:
        missing = np.full(len(self.pools), np.nan)
        if self.start is None:
            yield "hour", missing
            yield "weekday", missing
            return
        start = self.start
        hours = start.hour + start.minute / 60 + start.second / 3600 + self.tick * self.tick_h
        yield "hour", np.full(len(self.pools), hours % 24)
        yield "weekday", np.full(len(self.pools), (start.weekday() + hours // 24) % 7)

    def _market(self) -> Columns:
        missing = np.full(len(self.pools), np.nan)
        mean = self.price_sum / np.maximum(self.price_known, 1)
        yield "price_level", np.minimum(self.price / np.where(mean > 0, mean, np.nan), HIGHEST_RATIO)
        yield "price_change_24h", self._price_change() if len(self.prices) else missing
        yield "advisor_bucket", missing if self.advisor_bucket is None else self.advisor_bucket
        yield "placement_score", missing if self.placement_score is None else self.placement_score
        yield "accelerators", self._gpus

    def _price_change(self) -> Floats:
        day = int(self._day_ticks[0])
        if self.tick < day:
            return np.full(len(self.pools), np.nan)
        before = self.prices[(self.tick - day) % len(self.prices)]
        return np.minimum(self.price / np.where(before > 0, before, np.nan) - 1.0, HIGHEST_RATIO)


class _Groups:
    """Pools that look at each other: sums over a group, told to each of its members."""

    def __init__(self, keys: Sequence[tuple[str, ...]]) -> None:
        names = {key: at for at, key in enumerate(dict.fromkeys(keys))}
        self._of = np.array([names[key] for key in keys], dtype=np.int64)
        ones = np.ones(len(keys))
        self._members = csr_matrix((ones, (self._of, np.arange(len(keys)))), shape=(len(names), len(keys)))
        self.size: Floats = np.bincount(self._of, minlength=len(names)).astype(np.float64)[self._of]

    def sums(self, own: Floats) -> Floats:
        """Sum over each pool's group."""
        found: Floats = (self._members @ own)[self._of]
        return found

    def mean(self, sums: Floats, number: Floats) -> Floats:
        """Means over others; NaN for a pool that has none."""
        return sums / np.where(number > 0, number, np.nan)[:, None]


def _groups(pools: Sequence[SeenPool]) -> tuple[_Groups, _Groups]:
    near = _Groups([(pool.instance_type, pool.region) for pool in pools])
    return near, _Groups([(pool.instance_type,) for pool in pools])


def _key(pool: SeenPool) -> tuple[str, str, str]:
    return pool.region, pool.zone, pool.instance_type


def rate(number: Floats, up_h: Floats) -> Floats:
    """Drops per up-hour, drawn towards a middling pool."""
    found: Floats = (number + PRIOR_DROPS) / (up_h + PRIOR_UP_H)
    return np.minimum(found, HIGHEST_RATE)
