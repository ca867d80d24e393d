"""Writes tables to Parquet, row group by row group: memory holds one row group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Any, BinaryIO, Self

import pyarrow as pa
import pyarrow.parquet as pq


class Kind(Enum):
    """What a column holds."""

    INTEGER = "int64"
    REAL = "float64"
    TEXT = "string"


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
        fields = [pa.field(column.name, column.kind.value, nullable=False) for column in columns]
        self._schema = pa.schema(fields, metadata=dict(sorted(about.items())))
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows as one row group; nothing when there are none."""
        if rows:
            self._writer.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=self._schema))

    def close(self) -> None:
        """Write the footer; without it the file is none."""
        self._writer.close()
