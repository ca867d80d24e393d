"""How long and how to plan."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

INTERRUPTED_S = 1e6
"""A clock that says so much has passed was moved by somebody who wants the best plan now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of one run of the planner.

    Parameters
    ----------
    seed
        Seed of every random choice.
    time_limit_s
        Seconds after which the best plan so far is taken.
    work_limit
        Rounds of work after which it is taken instead, whatever the time: the same on every machine.
    from_scratch
        Ignore what runs: the ideal fleet for these pods.
    """

    seed: int = 0
    time_limit_s: float = 10.0
    work_limit: int | None = None
    from_scratch: bool = False

    def __post_init__(self) -> None:
        if not self.time_limit_s > 0:
            raise ValueError(f"time_limit_s must be above 0, not {self.time_limit_s}")
        if self.work_limit is not None and self.work_limit < 1:
            raise ValueError(f"work_limit must be at least 1, not {self.work_limit}")


FINISH_S = 0.1
FINISH_S_PER_POD = 8e-5
FINISH_S_PER_BOUND_POD = 2.2e-4
"""What building, ordering and explaining take after the search, measured, kept back from the time limit: in all, per
pod, and per pod bound to others by rules, each of whose places is judged anew."""


class Budget:
    """Counts the rounds and seconds of one run. The clock is the caller's."""

    def __init__(self, settings: Settings, clock: Callable[[], float], *, pods: int, bound_pods: int) -> None:
        self._settings = settings
        finish_s = FINISH_S + pods * FINISH_S_PER_POD + bound_pods * FINISH_S_PER_BOUND_POD
        self._search_s = max(0.3 * settings.time_limit_s, settings.time_limit_s - finish_s)
        self._clock = clock
        self._started = clock()
        self._rounds = 0

    def seconds(self) -> float:
        """Since the start."""
        return self._clock() - self._started

    def until(self, share: float) -> Callable[[], bool]:
        """A question that counts one round each time and answers whether ``share`` of the whole budget is unspent."""

        def keep_going() -> bool:
            self._rounds += 1
            if self._settings.work_limit is not None:
                return self._rounds < share * self._settings.work_limit and self.seconds() < INTERRUPTED_S
            return self.seconds() < share * self._search_s

        return keep_going

    def shared(self, share: float, *, parts: int) -> list[Callable[[], bool]]:
        """Questions for ``parts`` that work side by side until ``share`` is spent, each with its part of the rounds.

        These rounds count as spent at once, so that it makes no difference who asks when.
        """
        limit = self._settings.work_limit
        each = max(0, int(share * limit) - self._rounds) // parts if limit is not None else 0
        self._rounds += each * parts

        def question() -> Callable[[], bool]:
            asked = count()

            def keep_going() -> bool:
                if limit is not None:
                    return next(asked) < each and self.seconds() < INTERRUPTED_S
                return self.seconds() < share * self._search_s

            return keep_going

        return [question() for _ in range(parts)]
