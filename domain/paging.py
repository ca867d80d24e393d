"""Lists in pages, newest first, without counting what came before."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from domain.validate import require_utc

MAX_PAGE = 200
"""Rows of one page: what a table in the portal can show, and what one answer should hold."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The last row of a page: the next one starts behind it. Rows are sorted by time, then id, both descending."""

    at: datetime
    id: UUID

    def __post_init__(self) -> None:
        require_utc(at=self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """What to show: at most ``limit`` rows, those behind ``after``, from the newest when there is none."""

    limit: int = 50
    after: Cursor | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_PAGE:
            raise ValueError(f"limit must be within 1..{MAX_PAGE}, not {self.limit}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Rows and the way to the next page, ``None`` on the last one."""

    items: tuple[T, ...]
    next: Cursor | None = None
