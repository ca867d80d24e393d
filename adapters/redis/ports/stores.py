"""Small shared facts: flags of pools, tokens, tickets, heartbeats, prices, limits, leases, nonces.

All methods raise `domain.errors.TransientError` where the server cannot be reached.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from domain.market import Pool

RISK_TTL_S = 1_800.0
"""How long a pool stays flagged (SPEC 3: 30 minutes)."""
PRICE_TTL_S = 300.0
"""How long a price is believed (SPEC 4: 5 minutes)."""
TICKET_TTL_S = 30.0
"""How long a WebSocket ticket waits to be used: a page needs a second or two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskFlag:
    """A pool to be avoided, why (JSON values), and until when (UTC)."""

    pool: Pool
    evidence: Mapping[str, Any]
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskChange:
    """What `keys.RISK_CHANGES` carries: a pool was flagged, or cleared where ``flag`` is missing."""

    pool: Pool
    flag: RiskFlag | None


class RiskKeys(Protocol):
    """Pools flagged for all clients. A change is stored and told in one step; read changes with `parse_change`."""

    async def flag(self, pool: Pool, evidence: Mapping[str, Any], *, ttl_s: float = RISK_TTL_S) -> RiskFlag:
        """Flag a pool, or flag it anew: the evidence is replaced, the time starts again."""

    async def clear(self, pool: Pool) -> bool:
        """Take the flag away; false where there was none."""

    async def check(self, pool: Pool) -> RiskFlag | None:
        """The flag of a pool, if it has one now."""

    async def list_all(self) -> tuple[RiskFlag, ...]:
        """All flags there are now, ordered by pool: what a process reads at start and after each `Gap`."""


class TokenBlacklist(Protocol):
    """Tokens that were logged out, each until it would have expired anyway."""

    async def revoke(self, jti: str, *, until: datetime) -> None:
        """Refuse this token until it expires (UTC)."""

    async def is_revoked(self, jti: str) -> bool:
        """Whether the token was logged out."""


class Tickets(Protocol):
    """One-time tickets that open one WebSocket, so that no long-lived token stands in a URL."""

    async def issue(self, claims: Mapping[str, str], *, opens: str, ttl_s: float = TICKET_TTL_S) -> str:
        """Make a ticket.

        Parameters
        ----------
        claims
            Who it is for; given back when it is used.
        opens
            What it opens, such as the path of the WebSocket.
        """

    async def redeem(self, ticket: str, *, opens: str) -> Mapping[str, str] | None:
        """Use a ticket up. The claims, or none where it is unknown, used, expired, or opens something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A sign of life of a cluster's agent; ``body`` is JSON."""

    cluster_id: str
    at: datetime
    body: bytes


class Heartbeats(Protocol):
    """Last sign of life of each cluster."""

    async def record(self, beats: Sequence[Heartbeat]) -> None:
        """Store signs of life of many clusters in one round trip, and tell each on its channel."""

    async def latest(self, cluster_ids: Collection[str]) -> Mapping[str, Heartbeat]:
        """The last one of each of these clusters that has been heard of."""

    async def overdue(self, *, before: datetime, limit: int = 1_000) -> Mapping[str, datetime]:
        """Clusters last heard of before this time, the longest silent first, with that time."""

    async def forget(self, cluster_id: str) -> None:
        """Stop watching a cluster."""


class Prices(Protocol):
    """Spot prices, in micro-USD per hour by zone id."""

    async def put(self, region: str, prices: Mapping[str, Mapping[str, int]], *, ttl_s: float = PRICE_TTL_S) -> None:
        """Store the prices of many instance types: by type, then by zone id."""

    async def get(self, region: str, instance_types: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """The prices that are known of these types; those not known, or too old, are missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a call is within its limit; ``resets_in_s`` is what Retry-After says."""

    allowed: bool
    limit: int
    remaining: int
    resets_in_s: float


class RateLimits(Protocol):
    """Limits on calls, per key, over a sliding window."""

    async def hit(self, limit: str, *key: str) -> Verdict:
        """Count one call.

        Parameters
        ----------
        limit
            Such as ``"100/minute"`` or ``"5 per 10 seconds"``.
        key
            What is limited: the rule's name and whom it is counted for.

        Raises
        ------
        ValueError
            The limit cannot be read.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to lead until it ends. ``token`` grows with each new leader: refuse work that carries a lower one."""

    name: str
    holder: str
    token: int


class Leader(Protocol):
    """Leases: at most one holder of a name at a time, as long as clocks run at about the same speed."""

    async def acquire(self, name: str, holder: str, *, ttl_s: float) -> Lease | None:
        """Take the lease; none while somebody else has it. Who has it already gets the same one, prolonged."""

    async def renew(self, lease: Lease, *, ttl_s: float) -> bool:
        """Prolong it; false when it has been lost, and with it the right to lead."""

    async def release(self, lease: Lease) -> None:
        """Give it back early."""


class Nonces(Protocol):
    """Values that may be used once: nonces of signatures, idempotency keys."""

    async def claim(self, scope: str, value: str, *, ttl_s: float) -> bool:
        """Use a value; false where it was used within its time."""

    async def release(self, scope: str, value: str) -> None:
        """Let it be used again, after the work that claimed it has failed."""
