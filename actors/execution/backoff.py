"""Pools that had no room rest for a while, for all sagas of a process.

After its rest one request may try a pool again while the others still leave it alone, so that a storm of launches meets
a bad pool a few times an hour and not once for each node.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from domain.market import CapacityType, Pool

FIRST_REST = timedelta(minutes=3)
LONGEST_REST = timedelta(minutes=30)
"""As long as the risk registry avoids a pool by default."""

PROBE = timedelta(minutes=2)
"""How long the one that tries again may take to answer before the next one may."""

Key = tuple[Pool, CapacityType]


class PoolBackoff:
    """Rests of pools, each twice as long as the one before, up to half an hour; a success ends them."""

    def __init__(self) -> None:
        self._until: dict[Key, datetime] = {}
        self._refusals: dict[Key, int] = {}

    def try_all(self, pools: Iterable[Pool], market: CapacityType, now: datetime) -> tuple[Pool, ...]:
        """Those of these pools that rest; when none does, a request with all of them may be made now.

        The first request after a rest keeps the others off the pool until it answers.
        """
        known = [pool for pool in pools if (pool, market) in self._until]
        resting = tuple(pool for pool in known if now < self._until[pool, market])
        if not resting:
            self._until |= {(pool, market): now + PROBE for pool in known}
        return resting

    def refused(self, pool: Pool, market: CapacityType, now: datetime) -> None:
        """A pool had no room. Answers to requests that were on their way together count once."""
        key = (pool, market)
        known = self._refusals.get(key, 0)
        until = self._until.get(key)
        if known and until is not None and now < until - PROBE:
            return
        self._refusals[key] = known + 1
        self._until[key] = now + min(LONGEST_REST, FIRST_REST * 2 ** min(known, 10))

    def gave(self, pool: Pool, market: CapacityType) -> None:
        """A pool has given an instance."""
        self._until.pop((pool, market), None)
        self._refusals.pop((pool, market), None)

    def resting(self, now: datetime) -> frozenset[Key]:
        """Pools and markets that rest now."""
        return frozenset(key for key, until in self._until.items() if now < until)
