"""Ctrl-C while planning: the first one asks for the best plan so far, the second one stops."""

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

_HURRY_S = 1e9
"""A jump longer than any time limit."""


class HurriedClock:
    """A clock that leaps ahead when hurried, so that whoever works against a time limit finds it used up.

    As a context it takes over SIGINT. The second signal raises ``KeyboardInterrupt`` as ever.

    Parameters
    ----------
    clock
        Seconds.
    say
        Told when the first signal arrives.
    """

    def __init__(self, clock: Callable[[], float], *, say: Callable[[str], None]) -> None:
        self._clock = clock
        self._say = say
        self._ahead_s = 0.0
        self._before: signal.Handlers | Callable[[int, FrameType | None], object] | int | None = None

    def __call__(self) -> float:
        """Seconds, with the leap."""
        return self._clock() + self._ahead_s

    @property
    def hurried(self) -> bool:
        """Whether it has leapt."""
        return self._ahead_s > 0

    def true_duration_s(self, measured_s: float) -> float:
        """What was measured by this clock, without the leap."""
        return measured_s - self._ahead_s if measured_s >= self._ahead_s else measured_s

    def hurry(self) -> None:
        """Leap ahead, once."""
        self._ahead_s = _HURRY_S

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self.hurried:
            raise KeyboardInterrupt
        self.hurry()
        self._say("stopping with the best plan so far (Ctrl-C again to quit at once)")
