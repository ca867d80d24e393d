"""Twins of the AWS adapters that live in one process; they pass the same tests."""

from adapters.aws.memory.accounts import MemoryAccountAccess
from adapters.aws.memory.aws import MemoryAws
from adapters.aws.memory.buckets import MemoryBuckets
from adapters.aws.memory.discovery import MemoryDiscovery
from adapters.aws.memory.executor import MemoryCloud, MemoryExecutor
from adapters.aws.memory.prices import MemoryPriceHistory, MemoryPriceSource

__all__ = [
    "MemoryAccountAccess",
    "MemoryAws",
    "MemoryBuckets",
    "MemoryCloud",
    "MemoryDiscovery",
    "MemoryExecutor",
    "MemoryPriceHistory",
    "MemoryPriceSource",
]
