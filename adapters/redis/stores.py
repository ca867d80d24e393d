"""The small shared facts in Redis: each step one command, one transaction or one script."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
from redis.asyncio import Redis

from adapters.clock import Clock
from adapters.redis import keys, wire
from adapters.redis.connection import translated
from adapters.redis.ports.stores import PRICE_TTL_S, RISK_TTL_S, TICKET_TTL_S, Heartbeat, Lease, RiskFlag
from adapters.redis.scripts import script
from domain.market import Pool


class RedisRiskKeys:
    """Flags of pools. A flag, its evidence, its place in the index and its news are one transaction."""

    def __init__(self, client: Redis, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def flag(self, pool: Pool, evidence: Mapping[str, Any], *, ttl_s: float = RISK_TTL_S) -> RiskFlag:
        """Flag a pool, or flag it anew."""
        now = self._clock.now()
        until_ms = wire.to_ms(now + timedelta(seconds=ttl_s))
        body = wire.dump_flag(pool, evidence, until_ms)
        change = self._client.pipeline(transaction=True)
        change.set(keys.risk(pool), keys.DANGER, px=_ms(ttl_s))
        change.set(keys.risk_evidence(pool), body, px=_ms(ttl_s))
        change.zremrangebyscore(keys.RISK_INDEX, "-inf", wire.to_ms(now))
        change.zadd(keys.RISK_INDEX, {keys.risk_member(pool): until_ms})
        change.publish(keys.RISK_CHANGES, body)
        with translated("flag a pool"):
            await change.execute()
        return wire.parse_flag(body)

    async def clear(self, pool: Pool) -> bool:
        """Take the flag away."""
        change = self._client.pipeline(transaction=True)
        change.delete(keys.risk(pool))
        change.delete(keys.risk_evidence(pool))
        change.zrem(keys.RISK_INDEX, keys.risk_member(pool))
        change.publish(keys.RISK_CHANGES, wire.dump_cleared(pool))
        with translated("clear a pool"):
            removed, *_ = await change.execute()
        return bool(removed)

    async def check(self, pool: Pool) -> RiskFlag | None:
        """The flag of a pool, if it has one now."""
        with translated("check a pool"):
            flags = await self._read([pool])
        return flags[0] if flags else None

    async def list_all(self) -> tuple[RiskFlag, ...]:
        """All flags there are now, ordered by pool."""
        with translated("list flags"):
            members: Any = await self._client.zrangebyscore(keys.RISK_INDEX, wire.to_ms(self._clock.now()), "+inf")
            flags = await self._read([keys.pool_of(member.decode()) for member in members])
        return tuple(sorted(flags, key=lambda flag: flag.pool))

    async def _read(self, pools: Sequence[Pool]) -> list[RiskFlag]:
        """Evidence counts only while the key is there that everybody knows, so that deleting it by hand clears it."""
        if not pools:
            return []
        names = [key for pool in pools for key in (keys.risk(pool), keys.risk_evidence(pool))]
        values: Any = await self._client.mget(names)
        return [wire.parse_flag(body) for level, body in zip(values[::2], values[1::2], strict=True) if level and body]


class RedisTokenBlacklist:
    """Tokens that were logged out."""

    def __init__(self, client: Redis, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def revoke(self, jti: str, *, until: datetime) -> None:
        """Refuse this token until it expires."""
        left_ms = _ms((until - self._clock.now()).total_seconds())
        if left_ms > 0:
            with translated("revoke a token"):
                await self._client.set(keys.revoked_token(jti), 1, px=left_ms)

    async def is_revoked(self, jti: str) -> bool:
        """Whether the token was logged out."""
        with translated("look up a token"):
            return bool(await self._client.exists(keys.revoked_token(jti)))


class RedisTickets:
    """One-time tickets; only their SHA-256 is stored."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def issue(self, claims: Mapping[str, str], *, opens: str, ttl_s: float = TICKET_TTL_S) -> str:
        """Make a ticket."""
        ticket = secrets.token_urlsafe(32)
        value = orjson.dumps([opens, dict(claims)])
        with translated("issue a ticket"):
            await self._client.set(keys.ticket(wire.digest(ticket)), value, px=_ms(ttl_s))
        return ticket

    async def redeem(self, ticket: str, *, opens: str) -> Mapping[str, str] | None:
        """Use a ticket up."""
        with translated("redeem a ticket"):
            value = await self._client.getdel(keys.ticket(wire.digest(ticket)))
        if value is None:
            return None
        door, claims = orjson.loads(value)
        return claims if door == opens else None


class RedisHeartbeats:
    """Last sign of life of each cluster: a sorted set by time, a hash of the bodies, and news per cluster."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def record(self, beats: Sequence[Heartbeat]) -> None:
        """Store signs of life of many clusters in one round trip."""
        if not beats:
            return
        newest = {beat.cluster_id: beat for beat in sorted(beats, key=lambda beat: beat.at)}
        batch = self._client.pipeline(transaction=False)
        seen = {name: wire.to_ms(beat.at) for name, beat in newest.items()}
        batch.zadd(keys.HEARTBEATS_SEEN, seen, gt=True)
        bodies: dict[Any, Any] = {name: b"%d %b" % (seen[name], beat.body) for name, beat in newest.items()}
        batch.hset(keys.HEARTBEATS_LATEST, mapping=bodies)
        for beat in beats:
            batch.publish(keys.agent_heartbeat(beat.cluster_id), beat.body)
        with translated("record heartbeats"):
            await batch.execute()

    async def latest(self, cluster_ids: Collection[str]) -> Mapping[str, Heartbeat]:
        """The last one of each of these clusters that has been heard of."""
        names = list(cluster_ids)
        if not names:
            return {}
        with translated("read heartbeats"):
            values: Any = await self._client.hmget(keys.HEARTBEATS_LATEST, names)
        return {name: _heartbeat(name, value) for name, value in zip(names, values, strict=True) if value}

    async def overdue(self, *, before: datetime, limit: int = 1_000) -> Mapping[str, datetime]:
        """Clusters last heard of before this time, the longest silent first."""
        latest = f"({wire.to_ms(before)}"
        with translated("look for silent clusters"):
            found: Any = await self._client.zrangebyscore(
                keys.HEARTBEATS_SEEN, "-inf", latest, start=0, num=limit, withscores=True
            )
        return {name.decode(): wire.from_ms(score) for name, score in found}

    async def forget(self, cluster_id: str) -> None:
        """Stop watching a cluster."""
        change = self._client.pipeline(transaction=True)
        change.zrem(keys.HEARTBEATS_SEEN, cluster_id)
        change.hdel(keys.HEARTBEATS_LATEST, cluster_id)
        with translated("forget a cluster"):
            await change.execute()


class RedisPrices:
    """Spot prices: one key per region and type, JSON by zone id."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def put(self, region: str, prices: Mapping[str, Mapping[str, int]], *, ttl_s: float = PRICE_TTL_S) -> None:
        """Store the prices of many instance types."""
        batch = self._client.pipeline(transaction=False)
        for name, by_zone in prices.items():
            batch.set(keys.spot_prices(region, name), orjson.dumps(dict(by_zone)), px=_ms(ttl_s))
        with translated("store prices"):
            await batch.execute()

    async def get(self, region: str, instance_types: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """The prices that are known of these types."""
        if not instance_types:
            return {}
        with translated("read prices"):
            values: Any = await self._client.mget([keys.spot_prices(region, name) for name in instance_types])
        return {name: orjson.loads(value) for name, value in zip(instance_types, values, strict=True) if value}


class RedisLeader:
    """Leases; their fencing tokens are counted for ever."""

    def __init__(self, client: Redis) -> None:
        self._acquire = client.register_script(script("acquire"))
        self._renew = client.register_script(script("renew"))

    async def acquire(self, name: str, holder: str, *, ttl_s: float) -> Lease | None:
        """Take the lease; none while somebody else has it."""
        with translated("take a lease"):
            token = await self._acquire([keys.lease(name), keys.lease_tokens(name)], [holder, _ms(ttl_s)])
        return None if token is None else Lease(name=name, holder=holder, token=token)

    async def renew(self, lease: Lease, *, ttl_s: float) -> bool:
        """Prolong it; false when it has been lost."""
        with translated("renew a lease"):
            return bool(await self._renew([keys.lease(lease.name)], [_value(lease), _ms(ttl_s)]))

    async def release(self, lease: Lease) -> None:
        """Give it back early."""
        with translated("release a lease"):
            await self._renew([keys.lease(lease.name)], [_value(lease), 0])


class RedisNonces:
    """Values that may be used once."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._claim = client.register_script(script("claim"))

    async def claim(self, scope: str, value: str, *, ttl_s: float) -> bool:
        """Use a value; false where it was used within its time."""
        call = secrets.token_hex(8)
        with translated("use a nonce"):
            return bool(await self._claim([keys.nonce(scope, value)], [call, _ms(ttl_s)]))

    async def release(self, scope: str, value: str) -> None:
        """Let it be used again."""
        with translated("release a nonce"):
            await self._client.delete(keys.nonce(scope, value))


def _ms(seconds: float) -> int:
    """Milliseconds, at least one: Redis takes no expiry of zero."""
    return max(1, round(seconds * 1_000)) if seconds > 0 else 0


def _value(lease: Lease) -> str:
    return f"{lease.token} {lease.holder}"


def _heartbeat(cluster_id: str, value: bytes) -> Heartbeat:
    at_ms, _, body = value.partition(b" ")
    return Heartbeat(cluster_id=cluster_id, at=wire.from_ms(int(at_ms)), body=body)
