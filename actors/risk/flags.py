"""Flags as every process holds them: small, read in microseconds, changed by what the registry tells."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from domain.market import Pool

ALL = ""
"""Scope of a flag that counts for every organisation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagChange:
    """A pool is to be avoided until a time (UTC), or no more (``None``). ``scope`` is `ALL` or an organisation."""

    pool: Pool
    scope: str
    until: datetime | None


class FlagView:
    """Which pools are flagged for whom. Changes may come twice and in any order: the later end counts.

    A flag that is taken back early is dropped at once, so changes of one pool must not overtake one another; a snapshot
    (`replace_all`) repairs what was lost.
    """

    def __init__(self, flags: Iterable[FlagChange] = ()) -> None:
        self._until: dict[str, dict[Pool, datetime]] = {}
        self.replace_all(flags)

    def apply(self, change: FlagChange) -> None:
        """Take one change over."""
        ends = self._until.setdefault(change.scope, {})
        if change.until is None:
            ends.pop(change.pool, None)
        else:
            ends[change.pool] = max(change.until, ends.get(change.pool, change.until))

    def replace_all(self, flags: Iterable[FlagChange]) -> None:
        """Forget everything and begin with these."""
        self._until = {}
        for flag in flags:
            self.apply(flag)

    def check(self, pool: Pool, organisation: str, *, now: datetime) -> bool:
        """Whether an organisation is to avoid a pool."""
        return any((end := self.until(pool, scope)) is not None and end > now for scope in (ALL, organisation))

    def until(self, pool: Pool, scope: str) -> datetime | None:
        """End of a flag, ``None`` when there is none; it may have passed."""
        return self._until.get(scope, {}).get(pool)

    def flagged(self, organisation: str, *, region: str, now: datetime) -> tuple[Pool, ...]:
        """Pools of a region that an organisation is to avoid, sorted: what planning leaves out."""
        found = {
            pool
            for scope in (ALL, organisation)
            for pool, end in self._until.get(scope, {}).items()
            if end > now and pool.region == region
        }
        return tuple(sorted(found))

    def drop_expired(self, now: datetime) -> tuple[FlagChange, ...]:
        """Forget flags that have ended, and name them."""
        over = [flag for flag in self.all() if flag.until is not None and flag.until <= now]
        for flag in over:
            del self._until[flag.scope][flag.pool]
        self._until = {scope: ends for scope, ends in self._until.items() if ends}
        return tuple(FlagChange(pool=flag.pool, scope=flag.scope, until=None) for flag in over)

    def all(self) -> tuple[FlagChange, ...]:
        """Every flag that is held."""
        return tuple(
            FlagChange(pool=pool, scope=scope, until=end)
            for scope, ends in self._until.items()
            for pool, end in ends.items()
        )

    def count(self, scope: str) -> int:
        """How many flags of a scope are held."""
        return len(self._until.get(scope, {}))
