"""Answers that are dear to make, kept for some minutes, of each owner apart and dropped together."""

from dataclasses import dataclass
from typing import Protocol

STAMP_TTL_S = 3_600.0
"""Far longer than any answer is kept, so that a stamp that begins anew meets none of its first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An answer, absent where none is kept. ``stamp`` changes whenever the owner's answers are dropped."""

    stamp: bytes
    body: bytes | None


class Answers(Protocol):
    """A cache. All methods raise `domain.errors.TransientError` where the server cannot be reached."""

    async def get(self, owner: str, name: str) -> Kept:
        """What is kept under a name."""

    async def put(self, owner: str, name: str, body: bytes, *, stamp: bytes, ttl_s: float) -> None:
        """Keep an answer. It counts only as long as the stamp is the one that `get` told before it was made."""

    async def drop(self, owner: str) -> None:
        """Let no answer of this owner count any more, those included that are being made."""
