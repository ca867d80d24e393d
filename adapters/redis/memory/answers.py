"""Answers kept inside one process."""

from collections import Counter

from adapters.clock import Clock
from adapters.redis.memory.stores import Expiring
from adapters.redis.ports.answers import Kept


class MemoryAnswers:
    """Twin of `Answers`."""

    def __init__(self, clock: Clock) -> None:
        self._stamps: Counter[str] = Counter()
        self._kept: Expiring[tuple[bytes, bytes]] = Expiring(clock)

    async def get(self, owner: str, name: str) -> Kept:
        """What is kept under a name."""
        stamp = b"%d" % self._stamps[owner]
        made_at, body = self._kept.get(f"{owner}:{name}") or (b"", b"")
        return Kept(stamp=stamp, body=body if made_at == stamp else None)

    async def put(self, owner: str, name: str, body: bytes, *, stamp: bytes, ttl_s: float) -> None:
        """Keep an answer."""
        self._kept.put(f"{owner}:{name}", (stamp, body), ttl_s)

    async def drop(self, owner: str) -> None:
        """Let no answer of this owner count any more."""
        self._stamps[owner] += 1
