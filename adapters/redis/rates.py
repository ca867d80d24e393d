"""Limits on calls, by the ``limits`` library, over Redis or inside one process."""

import time
from functools import lru_cache
from typing import Any

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import Redis

from adapters.redis.connection import translated
from adapters.redis.ports.stores import Verdict


class LibraryRateLimits:
    """Sliding windows, counted in whichever storage is given.

    A sliding window counter keeps two numbers per key, whatever the limit. It takes calls of the window before as
    evenly spread, so that it may be a few calls off after a burst.
    """

    def __init__(self, storage: MemoryStorage | RedisStorage) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(storage)

    async def hit(self, limit: str, *key: str) -> Verdict:
        """Count one call."""
        item = _parsed(limit)
        with translated("count a call"):
            allowed = await self._limiter.hit(item, *key)
            window = await self._limiter.get_window_stats(item, *key)
        return Verdict(
            allowed=allowed,
            limit=item.amount,
            remaining=window.remaining if allowed else 0,
            resets_in_s=_resets_in_s(window.reset_time, item),
        )


def rate_limits(client: Redis) -> LibraryRateLimits:
    """Limits shared by all processes, over the connections of this client."""
    pool: Any = client.connection_pool  # the library takes one, and its types do not tell
    return LibraryRateLimits(RedisStorage("async+redis://", implementation="redispy", connection_pool=pool))


def memory_rate_limits() -> LibraryRateLimits:
    """Limits of this process alone; the windows follow the machine's clock."""
    return LibraryRateLimits(MemoryStorage())


def _resets_in_s(reset_time: float, item: RateLimitItem) -> float:
    """At the very start of a window the library says "now" where it means the whole window."""
    left_s = reset_time - time.time()
    return left_s if left_s > 0 else float(item.get_expiry())


@lru_cache(maxsize=256)
def _parsed(limit: str) -> RateLimitItem:
    return parse(limit)
