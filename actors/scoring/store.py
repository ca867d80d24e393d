"""The features of all Spot pools as the platform sees them: fed by evidence, prices and what clusters run.

A pool is up unless evidence of a known instance says that AWS took one there, or had none to give, within the last half
hour: what flags a pool is what training calls a drop. Hours of being watched count only while somebody runs a node in
the pool, since nobody can lose what nobody has.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zipfile import BadZipFile

import numpy as np

from domain.commands import EvidenceKind
from domain.market import Pool
from domain.units import MICRO_USD_PER_USD
from domain.work import PoolEvidence
from solvers.interruption.contract import Floats, Matrix
from solvers.interruption.history import SECONDS_PER_H, SeenPool
from solvers.interruption.state import FeatureState

TICK_S = 600.0
"""Recordings of training repeat each probe for as long."""
DOWN_FOR = timedelta(minutes=30)
"""How long evidence keeps a pool down: as long as it keeps it flagged unless admins changed that."""
IN_USE_FOR = timedelta(minutes=30)
"""How long a node that was seen counts as running."""
MOST_CAUGHT_UP = timedelta(days=8)
"""A longer absence leaves nothing of the past that features would still show: the state is begun anew."""
DROPS = frozenset({EvidenceKind.INTERRUPTION, EvidenceKind.CAPACITY})
"""Evidence that a pool gives no capacity. Recommendations and lost nodes say less."""

Places = np.ndarray[tuple[int], np.dtype[np.int64]]
"""Where pools stand among all."""
Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisedPool:
    """A pool that may be asked about, with its GPUs and the advisor's bucket (``None``: silent)."""

    pool: Pool
    accelerators: int
    bucket: int | None


class FeatureStore:
    """State of all pools between two ticks, and what has been heard since the last one."""

    def __init__(self, pools: Sequence[AdvisedPool], *, start: datetime, state: FeatureState | None = None) -> None:
        self.pools = tuple(one.pool for one in pools)
        self.buckets: tuple[int | None, ...] = tuple(one.bucket for one in pools)
        seen = [_seen(one) for one in pools]
        if state is None:
            state = FeatureState(seen, tick_s=TICK_S, start=start)
        elif state.pools != tuple(seen):
            state = state.carried_to(seen)
        self.state = state
        self.state.advisor_bucket = np.array([np.nan if b is None else b for b in self.buckets], dtype=np.float64)
        self.index = {pool: at for at, pool in enumerate(self.pools)}
        self.up_h: Floats = np.zeros(len(self.pools))
        self._down: dict[int, tuple[Span, ...]] = {}
        self._used_until: dict[int, datetime] = {}
        self._rows: Matrix | None = None

    @property
    def next_tick_at(self) -> datetime:
        """When the next tick is due."""
        assert self.state.start is not None  # noqa: S101 - given in all ways of making one
        return self.state.start + timedelta(seconds=TICK_S * (self.state.tick + 1))

    def observe(self, evidence: Iterable[PoolEvidence]) -> None:
        """Hear of evidence; hearing of it again changes nothing."""
        for one in evidence:
            at = self.index.get(one.pool)
            if at is None or not one.known or one.kind not in DROPS:
                continue
            self._down[at] = _joined(self._down.get(at, ()), (one.at, one.at + DOWN_FOR))

    def used(self, pools: Iterable[Pool], *, at: datetime) -> None:
        """Hear in which pools somebody runs nodes."""
        for pool in pools:
            place = self.index.get(pool)
            if place is not None:
                until = at + IN_USE_FOR
                self._used_until[place] = max(until, self._used_until.get(place, until))

    def step_to(self, now: datetime, *, prices: Mapping[Pool, int]) -> int:
        """Take all ticks up to now in; how many there were. ``prices`` in micro-USD per hour count for the last one."""
        ticks, unknown = 0, np.full(len(self.pools), np.nan)
        while self.next_tick_at <= now:
            at = self.next_tick_at
            last = at + timedelta(seconds=TICK_S) > now
            self._tick(at, price=self._price(prices) if last else unknown)
            ticks += 1
        if ticks:
            self._down = {place: spans for place, spans in self._down.items() if spans[-1][1] > now}
            self._used_until = {place: until for place, until in self._used_until.items() if until >= now}
        return ticks

    def rows(self) -> Matrix:
        """Features of all pools at the last tick."""
        if self._rows is None:
            self._rows = self.state.rows()
        return self._rows

    def drops(self) -> Floats:
        """Drops of all pools, those included that were heard of since the last tick."""
        found = self.state.drops.copy()
        fresh = [place for place in self._down if self.state.last_up[place]]
        found[fresh] += 1
        return found

    def in_use(self, now: datetime) -> Places:
        """Places of the pools that somebody runs nodes in."""
        return np.array(sorted(at for at, until in self._used_until.items() if until > now), dtype=np.int64)

    def arrays(self) -> dict[str, Any]:
        """All of it as arrays without objects in them."""
        return self.state.packed() | {
            "up_h": self.up_h,
            "down": _marks((place, *span) for place, spans in self._down.items() for span in spans),
            "used": _marks((place, until, until) for place, until in self._used_until.items()),
        }

    @classmethod
    def unpacked(cls, data: bytes, pools: Sequence[AdvisedPool], *, now: datetime) -> "FeatureStore":
        """Read what `compressed` wrote, for the pools of now; what cannot be used any more is begun anew."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                found = {name: arrays[name] for name in arrays.files}
            state = FeatureState.unpacked(found)
            if state.tick_s != TICK_S or state.at is None or now - state.at > MOST_CAUGHT_UP:
                return cls(pools, start=now)
            return cls._restored(found, state, pools, now=now)
        except (ValueError, KeyError, OSError, EOFError, BadZipFile):
            return cls(pools, start=now)

    @classmethod
    def _restored(
        cls, found: Mapping[str, Floats], state: FeatureState, pools: Sequence[AdvisedPool], *, now: datetime
    ) -> "FeatureStore":
        before = [Pool(region=p.region, zone_id=p.zone, instance_type=p.instance_type) for p in state.pools]
        store = cls(pools, start=now, state=state)
        place = np.array([store.index.get(pool, -1) for pool in before], dtype=np.int64)
        kept = place >= 0
        store.up_h[place[kept]] = found["up_h"][kept]
        for at, since, until in _read_marks(found["down"], place):
            store._down[at] = _joined(store._down.get(at, ()), (since, until))
        store._used_until = {at: until for at, _, until in _read_marks(found["used"], place)}
        return store

    def _tick(self, at: datetime, *, price: Floats) -> None:
        up = np.ones(len(self.pools), dtype=bool)
        up[[place for place, spans in self._down.items() if any(since <= at < until for since, until in spans)]] = False
        self.state.step(up, price=price)
        used = [place for place, until in self._used_until.items() if at <= until]
        self.up_h[used] += TICK_S / SECONDS_PER_H * up[used]
        self._rows = None

    def _price(self, prices: Mapping[Pool, int]) -> Floats:
        found = np.full(len(self.pools), np.nan)
        for pool, micro_usd in prices.items():
            place = self.index.get(pool)
            if place is not None:
                found[place] = micro_usd / MICRO_USD_PER_USD
        return found


def compressed(arrays: Mapping[str, Any]) -> bytes:
    """Arrays as they are stored; nothing in them is run when they are read."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _seen(one: AdvisedPool) -> SeenPool:
    pool = one.pool
    return SeenPool(
        region=pool.region, zone=pool.zone_id, instance_type=pool.instance_type, accelerators=one.accelerators
    )


def _joined(spans: Sequence[Span], new: Span) -> tuple[Span, ...]:
    """Spans in order, with those that touch the new one made one with it."""
    since, until = new
    apart = [span for span in spans if span[1] < since or span[0] > until]
    touching = [span for span in spans if span not in apart]
    whole = (min([since, *(span[0] for span in touching)]), max([until, *(span[1] for span in touching)]))
    return tuple(sorted([*apart, whole]))


def _marks(marks: Iterable[tuple[int, datetime, datetime]]) -> Floats:
    rows = [(place, since.timestamp(), until.timestamp()) for place, since, until in marks]
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def _read_marks(marks: Floats, place: np.ndarray[Any, Any]) -> Iterable[tuple[int, datetime, datetime]]:
    """Marks whose pool there still is, at its place of now."""
    for at, since_s, until_s in marks.tolist():
        now_at = int(place[int(at)])
        if now_at >= 0:
            yield now_at, datetime.fromtimestamp(since_s, tz=UTC), datetime.fromtimestamp(until_s, tz=UTC)
