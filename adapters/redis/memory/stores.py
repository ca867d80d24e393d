"""The small shared facts inside one process; times come from the clock they are given."""

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from adapters.clock import Clock
from adapters.redis import keys, wire
from adapters.redis.memory.bus import MemoryBus
from adapters.redis.ports.bus import Message
from adapters.redis.ports.stores import PRICE_TTL_S, RISK_TTL_S, TICKET_TTL_S, Heartbeat, Lease, RiskFlag
from domain.market import Pool

Value = TypeVar("Value")


class Expiring(Generic[Value]):
    """Values that are gone after their time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._values: dict[str, tuple[float, Value]] = {}

    def put(self, key: str, value: Value, ttl_s: float) -> None:
        """Keep a value for so long."""
        self._values[key] = (self._clock.monotonic() + ttl_s, value)

    def get(self, key: str) -> Value | None:
        """The value, if it is still there."""
        until_s, value = self._values.get(key, (0.0, None))
        return value if until_s > self._clock.monotonic() else None

    def pop(self, key: str) -> Value | None:
        """Take the value out."""
        value = self.get(key)
        self._values.pop(key, None)
        return value

    def __iter__(self) -> Iterator[Value]:
        now_s = self._clock.monotonic()
        return iter([value for until_s, value in self._values.values() if until_s > now_s])


class MemoryRiskKeys:
    """Flags of pools; changes are told on the bus."""

    def __init__(self, clock: Clock, bus: MemoryBus) -> None:
        self._clock = clock
        self._bus = bus
        self._flags: Expiring[RiskFlag] = Expiring(clock)

    async def flag(self, pool: Pool, evidence: Mapping[str, Any], *, ttl_s: float = RISK_TTL_S) -> RiskFlag:
        """Flag a pool, or flag it anew."""
        until_ms = wire.to_ms(self._clock.now() + timedelta(seconds=ttl_s))
        body = wire.dump_flag(pool, evidence, until_ms)
        flag = wire.parse_flag(body)
        self._flags.put(keys.risk(pool), flag, ttl_s)
        self._bus.tell(Message(channel=keys.RISK_CHANGES, body=body))
        return flag

    async def clear(self, pool: Pool) -> bool:
        """Take the flag away."""
        gone = self._flags.pop(keys.risk(pool)) is not None
        self._bus.tell(Message(channel=keys.RISK_CHANGES, body=wire.dump_cleared(pool)))
        return gone

    async def check(self, pool: Pool) -> RiskFlag | None:
        """The flag of a pool, if it has one now."""
        return self._flags.get(keys.risk(pool))

    async def list_all(self) -> tuple[RiskFlag, ...]:
        """All flags there are now, ordered by pool."""
        return tuple(sorted(self._flags, key=lambda flag: flag.pool))


class MemoryTokenBlacklist:
    """Tokens that were logged out."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._revoked: Expiring[bool] = Expiring(clock)

    async def revoke(self, jti: str, *, until: datetime) -> None:
        """Refuse this token until it expires."""
        self._revoked.put(jti, True, (until - self._clock.now()).total_seconds())

    async def is_revoked(self, jti: str) -> bool:
        """Whether the token was logged out."""
        return self._revoked.get(jti) is not None


class MemoryTickets:
    """One-time tickets."""

    def __init__(self, clock: Clock) -> None:
        self._tickets: Expiring[tuple[str, dict[str, str]]] = Expiring(clock)

    async def issue(self, claims: Mapping[str, str], *, opens: str, ttl_s: float = TICKET_TTL_S) -> str:
        """Make a ticket."""
        ticket = secrets.token_urlsafe(32)
        self._tickets.put(wire.digest(ticket), (opens, dict(claims)), ttl_s)
        return ticket

    async def redeem(self, ticket: str, *, opens: str) -> Mapping[str, str] | None:
        """Use a ticket up."""
        door, claims = self._tickets.pop(wire.digest(ticket)) or ("", {})
        return claims if door and door == opens else None


class MemoryHeartbeats:
    """Last sign of life of each cluster; each is told on the bus."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus
        self._latest: dict[str, Heartbeat] = {}

    async def record(self, beats: Sequence[Heartbeat]) -> None:
        """Store signs of life of many clusters."""
        for beat in beats:
            known = self._latest.get(beat.cluster_id)
            if known is None or known.at <= beat.at:
                self._latest[beat.cluster_id] = beat
            self._bus.tell(Message(channel=keys.agent_heartbeat(beat.cluster_id), body=beat.body))

    async def latest(self, cluster_ids: Collection[str]) -> Mapping[str, Heartbeat]:
        """The last one of each of these clusters that has been heard of."""
        return {name: self._latest[name] for name in cluster_ids if name in self._latest}

    async def overdue(self, *, before: datetime, limit: int = 1_000) -> Mapping[str, datetime]:
        """Clusters last heard of before this time, the longest silent first."""
        silent = sorted((beat.at, name) for name, beat in self._latest.items() if beat.at < before)
        return {name: at for at, name in silent[:limit]}

    async def forget(self, cluster_id: str) -> None:
        """Stop watching a cluster."""
        self._latest.pop(cluster_id, None)


class MemoryPrices:
    """Spot prices."""

    def __init__(self, clock: Clock) -> None:
        self._prices: Expiring[dict[str, int]] = Expiring(clock)

    async def put(self, region: str, prices: Mapping[str, Mapping[str, int]], *, ttl_s: float = PRICE_TTL_S) -> None:
        """Store the prices of many instance types."""
        for name, by_zone in prices.items():
            self._prices.put(keys.spot_prices(region, name), dict(by_zone), ttl_s)

    async def get(self, region: str, instance_types: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """The prices that are known of these types."""
        found = ((name, self._prices.get(keys.spot_prices(region, name))) for name in instance_types)
        return {name: by_zone for name, by_zone in found if by_zone is not None}


class MemoryLeader:
    """Leases."""

    def __init__(self, clock: Clock) -> None:
        self._held: Expiring[Lease] = Expiring(clock)
        self._tokens: dict[str, int] = {}

    async def acquire(self, name: str, holder: str, *, ttl_s: float) -> Lease | None:
        """Take the lease; none while somebody else has it."""
        held = self._held.get(name)
        if held is not None and held.holder != holder:
            return None
        if held is None:
            self._tokens[name] = self._tokens.get(name, 0) + 1
            held = Lease(name=name, holder=holder, token=self._tokens[name])
        self._held.put(name, held, ttl_s)
        return held

    async def renew(self, lease: Lease, *, ttl_s: float) -> bool:
        """Prolong it; false when it has been lost."""
        kept = self._held.get(lease.name) == lease
        if kept:
            self._held.put(lease.name, lease, ttl_s)
        return kept

    async def release(self, lease: Lease) -> None:
        """Give it back early."""
        if self._held.get(lease.name) == lease:
            self._held.pop(lease.name)


class MemoryNonces:
    """Values that may be used once."""

    def __init__(self, clock: Clock) -> None:
        self._used: Expiring[bool] = Expiring(clock)

    async def claim(self, scope: str, value: str, *, ttl_s: float) -> bool:
        """Use a value; false where it was used within its time."""
        key = keys.nonce(scope, value)
        fresh = self._used.get(key) is None
        if fresh:
            self._used.put(key, True, ttl_s)
        return fresh

    async def release(self, scope: str, value: str) -> None:
        """Let it be used again."""
        self._used.pop(keys.nonce(scope, value))
