"""Answers kept in Redis: each carries the stamp of its owner, and counts while that is the same."""

from typing import Any

from redis.asyncio import Redis

from adapters.redis import keys
from adapters.redis.connection import translated
from adapters.redis.ports.answers import STAMP_TTL_S, Kept


class RedisAnswers:
    """`adapters.redis.ports.answers.Answers`, one round trip each."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def get(self, owner: str, name: str) -> Kept:
        """What is kept under a name."""
        with translated("look up an answer"):
            found: Any = await self._client.mget([keys.answers_stamp(owner), keys.answer(owner, name)])
        stamp = found[0] or b"0"
        made_at, _, body = (found[1] or b"").partition(b" ")
        return Kept(stamp=stamp, body=body if made_at == stamp else None)

    async def put(self, owner: str, name: str, body: bytes, *, stamp: bytes, ttl_s: float) -> None:
        """Keep an answer."""
        with translated("keep an answer"):
            await self._client.set(keys.answer(owner, name), stamp + b" " + body, px=max(1, round(ttl_s * 1_000)))

    async def drop(self, owner: str) -> None:
        """Let no answer of this owner count any more."""
        change = self._client.pipeline(transaction=True)
        change.incr(keys.answers_stamp(owner))
        change.expire(keys.answers_stamp(owner), round(STAMP_TTL_S))
        with translated("drop answers"):
            await change.execute()
