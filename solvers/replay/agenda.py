"""What happens when: a queue of events in simulated time."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

Act = Callable[[Any], None]


class Agenda:
    """Events by time; those of one moment in the order in which they were entered. ``now_s`` counts from the start."""

    __slots__ = ("_count", "_queue", "events", "now_s")

    def __init__(self) -> None:
        self.now_s = 0.0
        self.events = 0
        self._queue: list[tuple[float, int, Act, Any]] = []
        self._count = 0

    def at(self, time_s: float, act: Act, subject: Any) -> None:
        """Call ``act(subject)`` at that time, or now when it has passed."""
        self._count += 1
        heappush(self._queue, (max(time_s, self.now_s), self._count, act, subject))

    def run(self, until_s: float) -> None:
        """Let everything happen that is due by then."""
        queue = self._queue
        while queue and queue[0][0] <= until_s:
            self.now_s, _, act, subject = heappop(queue)
            self.events += 1
            act(subject)
        self.now_s = until_s
