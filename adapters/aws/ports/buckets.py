"""Token buckets: how AWS limits calls, kept on our side so that its limits are never met."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket holds ``size`` tokens and gains ``per_s`` a second. A call takes one or more."""

    size: float
    per_s: float

    def __post_init__(self) -> None:
        if not (self.size >= 1 and self.per_s > 0):
            raise ValueError(f"a bucket holds at least 1 token and refills, not {self.size} and {self.per_s} per s")

    def shared(self, share: float) -> "Bucket":
        """The part of it that is ours, at least one token."""
        return Bucket(size=max(1.0, self.size * share), per_s=self.per_s * share)


class Buckets(Protocol):
    """Buckets by key, shared by all processes.

    Tokens are reserved: whoever comes to an empty bucket is told how long to wait, and later ones wait behind, so that
    nobody asks twice and nobody is overtaken.
    """

    async def reserve(self, key: str, bucket: Bucket, *, tokens: float = 1.0, most_wait_s: float) -> float | None:
        """Take tokens.

        Parameters
        ----------
        tokens
            How many; more than the bucket holds are waited for as well.
        most_wait_s
            The longest wait that is worth it.

        Returns
        -------
        float or None
            Seconds to wait before the call; ``None`` when it would be longer than that, and nothing was taken.

        Raises
        ------
        TransientError
            The buckets cannot be reached: without them nothing is called.
        """

    async def drain(self, key: str, bucket: Bucket) -> None:
        """Empty a bucket: AWS has refused a call, so others of that account use up its limit too."""
