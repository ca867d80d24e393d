"""Token buckets in Redis: every step one script, times are Redis' own."""

from importlib.resources import files
from typing import Any

from redis.asyncio import Redis

from adapters.aws.ports.buckets import Bucket
from adapters.redis.connection import translated

KEY = "aws:bucket:"
"""Beginning of the keys of buckets. They expire when they are full again."""


class RedisBuckets:
    """Buckets that all processes share."""

    def __init__(self, client: Redis) -> None:
        self._reserve = client.register_script(_script("reserve"))
        self._drain = client.register_script(_script("drain"))

    async def reserve(self, key: str, bucket: Bucket, *, tokens: float = 1.0, most_wait_s: float) -> float | None:
        """Take tokens; seconds to wait before the call."""
        with translated("take a token"):
            wait: Any = await self._reserve([KEY + key], [bucket.size, bucket.per_s, tokens, most_wait_s])
        return None if wait is None else float(wait)

    async def drain(self, key: str, bucket: Bucket) -> None:
        """Empty a bucket."""
        with translated("empty a bucket"):
            await self._drain([KEY + key], [bucket.size, bucket.per_s])


def _script(name: str) -> str:
    return files(__package__).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
