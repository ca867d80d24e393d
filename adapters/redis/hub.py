"""All of the bus in one value, so that whoever needs several parts is handed one thing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from adapters.clock import Clock
from adapters.redis.answers import RedisAnswers
from adapters.redis.bus import RedisBus
from adapters.redis.connection import connect, connect_listener
from adapters.redis.events import RedisEventStream
from adapters.redis.memory import (
    MemoryBus,
    MemoryEventStream,
    MemoryHeartbeats,
    MemoryLeader,
    MemoryNonces,
    MemoryPrices,
    MemoryRiskKeys,
    MemoryTickets,
    MemoryTokenBlacklist,
    memory_rate_limits,
)
from adapters.redis.memory.answers import MemoryAnswers
from adapters.redis.ports import (
    Bus,
    EventRules,
    EventStream,
    Heartbeats,
    Leader,
    Nonces,
    Prices,
    RateLimits,
    RiskKeys,
    Tickets,
    TokenBlacklist,
)
from adapters.redis.ports.answers import Answers
from adapters.redis.rates import rate_limits
from adapters.redis.stores import (
    RedisHeartbeats,
    RedisLeader,
    RedisNonces,
    RedisPrices,
    RedisRiskKeys,
    RedisTickets,
    RedisTokenBlacklist,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """What the processes of the platform share."""

    bus: Bus
    events: EventStream
    risk: RiskKeys
    revoked: TokenBlacklist
    tickets: Tickets
    heartbeats: Heartbeats
    prices: Prices
    rates: RateLimits
    leader: Leader
    nonces: Nonces
    answers: Answers


def memory_hub(clock: Clock, rules: EventRules | None = None) -> Hub:
    """A hub of twins."""
    bus = MemoryBus()
    return Hub(
        bus=bus,
        events=MemoryEventStream(clock, rules),
        risk=MemoryRiskKeys(clock, bus),
        revoked=MemoryTokenBlacklist(clock),
        tickets=MemoryTickets(clock),
        heartbeats=MemoryHeartbeats(bus),
        prices=MemoryPrices(clock),
        rates=memory_rate_limits(),
        leader=MemoryLeader(clock),
        nonces=MemoryNonces(clock),
        answers=MemoryAnswers(clock),
    )


@asynccontextmanager
async def redis_hub(url: str, clock: Clock, rules: EventRules | None = None) -> AsyncIterator[Hub]:
    """A hub over Redis; closes its connections at the end.

    Parameters
    ----------
    url
        ``redis://``, ``rediss://`` or ``unix://``. Connections are made on first use.
    """
    client, listener = connect(url), connect_listener(url)
    bus = RedisBus(client, listener, clock)
    try:
        yield Hub(
            bus=bus,
            events=RedisEventStream(client, clock, rules),
            risk=RedisRiskKeys(client, clock),
            revoked=RedisTokenBlacklist(client, clock),
            tickets=RedisTickets(client),
            heartbeats=RedisHeartbeats(client),
            prices=RedisPrices(client),
            rates=rate_limits(client),
            leader=RedisLeader(client),
            nonces=RedisNonces(client),
            answers=RedisAnswers(client),
        )
    finally:
        await bus.aclose()
        await listener.aclose()
        await client.aclose()
