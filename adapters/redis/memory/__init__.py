"""Twins of the Redis adapters that live in one process and follow a given clock; they pass the same tests."""

from adapters.redis.memory.bus import MemoryBus
from adapters.redis.memory.events import MemoryEventStream
from adapters.redis.memory.stores import (
    MemoryHeartbeats,
    MemoryLeader,
    MemoryNonces,
    MemoryPrices,
    MemoryRiskKeys,
    MemoryTickets,
    MemoryTokenBlacklist,
)
from adapters.redis.rates import memory_rate_limits

__all__ = [
    "MemoryBus",
    "MemoryEventStream",
    "MemoryHeartbeats",
    "MemoryLeader",
    "MemoryNonces",
    "MemoryPrices",
    "MemoryRiskKeys",
    "MemoryTickets",
    "MemoryTokenBlacklist",
    "memory_rate_limits",
]
