"""What is known of the platform at any moment, for ``spotopt status``."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from serve.operations.messages import Part, Report, Word


class State(StrEnum):
    """The platform as a whole."""

    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"
    """Something does not answer; it is being started again."""
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where everything is."""

    url: str
    docs: str
    dashboard: str
    data_dir: str
    logs: str


@dataclass(slots=True, kw_only=True)
class Board:
    """Collects what is reported.

    Parameters
    ----------
    pid, started_at
        Of the supervisor.
    """

    pid: int
    started_at: datetime
    where: Where
    steps: dict[str, float | None] = field(default_factory=dict)
    """Seconds that each took, ``None`` while it is under way."""
    parts: dict[str, Part] = field(default_factory=dict)
    queues: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    ready: bool = False
    stopping: bool = False

    def hear(self, report: Report) -> None:
        """Take note of a report of the platform process."""
        match report.word:
            case Word.BEGUN:
                self.steps[report.step] = None
            case Word.DONE:
                self.steps[report.step] = report.took_s
            case Word.READY:
                self.ready = True
            case Word.HEALTH:
                self.parts = {part.name: part for part in report.parts}
                self.queues = dict(report.queues)
            case _:
                return

    def platform_died(self) -> None:
        """None of its parts is there."""
        self.ready = False
        self.parts = {name: replace(part, healthy=False, pid=None) for name, part in self.parts.items()}

    def document(self, own: tuple[Part, ...], queues: Mapping[str, float]) -> dict[str, Any]:
        """Everything as JSON, with the parts and queues that the supervisor has looked at itself."""
        parts = (*own, *self.parts.values())
        return {
            "state": self._state(parts),
            "pid": self.pid,
            "since": f"{self.started_at:%Y-%m-%d %H:%M:%S} UTC",
            "where": asdict(self.where),
            "steps": dict(self.steps),
            "parts": [asdict(part) for part in parts],
            "queues": {**queues, **self.queues},
            "notes": list(self.notes),
        }

    def _state(self, parts: tuple[Part, ...]) -> State:
        if self.stopping:
            return State.STOPPING
        if not self.ready:
            return State.STARTING
        return State.READY if all(part.healthy for part in parts) else State.DEGRADED
