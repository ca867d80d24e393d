"""What the platform process tells the supervisor: one JSON object a line."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from domain.errors import InvariantError


class Word(StrEnum):
    """What a report is about."""

    BEGUN = "begun"
    DONE = "done"
    READY = "ready"
    """Everything has been started."""
    HEALTH = "health"
    """How it stands; comes every few seconds, and its absence means that the process hangs."""
    FAILED = "failed"
    STOPPED = "stopped"


class Order(StrEnum):
    """What the supervisor tells the platform process."""

    GO = "go"
    """The database is prepared."""
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that runs, and how it stands.

    Parameters
    ----------
    name
        As people know it.
    pid
        Its process, where it has one of its own on this machine.
    restarts
        How often it was started again since the start of the platform.
    latency_ms
        How long it took to answer just now.
    """

    name: str
    healthy: bool
    pid: int | None = None
    since: str = ""
    restarts: int = 0
    latency_ms: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One line.

    Parameters
    ----------
    step
        What was begun or done.
    detail
        For a failure, what is wrong.
    final
        For a failure: whether trying again is of no use.
    parts
        For health.
    queues
        For health: how much waits, by name.
    """

    word: Word
    step: str = ""
    took_s: float = 0.0
    detail: str = ""
    final: bool = False
    parts: tuple[Part, ...] = ()
    queues: Mapping[str, float] = field(default_factory=dict)


def in_ms(seconds: float | None) -> float | None:
    """Seconds as milliseconds with two digits."""
    return None if seconds is None else round(seconds * 1000, 2)


def encode(report: Report) -> bytes:
    """One line, with its end."""
    return orjson.dumps(asdict(report), option=orjson.OPT_APPEND_NEWLINE)


def decode(line: bytes) -> Report:
    """The report of a line.

    Raises
    ------
    InvariantError
        When it is none: both ends are of one release.
    """
    try:
        raw: dict[str, Any] = orjson.loads(line)
        parts = tuple(Part(**part) for part in raw.pop("parts"))
        return Report(word=Word(raw.pop("word")), parts=parts, **raw)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as err:
        raise InvariantError(f"the platform process has sent no report: {line[:200]!r}") from err
