"""Public tables as arrays: snapshots of the Spot advisor, and lifetimes of preemptible instances."""

import csv
import gzip
import io
import re
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from domain.errors import InputError

MAX_BYTES = 64 << 20
SNAPSHOT = re.compile(r"spot_advisor_(\d{4}-\d{2})\.csv\.gz")
BUCKETS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The advisor's Linux rows at one date: region, type, bucket 0..4."""

    date: str
    rows: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedInstances:
    """Lifetimes in hours, whether each ended by preemption (else by its user), and begin in days since the first."""

    hours: NDArray[np.float64]
    preempted: NDArray[np.bool_]
    began_day: NDArray[np.float64]


def read_advisor(folder: Path) -> tuple[Snapshot, ...]:
    """All snapshots of a folder, ``spot_advisor_2025-06.csv.gz``, oldest first.

    Raises
    ------
    InputError
        When there is none, or one is not in the format.
    """
    found = sorted((match[1], path) for path in folder.glob("*.gz") if (match := SNAPSHOT.fullmatch(path.name)))
    if not found:
        raise InputError(str(folder), "", "holds no spot_advisor_YYYY-MM.csv.gz")
    return tuple(Snapshot(date=date, rows=_advice(path)) for date, path in found)


def _advice(path: Path) -> tuple[tuple[str, str, int], ...]:
    rows = [row for row in _read(path) if row.get("os") == "Linux"]
    try:
        advice = tuple((row["region"], row["instance_type"], int(row["interruption_range"])) for row in rows)
    except (KeyError, ValueError) as err:
        raise InputError(str(path), "interruption_range", f"or another column is missing or no number: {err}") from err
    if not all(0 <= bucket < BUCKETS for _, _, bucket in advice):
        raise InputError(str(path), "interruption_range", f"must be 0 to {BUCKETS - 1}")
    return advice


def read_lifetimes(path: Path) -> EndedInstances:
    """Lifetimes with columns ``lifetime_s``, ``ended_by`` and ``insert_time``.

    Raises
    ------
    InputError
        When the file is not in the format.
    """
    rows = _read(path)
    if not rows:
        raise InputError(str(path), "", "holds no lifetimes")
    try:
        hours = np.array([float(row["lifetime_s"]) / 3600 for row in rows])
        preempted = np.array([row["ended_by"] == "preempted" for row in rows])
        began = [datetime.fromisoformat(row["insert_time"]).astimezone(UTC) for row in rows]
    except (KeyError, ValueError) as err:
        raise InputError(str(path), "", f"has a row that cannot be read: {err}") from err
    first = min(began)
    days = np.array([(each - first).total_seconds() / 86_400 for each in began])
    return EndedInstances(hours=hours, preempted=preempted, began_day=days)


def _read(path: Path) -> list[dict[str, str]]:
    try:
        with gzip.open(path) as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as err:
        raise InputError(str(path), "", f"cannot be read: {err}") from err
    if len(content) > MAX_BYTES:
        raise InputError(str(path), "", f"is larger than {MAX_BYTES >> 20} MiB when unpacked")
    try:
        return list(csv.DictReader(io.StringIO(content.decode())))
    except (UnicodeDecodeError, csv.Error) as err:
        raise InputError(str(path), "", f"is no CSV table: {err}") from err
