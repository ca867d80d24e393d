"""Rows in dictionaries, seen through the eyes of one tenant, with a journal that takes a transaction back."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from adapters.postgres.failures import ConflictError
from domain.errors import InvariantError, RejectedError
from domain.fleet import Cluster
from domain.paging import Cursor, Page, PageRequest
from domain.tenancy import Organization

T = TypeVar("T")


@dataclass(slots=True)
class Tables:
    """All rows, by the kind of record and its key."""

    rows: dict[type, dict[Hashable, Any]] = field(default_factory=dict)

    def of(self, kind: type[T]) -> dict[Hashable, T]:
        """Rows of one kind."""
        return self.rows.setdefault(kind, {})


class View:
    """What one transaction may see and change: the twin of row-level security."""

    def __init__(self, tables: Tables, tenant: UUID | None) -> None:
        self._tables = tables
        self._journal: list[Callable[[], object]] = []
        self.tenant = tenant

    def platform_only(self) -> None:
        """Refuse what is not for tenants."""
        if self.tenant is not None:
            raise InvariantError("this is for the platform, not for a tenant")

    def get(self, kind: type[T], key: Hashable) -> T | None:
        """A row that may be seen."""
        row = self._tables.of(kind).get(key)
        return row if row is not None and self._sees(row) else None

    def all(self, kind: type[T], condition: Callable[[T], bool] = lambda _: True) -> tuple[T, ...]:
        """Rows that may be seen and meet a condition, in the order of their insertion."""
        return tuple(row for row in self._tables.of(kind).values() if self._sees(row) and condition(row))

    def exists(self, kind: type[T], condition: Callable[[T], bool]) -> bool:
        """Whether there is such a row, of whomever: what unique indexes know."""
        return any(map(condition, self._tables.of(kind).values()))

    def put(self, key: Hashable, row: object) -> None:
        """Insert or replace a row."""
        if not self._sees(row):
            raise InvariantError(f"a tenant's transaction must not write {type(row).__name__} of others")
        self._refuse_stray(row)
        rows = self._tables.of(type(row))
        before = rows.get(key)
        rows[key] = row
        self._journal.append(lambda: rows.pop(key, None) if before is None else rows.__setitem__(key, before))

    def insert(self, key: Hashable, row: object) -> bool:
        """Insert a row unless there is one of this key, of whomever."""
        if key in self._tables.of(type(row)):
            return False
        self.put(key, row)
        return True

    def insert_new(self, key: Hashable, row: object) -> None:
        """Insert a row that must be new."""
        if not self.insert(key, row):
            raise ConflictError(f"{type(row).__name__} has this already", "key")

    def refuse_twin(self, kind: type[T], condition: Callable[[T], bool], rule: str) -> None:
        """Refuse when there is such a row."""
        if self.exists(kind, condition):
            raise ConflictError(f"{kind.__name__} has this already", rule)

    def drop(self, kind: type[object], key: Hashable) -> bool:
        """Delete a row that may be seen."""
        row = self.get(kind, key)
        if row is None:
            return False
        rows = self._tables.of(kind)
        del rows[key]
        self._journal.append(lambda: rows.__setitem__(key, row))
        return True

    def drop_all(self, kind: type[T], condition: Callable[[T], bool]) -> int:
        """Delete the rows that meet a condition."""
        doomed = [key for key, row in self._tables.of(kind).items() if self._sees(row) and condition(row)]
        return sum(self.drop(kind, key) for key in doomed)

    def cascade(self, column: str, owner: UUID, *, keep: Sequence[type] = ()) -> None:
        """Delete whatever belongs to an owner that is gone."""
        for kind in [kind for kind in self._tables.rows if kind not in keep]:
            self.drop_all(kind, lambda row: getattr(row, column, None) == owner)

    def roll_back(self) -> None:
        """Take back all that was done."""
        while self._journal:
            self._journal.pop()()

    def _sees(self, row: object) -> bool:
        owner = row.id if isinstance(row, Organization) else getattr(row, "organization_id", self.tenant)
        return self.tenant is None or owner == self.tenant

    def _refuse_stray(self, row: object) -> None:
        cluster_id = None if isinstance(row, Cluster) else getattr(row, "cluster_id", None)
        if cluster_id is None:
            return
        cluster = self._tables.of(Cluster).get(cluster_id)
        if cluster is None or cluster.organization_id != getattr(row, "organization_id", None):
            raise RejectedError(f"refused by the database: {type(row).__name__} of an unknown cluster")


def page_of(rows: Sequence[T], request: PageRequest, *, by: tuple[str, str] = ("created_at", "id")) -> Page[T]:
    """A page of rows, newest first."""
    at, id_ = by
    ordered = sorted(rows, key=lambda row: (getattr(row, at), getattr(row, id_)), reverse=True)
    if request.after is not None:
        limit = (request.after.at, request.after.id)
        ordered = [row for row in ordered if (getattr(row, at), getattr(row, id_)) < limit]
    shown = ordered[: request.limit]
    more = len(ordered) > request.limit
    cursor = Cursor(at=getattr(shown[-1], at), id=getattr(shown[-1], id_)) if more else None
    return Page(items=tuple(shown), next=cursor)


def by_age(rows: Sequence[T]) -> Iterator[T]:
    """Rows, oldest first."""
    return iter(sorted(rows, key=lambda row: (row.created_at, row.id)))  # type: ignore[attr-defined]


class MemoryRepository:
    """Holds the view of its transaction."""

    def __init__(self, view: View) -> None:
        self._view = view
