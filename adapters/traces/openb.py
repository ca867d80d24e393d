"""Pods that came and went, in the format of the openb traces (Alibaba, cluster-trace-gpu-v2023)."""

import csv
import gzip
import io
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

from domain.errors import InputError

MAX_BYTES = 64 << 20
COLUMNS = ("name", "cpu_milli", "memory_mib", "num_gpu", "creation_time", "deletion_time", "scheduled_time")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivedPod:
    """A pod: when it came, in seconds since the first, how long it ran, and what it asked for."""

    name: str
    at_s: float
    runs_s: float
    cpu_mcpu: int
    memory_mib: int
    gpus: int


def read_arrivals(path: Path, *, gpus: bool) -> tuple[ArrivedPod, ...]:
    """Pods of a list that ran, in the order of their coming; those that never ran are left out.

    Parameters
    ----------
    gpus
        Keep pods that ask for GPUs, too.

    Raises
    ------
    InputError
        When the file cannot be read, or a row is not in the format: names the row.
    """
    rows = _rows(path)
    pods = [pod for number, row in enumerate(rows, start=2) if (pod := _pod(row, path, number)) is not None]
    kept = [pod for pod in pods if gpus or not pod.gpus]
    if not kept:
        raise InputError(str(path), "", "has no pod that ran" + ("" if gpus else " without GPUs"))
    first = min(pod.at_s for pod in kept)
    moved = (_since(pod, first) for pod in kept)
    return tuple(sorted(moved, key=lambda pod: (pod.at_s, pod.name)))


def _since(pod: ArrivedPod, first_s: float) -> ArrivedPod:
    return ArrivedPod(
        name=pod.name, at_s=pod.at_s - first_s, runs_s=pod.runs_s, cpu_mcpu=pod.cpu_mcpu, memory_mib=pod.memory_mib,
        gpus=pod.gpus,
    )  # fmt: skip


def _pod(row: dict[str, str], path: Path, number: int) -> ArrivedPod | None:
    if not row["scheduled_time"] or not row["deletion_time"]:
        return None
    figures = {name: _figure(row, name, path, number) for name in COLUMNS[1:]}
    runs_s = figures["deletion_time"] - figures["scheduled_time"]
    if runs_s < 0:
        raise InputError(f"{path} row {number}", "deletion_time", "lies before scheduled_time")
    if runs_s == 0 or figures["cpu_milli"] <= 0 or figures["memory_mib"] <= 0:
        return None
    return ArrivedPod(
        name=row["name"], at_s=figures["creation_time"], runs_s=runs_s, cpu_mcpu=int(figures["cpu_milli"]),
        memory_mib=int(figures["memory_mib"]), gpus=int(figures["num_gpu"]),
    )  # fmt: skip


def _figure(row: dict[str, str], name: str, path: Path, number: int) -> float:
    try:
        value = float(row[name])
    except ValueError as err:
        raise InputError(f"{path} row {number}", name, f"must be a number, not {row[name]!r}") from err
    if not math.isfinite(value) or value < 0:
        raise InputError(f"{path} row {number}", name, f"must not be negative, not {row[name]}")
    return value


def _rows(path: Path) -> list[dict[str, str]]:
    rows = read_table(path, columns=COLUMNS)
    if not rows:
        raise InputError(str(path), "", "holds no pods")
    return rows


def read_table(path: Path, *, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows of a CSV file, gzipped or not, that has at least these columns.

    Raises
    ------
    InputError
        When it cannot be read, is too large, is no CSV, or a column is missing.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as err:
        raise InputError(str(path), "", f"cannot be read: {err}") from err
    if len(content) > MAX_BYTES:
        raise InputError(str(path), "", f"is larger than {MAX_BYTES >> 20} MiB")
    try:
        reader = csv.DictReader(io.StringIO(content.decode()), restval="")
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as err:
        raise InputError(str(path), "", f"is no CSV table: {err}") from err
    if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
        raise InputError(f"{path} row 1", missing[0], f"is missing; the columns are {', '.join(columns)}")
    return rows
