"""``spotopt simulate``: batches of simulations, over Ray."""

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from adapters.scenarios import Scenario, read_scenario, scenario_of
from domain.errors import InputError
from serve.cli.workers import ray_for

if TYPE_CHECKING:
    from actors.simulation.batch import Workers
    from adapters.runs import Manifest
    from solvers.replay.paired import Comparison

# Ray, numba and OR-Tools take seconds to import, which no other command should wait for: functions import them.

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
MOST_ON_A_CLUSTER = 1_000
"""Tasks at once on a Ray cluster unless told otherwise: Ray starts as many as it has cores for."""
STORE_BYTES = 128 << 20
"""Ray's shared memory on one machine: orders and rows are small."""
_WIDE = 160
"""Columns of the table in a file or a pipe."""
_ENDLESS = 10_000
"""Columns of a console on which a table is as wide as it wants to be."""
_COLUMNS = (
    ("cost_usd", "cost $", 0), ("saving", "saving %", 1), ("lost_pod_min", "pod-min lost", 0),
    ("interruptions", "interruptions", 1), ("failing_launches", "failing launches", 1), ("kills", "kills", 1),
    ("evictions", "evictions", 1), ("budget_breaches", "breaches", 0), ("spot_hours", "Spot h", 1),
    ("misses", "misses", 2),
)  # fmt: skip


@click.command()
@click.argument("scenario_file", metavar="SCENARIO.yaml", type=_FILE)
@click.option("--replications", "-n", type=click.IntRange(min=1), metavar="N", help="How often; default 100.")
@click.option("--output", type=_FOLDER, metavar="DIR", help="Folder of the run; default runs/NAME. Run again to go on.")
@click.option("--data", type=_FOLDER, metavar="DIR", help="Where paths of the scenario begin; default SPOTOPT_DATA.")
@click.option("--workers", type=click.IntRange(min=0), metavar="N", help="Processes; default one a core, 0 none: here.")
@click.option("--set", "changes", multiple=True, metavar="FIELD=VALUE", help="Change a field: clusters.tenants=8.")
@click.option("--batch", type=click.IntRange(min=1), metavar="N", help="Replications of one task.")
@click.option("--chart", "charts", multiple=True, metavar="MEASURE=FILE.svg", help="Also draw one measure.")
def simulate(
    scenario_file: Path,
    replications: int | None,
    output: Path | None,
    data: Path | None,
    workers: int | None,
    changes: tuple[str, ...],
    batch: int | None,
    charts: tuple[str, ...],
) -> None:
    """Play a scenario many times under each of its policies, and compare.

    Results are in the folder of the run: results.parquet (a row for each replication and policy), summary.json,
    report.html, and manifest.json. A run that was stopped goes on where it stood. A manifest in place of a scenario
    makes that run again, if the data are still the same.
    """
    from actors.simulation.batch import BATCH, Batches
    from actors.simulation.batch import simulate as run
    from adapters.runs.folder import MANIFEST, REPORT, keep_report
    from adapters.runs.manifest import read_manifest
    from serve.report.simulation import chart_of, simulation_html

    before = read_manifest(scenario_file) if scenario_file.name == MANIFEST else None
    scenario = read_scenario(scenario_file, changes=changes) if before is None else _scenario_of(before, changes)
    folder = output or Path("runs") / scenario.name.replace(" ", "-")
    usual, at_once = (100, BATCH) if before is None else (before.replications, before.batch)
    batches = Batches(
        scenario=scenario, data=_data(data, scenario_file), replications=replications or usual, batch=batch or at_once
    )
    if before is not None and batches.manifest().data != before.data:
        raise InputError(str(scenario_file), "data", "are other files by now than those that this run was made of")
    console = Console(stderr=True)
    with _workers(workers, batches.number) as computing, _progress(console, scenario.name) as on_done:
        found = run(batches, folder, computing, on_done=on_done)
    report = simulation_html(found, scenario, command=_command(scenario_file, batches.replications, changes=changes))
    keep_report(folder / REPORT, report)
    for chart in charts:
        measure, _, file = chart.partition("=")
        keep_report(Path(file or f"{measure}.svg"), chart_of(found, measure))
    output_console = Console()
    _print(output_console if output_console.is_terminal else Console(width=_WIDE), found, scenario)
    console.print(f"{folder}: results.parquet, summary.json, report.html, manifest.json", highlight=False)


def _scenario_of(before: "Manifest", changes: tuple[str, ...]) -> Scenario:
    """The scenario of a run, as it was."""
    if changes:
        raise InputError("--set", changes[0], "changes a scenario, not the manifest of a run")
    return scenario_of(before.scenario)


def _data(given: Path | None, scenario_file: Path) -> Path:
    """The folder that paths of the scenario begin at: as told, else of the environment, else beside the scenario."""
    named = os.environ.get("SPOTOPT_DATA")
    return given or (Path(named) if named else scenario_file.parent)


@contextmanager
def _workers(wanted: int | None, batches: int) -> "Iterator[Workers]":
    """Whoever computes: this process, or Ray, which is started here unless RAY_ADDRESS names one."""
    from actors.simulation.fanout import InProcess, RayWorkers

    if wanted == 0:
        yield InProcess()
        return
    most = MOST_ON_A_CLUSTER if os.environ.get("RAY_ADDRESS") else os.cpu_count()
    cores = min(wanted or most or 1, max(1, batches))
    with ray_for(cores, namespace="spotopt-simulations", store_bytes=STORE_BYTES):
        yield RayWorkers(cores)


class _Bar:
    def __init__(self, progress: Progress, name: str) -> None:
        self._progress, self._task = progress, progress.add_task(name, total=None)

    def __call__(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total)


@contextmanager
def _progress(console: Console, name: str) -> Iterator[_Bar]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield _Bar(progress, name)


def _command(scenario_file: Path, replications: int, *, changes: tuple[str, ...]) -> str:
    parts = ["spotopt", "simulate", scenario_file.name, "--replications", str(replications)]
    for change in changes:
        parts += ["--set", change]
    return shlex.join(parts)


def _print(console: Console, found: "Comparison", scenario: Scenario) -> None:
    console.print(
        f"{scenario.name}: {found.replications} replications of {scenario.hours:g} h, means ± 95 %; saving against "
        f"{found.baseline}",
        highlight=False,
    )
    shown = [each for each in _COLUMNS if each[0] in found.measures()]
    fewer = (_table(found, shown[:number]) for number in range(len(shown), 0, -1))
    endless = console.options.update(width=_ENDLESS)
    fits = (one for one in fewer if console.measure(one, options=endless).maximum <= console.width)
    table = next(fits, _table(found, shown[:1]))
    console.print(table)
    if len(table.columns) <= len(shown):
        console.print("report.html has more columns than fit here")


def _table(found: "Comparison", shown: Sequence[tuple[str, str, int]]) -> Table:
    table = Table(box=None)
    table.add_column("", header_style="dim", no_wrap=True)
    for _, title, _ in shown:
        table.add_column(title, justify="right", header_style="dim", no_wrap=True)
    for policy in found.policies():
        table.add_row(policy, *(_cell(found, policy, name=name, digits=digits) for name, _, digits in shown))
    return table


def _cell(found: "Comparison", policy: str, *, name: str, digits: int) -> str:
    figure = found.figure(policy, name)
    scale = 100.0 if name == "saving" else 1.0
    width = f" ± {figure.half_width * scale:,.{digits}f}" if isfinite(figure.half_width) else ""
    return f"{figure.mean * scale:,.{digits}f}{width}"
