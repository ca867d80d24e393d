"""Token buckets inside one process; they follow a given clock."""

from adapters.aws.ports.buckets import Bucket
from adapters.clock import Clock


class MemoryBuckets:
    """Buckets of this process alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    async def reserve(self, key: str, bucket: Bucket, *, tokens: float = 1.0, most_wait_s: float) -> float | None:
        """Take tokens; seconds to wait before the call."""
        left = self._now_in(key, bucket) - tokens
        wait_s = max(0.0, -left / bucket.per_s)
        if wait_s > most_wait_s:
            return None
        self._left[key] = (left, self._clock.monotonic())
        return wait_s

    async def drain(self, key: str, bucket: Bucket) -> None:
        """Empty a bucket."""
        self._left[key] = (min(0.0, self._now_in(key, bucket)), self._clock.monotonic())

    def _now_in(self, key: str, bucket: Bucket) -> float:
        now_s = self._clock.monotonic()
        left, at_s = self._left.get(key, (bucket.size, now_s))
        return min(bucket.size, left + (now_s - at_s) * bucket.per_s)
