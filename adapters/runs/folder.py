"""The folder of one run: manifest, one file for each batch that is done, and what is made of them in the end."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from adapters.parquet import Column, Kind, ParquetWriter
from adapters.runs.manifest import Manifest, read_manifest
from domain.errors import InputError

MANIFEST, RESULTS, SUMMARY, REPORT = "manifest.json", "results.parquet", "summary.json", "report.html"
_PART = re.compile(r"part-(\d{6})\.json")
GROUP_ROWS = 1_000
"""Rows of a row group: memory stays bounded, and the bytes depend on rows alone."""

Row = dict[str, Any]


class RunFolder:
    """Where a run keeps what it has. Every file appears whole or not at all.

    Raises
    ------
    InputError
        When the folder holds another run, or cannot be written.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path, self.manifest = path, manifest
        self._parts = path / "parts"
        try:
            self._parts.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise InputError(str(path), "", f"cannot be written: {err.strerror}") from err
        before = path / MANIFEST
        if before.exists() and not read_manifest(before).same_run(manifest):
            raise InputError(
                str(path), MANIFEST, "is of another run: scenario, data or batch differ; take a new folder"
            )
        self._put(MANIFEST, manifest.as_bytes())

    def done(self) -> frozenset[int]:
        """Numbers of the batches that are done."""
        names = (_PART.fullmatch(path.name) for path in self._parts.iterdir())
        return frozenset(int(match[1]) for match in names if match)

    def keep(self, batch: int, rows: Sequence[Row]) -> None:
        """Keep the rows of a batch."""
        self._put(f"parts/part-{batch:06d}.json", orjson.dumps(list(rows)))

    def rows(self, batches: int) -> Iterator[Row]:
        """All rows of the first batches, in order; one batch in memory at a time."""
        for batch in range(batches):
            path = self._parts / f"part-{batch:06d}.json"
            try:
                yield from orjson.loads(path.read_bytes())
            except (OSError, orjson.JSONDecodeError) as err:
                raise InputError(str(path), "", f"is damaged; remove it and run again: {err}") from err

    def write_results(self, batches: int) -> Path:
        """All rows as one Parquet file."""
        path, rows = self.path / RESULTS, self.rows(batches)
        first = next(rows, None)
        columns = [Column(name=name, kind=_kind(value)) for name, value in (first or {}).items()]
        about = {"manifest": self.manifest.as_bytes().decode()}
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file, ParquetWriter(file, columns, about=about) as writer:
            group = [first] if first else []
            for row in rows:
                group.append(row)
                if len(group) == GROUP_ROWS:
                    writer.write(group)
                    group = []
            writer.write(group)
        partial.replace(path)
        return path

    def write(self, name: str, content: bytes) -> Path:
        """A file of the run: the summary, the report."""
        self._put(name, content)
        return self.path / name

    def _put(self, name: str, content: bytes) -> None:
        path = self.path / name
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        try:
            partial.write_bytes(content)
            partial.replace(path)
        except OSError as err:
            raise InputError(str(path), "", f"cannot be written: {err.strerror}") from err


def keep_report(path: Path, text: str) -> None:
    """Write something that is made of results for people: a report, a chart.

    Raises
    ------
    InputError
        When it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as err:
        raise InputError(str(path), "", f"cannot be written: {err.strerror}") from err


def _kind(value: Any) -> Kind:
    if isinstance(value, str):
        return Kind.TEXT
    return Kind.REAL if isinstance(value, float) else Kind.INTEGER
