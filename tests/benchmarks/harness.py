"""Rows, the register of benchmarks, and running each in a process of its own."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from tests.benchmarks.data import ROOT
from tests.benchmarks.errors import LeftOut
from tests.benchmarks.machine import peak_memory_mib

PARTS = ROOT / "build" / "bench"
"""One file per benchmark that ran last: its rows and the series that the plots draw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a value is compared with."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured figure.

    Parameters
    ----------
    value
        ``None`` when it was left out; ``baseline`` then says why.
    bar
        What it must reach, ``None`` when it is only reported. ``at_least`` says from which side.
    ok
        Whether it does; ``None`` for a figure that was left out.
    baseline
        What it is compared with, or a word of explanation.
    """

    name: str
    value: float | None
    unit: str
    bar: float | None = None
    ok: bool | None = True
    baseline: Baseline | str | None = None
    at_least: bool = field(default=False)

    def as_json(self, machine: str) -> dict[str, Any]:
        """The object that ``build/bench.json`` lists."""
        row = asdict(self) | {"machine": machine}
        row.pop("at_least")
        return row


def reported(name: str, value: float, unit: str, *, baseline: Baseline | str | None = None) -> Row:
    """A figure without a bar."""
    return Row(name=name, value=value, unit=unit, baseline=baseline)


def at_most(name: str, value: float, unit: str, *, bar: float, baseline: Baseline | str | None = None) -> Row:
    """A figure that must not exceed its bar."""
    return Row(name=name, value=value, unit=unit, bar=bar, ok=value <= bar, baseline=baseline)


def at_least(name: str, value: float, unit: str, *, bar: float, baseline: Baseline | str | None = None) -> Row:
    """A figure that must reach its bar."""
    return Row(name=name, value=value, unit=unit, bar=bar, ok=value >= bar, baseline=baseline, at_least=True)


def left_out(name: str, why: str) -> Row:
    """A figure that could not be taken here, and why."""
    return Row(name=name, value=None, unit="", ok=None, baseline=f"left out: {why}")


def failed(name: str, why: str) -> Row:
    """A benchmark that ended without its figures."""
    return Row(name=name, value=None, unit="", ok=False, baseline=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A benchmark: ``run`` yields its rows and may fill the given series (name to JSON value) for the plots.

    ``limit_s`` ends it. ``by_default`` ones run without being named; ``quick`` ones also with ``--quick``.
    """

    name: str
    run: Callable[[dict[str, Any]], Iterator[Row]]
    limit_s: float
    by_default: bool = True
    quick: bool = False


REGISTER: dict[str, Benchmark] = {}


def register(benchmark: Benchmark) -> None:
    """Make a benchmark known by its name."""
    if benchmark.name in REGISTER:
        raise ValueError(f"two benchmarks are called {benchmark.name}")
    REGISTER[benchmark.name] = benchmark


def chosen(only: str | None, *, quick: bool) -> list[Benchmark]:
    """Benchmarks by exact name, else by the beginning of their names, else all that run by default."""
    if only is None:
        return [b for b in REGISTER.values() if b.by_default and (b.quick or not quick)]
    if only in REGISTER:
        return [REGISTER[only]]
    return [b for b in REGISTER.values() if b.name.startswith(only) and b.by_default]


def run_here(benchmark: Benchmark) -> None:
    """Run a benchmark in this process and write its part."""
    series: dict[str, Any] = {}
    rows: list[Row] = []
    started = time.perf_counter()
    try:
        rows.extend(benchmark.run(series))
    except LeftOut as reason:
        rows.append(left_out(benchmark.name, str(reason)))
    else:
        rows.append(reported(f"{benchmark.name}/peak memory", peak_memory_mib(), "MiB"))
        rows.append(reported(f"{benchmark.name}/whole run", time.perf_counter() - started, "s"))
    _write(benchmark.name, rows, series)


def run_apart(benchmark: Benchmark) -> list[Row]:
    """Run a benchmark in a process of its own, so that its memory is its own, and read its part."""
    part(benchmark.name).unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.benchmarks", "--here", benchmark.name]
    try:
        code = subprocess.run(command, cwd=ROOT, timeout=benchmark.limit_s, check=False).returncode
    except subprocess.TimeoutExpired:
        return [failed(benchmark.name, f"ended after its limit of {benchmark.limit_s:.0f} s")]
    if code or not part(benchmark.name).exists():
        return [failed(benchmark.name, f"its process ended with code {code}")]
    return read_rows(part(benchmark.name))


def part(name: str) -> Path:
    """Where a benchmark writes its rows and series."""
    return PARTS / f"{name}.json"


def read_rows(path: Path) -> list[Row]:
    """Rows of a part."""
    rows = orjson.loads(path.read_bytes())["rows"]
    return [Row(**row | {"baseline": _read_baseline(row["baseline"])}) for row in rows]


def _read_baseline(value: Any) -> Baseline | str | None:
    return Baseline(**value) if isinstance(value, dict) else value


def _write(name: str, rows: list[Row], series: dict[str, Any]) -> None:
    PARTS.mkdir(parents=True, exist_ok=True)
    content = {"rows": [asdict(row) for row in rows], "series": series}
    part(name).write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))
