"""Chance that depends on what it is drawn for, not on what was drawn before.

Policies that are compared act differently, so a generator that all share would soon tell each another story. Here every
draw is named by numbers (pool, node, purpose) and the seed: the same node in the same pool meets the same fate under
every policy. SplitMix64 (Steele, Lea, Flood 2014) mixes the numbers.
"""

import math

_MASK = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15


def uniform(seed: int, *named: int) -> float:
    """A number above 0 and below 1, the same for the same arguments."""
    state = seed & _MASK
    for number in named:
        state = _mixed((state ^ (number & _MASK)) + _GAMMA & _MASK)
    return (_mixed(state + _GAMMA & _MASK) >> 11) * (1.0 / (1 << 53)) or 0.5 / (1 << 53)


def exponential(mean: float, *, seed: int, named: tuple[int, ...]) -> float:
    """A waiting time with this mean."""
    return -mean * math.log(uniform(seed, *named))


def _mixed(z: int) -> int:
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _MASK
    return z ^ (z >> 31)
