"""When periodic jobs are due. Pure."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
"""Due times are counted from here in steps of the period, so that they do not depend on when a process started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """How often a job runs.

    Parameters
    ----------
    every_s
        Seconds between two due times.
    caught_up
        How many missed runs are made up for: 1 for work that looks at everything there is, more for work that is about
        the hour that has passed, say.
    """

    every_s: float
    caught_up: int = 1

    def __post_init__(self) -> None:
        if self.every_s < 1 or self.caught_up < 1:
            raise ValueError("a period is at least a second, and at least the last run is caught up")

    def due(self, now: datetime, last_due: datetime | None) -> tuple[datetime, ...]:
        """Due times after ``last_due`` up to now, oldest first, no more than are caught up."""
        newest = math.floor((now - EPOCH).total_seconds() / self.every_s)
        times = (self._time(n) for n in range(newest - self.caught_up + 1, newest + 1))
        return tuple(time for time in times if last_due is None or time > last_due)

    def next_after(self, now: datetime) -> datetime:
        """The next due time."""
        return self._time(math.floor((now - EPOCH).total_seconds() / self.every_s) + 1)

    def _time(self, number: int) -> datetime:
        return EPOCH + timedelta(seconds=number * self.every_s)
