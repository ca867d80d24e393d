"""How the parts of the platform behind the gateway are, for the health pages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Light(StrEnum):
    """Works, works with a doubt, does not work."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerHealth:
    """One worker: an actor, a consumer, a periodic job. ``figures`` are small numbers worth showing."""

    name: str
    light: Light
    detail: str = ""
    seen_at: datetime | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


class Workers(Protocol):
    """Asks workers how they are."""

    async def look(self) -> tuple[WorkerHealth, ...]:
        """All workers there should be, those that cannot be reached in red. Raises nothing."""


class NoWorkers:
    """Where nothing runs behind the gateway: tests, and the making of the API's description."""

    async def look(self) -> tuple[WorkerHealth, ...]:
        """Nobody."""
        return ()
