"""The benchmarks themselves, registered by name when this package is imported."""

from tests.benchmarks.suite import (
    agent,
    consolidation,
    growth,
    interruption,
    kwok,
    memory,
    mix,
    openb,
    platform,
    vectors,
)

__all__ = ["agent", "consolidation", "growth", "interruption", "kwok", "memory", "mix", "openb", "platform", "vectors"]
