"""The benchmarks themselves, registered by name when this package is imported."""

from tests.benchmarks.suite import consolidation, growth, interruption, kwok, memory, mix, openb, platform, vectors

__all__ = ["consolidation", "growth", "interruption", "kwok", "memory", "mix", "openb", "platform", "vectors"]
