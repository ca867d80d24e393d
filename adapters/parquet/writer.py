"""Writes tables to Parquet, row group by row group: memory holds one row group and the footer."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Any, BinaryIO, Self

from adapters.parquet.thrift import I64, Struct, dumps

MAGIC = b"PAR1"
_PLAIN, _RLE, _UNCOMPRESSED, _DATA_PAGE, _REQUIRED = 0, 3, 0, 0, 0


class Kind(Enum):
    """What a column holds: its physical type, and its logical (converted) one."""

    INTEGER = (2, None)
    REAL = (5, None)
    TEXT = (6, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column without nulls."""

    name: str
    kind: Kind


class ParquetWriter:
    """A file being written. The same rows give the same bytes.

    Parameters
    ----------
    about
        Key-value metadata of the file.
    """

    def __init__(self, file: BinaryIO, columns: Sequence[Column], *, about: Mapping[str, str]) -> None:
        self._file, self._columns, self._about = file, tuple(columns), dict(about)
        self._groups: list[Struct] = []
        self._rows = 0
        self._at = file.write(MAGIC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self.close()

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows as one row group; nothing when there are none."""
        if not rows:
            return
        begin = self._at
        chunks = [self._chunk(column, [row[column.name] for row in rows]) for column in self._columns]
        self._groups.append(Struct((1, chunks), (2, I64(self._at - begin)), (3, I64(len(rows)))))
        self._rows += len(rows)

    def close(self) -> None:
        """Write the footer; without it the file is none."""
        root = Struct((4, "schema"), (5, len(self._columns)))
        elements = [root, *(_element(column) for column in self._columns)]
        about = [Struct((1, key), (2, value)) for key, value in sorted(self._about.items())]
        meta = dumps(
            Struct((1, 1), (2, elements), (3, I64(self._rows)), (4, self._groups), (5, about or None), (6, "spotopt"))
        )
        self._file.write(meta + struct.pack("<I", len(meta)) + MAGIC)

    def _chunk(self, column: Column, values: Sequence[Any]) -> Struct:
        body = _plain(column.kind, values)
        page = Struct((1, len(values)), (2, _PLAIN), (3, _RLE), (4, _RLE))
        head = dumps(Struct((1, _DATA_PAGE), (2, len(body)), (3, len(body)), (5, page)))
        offset, size = self._at, len(head) + len(body)
        self._file.write(head)
        self._file.write(body)
        self._at += size
        meta = Struct(
            (1, column.kind.value[0]), (2, [_PLAIN, _RLE]), (3, [column.name]), (4, _UNCOMPRESSED),
            (5, I64(len(values))), (6, I64(size)), (7, I64(size)), (9, I64(offset)),
        )  # fmt: skip
        return Struct((2, I64(offset)), (3, meta))


def _element(column: Column) -> Struct:
    physical, converted = column.kind.value
    return Struct((1, physical), (3, _REQUIRED), (4, column.name), (6, converted))


def _plain(kind: Kind, values: Iterable[Any]) -> bytes:
    if kind is Kind.TEXT:
        raw = (str(value).encode() for value in values)
        return b"".join(struct.pack("<I", len(each)) + each for each in raw)
    whole = list(values)
    return struct.pack(f"<{len(whole)}{'q' if kind is Kind.INTEGER else 'd'}", *whole)
