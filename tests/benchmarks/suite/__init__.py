"""The benchmarks themselves, registered by name when this package is imported."""

from tests.benchmarks.suite import (
    agent,
    aws,
    consolidation,
    growth,
    interruption,
    kwok,
    lab,
    memory,
    mix,
    openb,
    platform,
    saga,
    simulation,
    vectors,
)

__all__ = [
    "agent",
    "aws",
    "consolidation",
    "growth",
    "interruption",
    "kwok",
    "lab",
    "memory",
    "mix",
    "openb",
    "platform",
    "saga",
    "simulation",
    "vectors",
]
