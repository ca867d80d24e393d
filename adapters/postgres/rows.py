"""Between rows and records: columns and fields have the same names."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields as dataclass_fields
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

from domain.paging import Cursor, Page, PageRequest

T = TypeVar("T")
Reader = Callable[[Any], Any]
_READERS: dict[type, dict[str, Reader | None]] = {}


class Row(Protocol):
    """What a query returns, by column."""

    def __getitem__(self, column: str, /) -> Any:
        """The value of one column."""

    def items(self) -> Iterable[tuple[str, Any]]:
        """Columns and values."""


def read(record: type[T], row: Row) -> T:
    """A record from a row that has a column for each field."""
    values = {name: row[name] if to is None else to(row[name]) for name, to in _readers(record).items()}
    return record(**values)


def read_all(record: type[T], rows: Iterable[Row]) -> tuple[T, ...]:
    """Records from rows."""
    return tuple(read(record, row) for row in rows)


def values_of(record: object) -> dict[str, object]:
    """The fields of a record by name, as query parameters."""
    return {name: getattr(record, name) for name in _names(type(record))}


def columns_of(records: Sequence[object]) -> dict[str, list[object]]:
    """The fields of many records of one kind, each as a list: parameters of a query that unnests them."""
    if not records:
        return {}
    return {name: [getattr(record, name) for record in records] for name in _names(type(records[0]))}


def page_values(request: PageRequest) -> dict[str, object]:
    """Parameters of a query with ``{page}``: it reads one row more than asked for, to know whether there is more."""
    after = request.after
    return {"after_at": after and after.at, "after_id": after and after.id, "most": request.limit + 1}


def page(
    rows: Sequence[Row], request: PageRequest, *, to: Callable[[Row], T], by: tuple[str, str] = ("created_at", "id")
) -> Page[T]:
    """A page from the rows of such a query; ``by`` are the two columns that it is sorted by."""
    shown = rows[: request.limit]
    cursor = Cursor(at=shown[-1][by[0]], id=shown[-1][by[1]]) if len(rows) > request.limit else None
    return Page(items=tuple(map(to, shown)), next=cursor)


def _names(record: type) -> Iterable[str]:
    return _readers(record).keys()


def _readers(record: type) -> dict[str, Reader | None]:
    if record not in _READERS:
        hints = get_type_hints(record)
        _READERS[record] = {field.name: _reader(hints[field.name]) for field in dataclass_fields(record)}
    return _READERS[record]


def _reader(hint: Any) -> Reader | None:
    if get_origin(hint) in (Union, UnionType):
        (inner,) = (arg for arg in get_args(hint) if arg is not NoneType)
        reader = _reader(inner)
        return None if reader is None else lambda value: None if value is None else reader(value)
    if get_origin(hint) is tuple:
        return tuple
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    return None
