"""``python -m tests.benchmarks [--only NAME] [--quick] [--list]``: run, print, write ``build/bench.json``."""

import argparse
import sys
from pathlib import Path

import orjson
from rich.console import Console

from tests.benchmarks import suite
from tests.benchmarks.data import ROOT
from tests.benchmarks.harness import REGISTER, Benchmark, Row, chosen, run_apart, run_here
from tests.benchmarks.machine import describe
from tests.benchmarks.table import show

OUTPUT = ROOT / "build" / "bench.json"


def main(arguments: list[str]) -> int:
    """Exit code 0 when no row missed its bar, 1 when one did, 2 for an unknown name."""
    options = _parser().parse_args(arguments)
    if options.here:
        run_here(REGISTER[options.here])
        return 0
    benchmarks = chosen(options.only, quick=options.quick)
    if not benchmarks:
        print(f"no benchmark is called {options.only}; --list shows all", file=sys.stderr)
        return 2
    if options.list:
        return _list(benchmarks if options.only else list(REGISTER.values()))
    rows = _run(benchmarks, Console())
    _write(rows, OUTPUT, kept=_others(benchmarks) if options.keep else [])
    return 1 if any(row.ok is False for row in rows) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=suite.__doc__)
    parser.add_argument("--only", metavar="NAME", help="one benchmark, or all whose names begin with this")
    parser.add_argument("--quick", action="store_true", help="leave out all that takes more than a minute")
    parser.add_argument("--keep", action="store_true", help="keep figures of earlier runs that this run does not take")
    parser.add_argument("--list", action="store_true", help="show the names and stop")
    parser.add_argument("--here", metavar="NAME", help=argparse.SUPPRESS)
    return parser


def _list(benchmarks: list[Benchmark]) -> int:
    for benchmark in benchmarks:
        print(benchmark.name if benchmark.by_default else f"{benchmark.name} (only when named)")
    return 0


def _run(benchmarks: list[Benchmark], console: Console) -> list[Row]:
    rows: list[Row] = []
    for number, benchmark in enumerate(benchmarks, start=1):
        console.print(f"[dim]{number}/{len(benchmarks)}[/] {benchmark.name} …")
        found = run_apart(benchmark)
        show(found, title=benchmark.name, console=console)
        rows += found
    missed = [row.name for row in rows if row.ok is False]
    console.print(f"{len(rows)} figures, {len(missed)} below their bar{': ' if missed else ''}{', '.join(missed)}")
    return rows


def _others(benchmarks: list[Benchmark]) -> list[dict[str, object]]:
    """Rows of the last file that are not of these benchmarks."""
    if not OUTPUT.exists():
        return []
    again = {benchmark.name for benchmark in benchmarks}
    return [row for row in orjson.loads(OUTPUT.read_bytes()) if row["name"].partition("/")[0] not in again]


def _write(rows: list[Row], path: Path, *, kept: list[dict[str, object]]) -> None:
    path.parent.mkdir(exist_ok=True)
    machine = describe()
    path.write_bytes(orjson.dumps(kept + [row.as_json(machine) for row in rows], option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
