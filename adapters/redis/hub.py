"""All of the bus in one value, so that whoever needs several parts is handed one thing."""

from dataclasses import dataclass

from adapters.clock import Clock
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
    )
