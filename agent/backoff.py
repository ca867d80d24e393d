"""Waits that grow while something fails, with jitter so that a thousand agents do not come back in step."""

import random

FIRST_S = 1.0
LONGEST_S = 60.0
JITTER = 0.25
"""A wait is up to this share longer or shorter."""


class Backoff:
    """Waits of 1, 2, 4 … 60 s, each up to a quarter longer or shorter.

    Parameters
    ----------
    first_s, longest_s
        The first wait and the bound.
    rng
        Where the jitter comes from; tests seed it.
    """

    def __init__(
        self, *, first_s: float = FIRST_S, longest_s: float = LONGEST_S, rng: random.Random | None = None
    ) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._next_s = first_s
        self._rng = rng or random.Random()

    def next_s(self, *, at_least_s: float | None = None) -> float:
        """The next wait in seconds; longer where the other side asked for more."""
        wait_s = self._next_s * self._rng.uniform(1 - JITTER, 1 + JITTER)
        self._next_s = min(2 * self._next_s, self._longest_s)
        return max(wait_s, at_least_s or 0.0)

    def reset(self) -> None:
        """It went well: begin with the first wait again."""
        self._next_s = self._first_s
