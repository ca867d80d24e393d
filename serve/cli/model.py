"""``spotopt model``: train, judge and describe models of interruption risk; list those of a platform."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson
from rich.console import Console
from rich.table import Table as Sheet

from domain.errors import InputError
from serve.cli.registry import list_models, show_model

if TYPE_CHECKING:
    from solvers.interruption.evaluate import Judged
    from solvers.interruption.model import RiskModel
    from solvers.interruption.prior import Prior
    from solvers.interruption.rows import Table
    from solvers.interruption.survival import SurvivalReport

# LightGBM and scikit-learn take seconds to import, which no other command should wait for: functions import them.

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)
_WORKERS = click.option(
    "--workers", type=click.IntRange(min=0), metavar="N", help="Processes that train; default one a core, 0 none: here."
)
_HEADINGS = {
    "auc": "AUC", "average_precision": "AP", "brier": "Brier", "log_loss": "log loss", "calibration_error": "ECE",
}  # fmt: skip
_SHOWN = tuple(_HEADINGS)
_WIDE = 120
"""Columns of the table in a file or a pipe."""


@click.group()
def model() -> None:
    """Models of interruption risk: train, evaluate, card; list and show those of a platform."""


model.add_command(list_models)
model.add_command(show_model)


@model.command()
@click.option("--traces", type=_FOLDER, required=True, metavar="DIR", help="Recordings in the SkyPilot format.")
@click.option("--out", type=_FILE, required=True, metavar="FILE", help="Where to write; the card is FILE's .md.")
@click.option("--advisor", type=_FOLDER, metavar="DIR", help="Snapshots of the Spot advisor, for the prior.")
@click.option("--until-tick", type=click.IntRange(min=1), metavar="N", help="Learn from the first N ticks alone.")
@_WORKERS
def train(traces: Path, out: Path, advisor: Path | None, until_tick: int | None, workers: int | None) -> None:
    """Train a model; the same traces give the same file."""
    from serve.cli.workers import mapping
    from solvers.interruption.contract import V1_0
    from solvers.interruption.model_file import parse_model
    from solvers.interruption.train import train as train_model

    tables = _tables(traces, until_tick=until_tick)
    with mapping(workers, most=len(V1_0.horizons_h)) as run:
        text = train_model(tables, prior=_prior(advisor), run=run)
    trained = parse_model(text.encode(), of=str(out))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="ascii")
        out.with_suffix(".md").write_text(_card(trained, text.encode(), []), encoding="utf-8")
    except OSError as err:
        raise InputError(str(out), "", f"cannot be written: {err.strerror}") from err
    click.echo(f"{out}: {len(text) / 1024:.0f} KiB, card in {out.with_suffix('.md')}")


@model.command()
@click.option("--traces", type=_FOLDER, required=True, metavar="DIR", help="Recordings in the SkyPilot format.")
@click.option("--model", "file", type=_FILE, metavar="FILE", help="A trained model; without it the carried one.")
@click.option("--from-tick", type=click.IntRange(min=0), default=0, metavar="N", help="Judge rows from this tick on.")
@click.option("--splits", is_flag=True, help="Also train anew on splits: rolling origins, regions, recordings.")
@click.option("--lifetimes", type=_FILE, metavar="FILE", help="Lifetimes of preemptible instances, for survival.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_WORKERS
def evaluate(
    traces: Path,
    file: Path | None,
    from_tick: int,
    splits: bool,  # noqa: FBT001  # click hands options over by name
    lifetimes: Path | None,
    as_json: bool,  # noqa: FBT001
    workers: int | None,
) -> None:
    """Judge a model on recordings, against baselines fitted to what lies before the tick."""
    from solvers.interruption.evaluate import judge_model

    judging, _ = _load(file)
    tables = _tables(traces, until_tick=None)
    judged = []
    for table in tables:
        found = judge_model(table, judging, from_tick=from_tick)
        if not found:
            name, ticks = table.history.name, table.history.ticks
            click.echo(f"note: {name} has {ticks} ticks; none from {from_tick} on can be judged", err=True)
        judged += found
    if not judged:
        raise InputError("--from-tick", "", f"{from_tick} leaves no rows in any recording of {traces}")
    judged += _splits(tables, workers) if splits else []
    survival = _survival(lifetimes) if lifetimes else None
    if as_json:
        content = {"judged": [_plain(each) for each in judged], "survival": survival}
        click.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)
    _print(console, judged)
    if survival is not None:
        _print_survival(console, survival)


@model.command()
@click.option("--model", "file", type=_FILE, metavar="FILE", help="A trained model; without it the carried one.")
@click.option("--traces", type=_FOLDER, metavar="DIR", help="Recordings to add figures of.")
@click.option("--from-tick", type=click.IntRange(min=0), default=0, metavar="N", help="Judge rows from this tick on.")
def card(file: Path | None, traces: Path | None, from_tick: int) -> None:
    """Print the card of a model as Markdown, with figures when there are recordings to judge it on."""
    from solvers.interruption.evaluate import judge_model

    described, data = _load(file)
    tables = _tables(traces, until_tick=None) if traces else []
    judged = [each for table in tables for each in judge_model(table, described, from_tick=from_tick)]
    click.echo(_card(described, data, judged), nl=False)


def _card(described: "RiskModel", data: bytes, judged: "Sequence[Judged]") -> str:
    from solvers.interruption.card import model_card

    return model_card(described, judged=judged, sha256=hashlib.sha256(data).hexdigest())


def _load(file: Path | None) -> "tuple[RiskModel, bytes]":
    from adapters.traces.model_text import read_model_text
    from solvers.interruption.model_file import MAX_BYTES, parse_model

    data, called = read_model_text(file, most_bytes=MAX_BYTES)
    return parse_model(data, of=called), data


def _tables(folder: Path, *, until_tick: int | None) -> "list[Table]":
    from adapters.traces.skypilot import read_recordings, strangers
    from solvers.interruption.history import History, SeenPool
    from solvers.interruption.rows import Table

    for stranger in strangers(folder):
        click.echo(f"note: {stranger} is not called like us-east-1a_v100_1.json, and left out", err=True)
    tables = []
    for recording in read_recordings(folder, ragged=True):
        known = recording.known
        if not known.all():
            gone = f"{known.size - int(known.sum())} of {known.size} ticks"
            click.echo(f"note: {recording.name} lacks {gone}; no decision is judged across them", err=True)
        pools = tuple(
            SeenPool(region=s.region, zone=s.zone, instance_type=s.instance_type, accelerators=s.accelerators)
            for s in recording.series
        )
        history = History(
            name=recording.name,
            pools=pools,
            up=recording.up,
            tick_s=recording.tick_s,
            start=recording.start,
            known=None if known.all() else known,
        )
        tables.append(Table.of(history if until_tick is None else history.until(until_tick)))
    return tables


def _prior(folder: Path | None) -> "Prior":
    from adapters.catalog.hazard import INTERRUPTION_PER_MONTH
    from adapters.traces.tables import read_advisor
    from solvers.interruption.prior import Advised, fit_prior

    snapshots = read_advisor(folder) if folder else ()
    advice = [
        [Advised(region=region, instance_type=name, bucket=bucket) for region, name, bucket in snapshot.rows]
        for snapshot in snapshots
    ]
    return fit_prior(advice, interruption_per_month=INTERRUPTION_PER_MONTH)


def _splits(tables: "Sequence[Table]", workers: int | None) -> "list[Judged]":
    """Experiments on the recording with most regions; the others serve as earlier ones."""
    from serve.cli.workers import mapping
    from solvers.interruption.experiments import Experiments

    main = max(tables, key=lambda table: (len({pool.region for pool in table.history.pools}), table.history.ticks))
    with mapping(workers) as run:
        found = Experiments(main=main, earlier=tuple(table for table in tables if table is not main), run=run)
        return [*found.rolling(), *found.region_left_out(), *found.transfer()]


def _survival(file: Path) -> "SurvivalReport":
    from adapters.traces.tables import read_lifetimes
    from solvers.interruption.survival import Lifetimes, survival_report

    found = read_lifetimes(file)
    return survival_report(Lifetimes(hours=found.hours, preempted=found.preempted, began=found.began_day))


def _plain(each: "Judged") -> dict[str, object]:
    return asdict(each) | {"coverage": each.coverage}


def _print(console: Console, judged: "Sequence[Judged]") -> None:
    for each in judged:
        console.print(
            f"{each.name}, {each.horizon_h} h: {each.rows} rows of {each.days} days, {each.realised:.3f} with a drop; "
            f"realised rate within the interval in {each.coverage:.0%} of the tenths",
            highlight=False,
        )
        sheet = Sheet(box=None)
        sheet.add_column("", header_style="dim")
        for name in (*_SHOWN, *each.regions):
            sheet.add_column(_HEADINGS.get(name, name), justify="right", header_style="dim")
        for predictor, found in each.figures.items():
            cells = [f"{found[name].value:.4f}" for name in _SHOWN]
            sheet.add_row(predictor, *cells, *(f"{region[predictor]:.3f}" for region in each.regions.values()))
            ends = [f"{found[name].low:.3f}–{found[name].high:.3f}" for name in _SHOWN]
            sheet.add_row("  90 %", *ends, style="dim")
        console.print(sheet)
        for note in each.notes:
            console.print(f"note: {note}", highlight=False, markup=False)
        console.print()
    console.print(
        "Columns named after regions: AUC there. 90 %: of the resamples of days. ECE: ten bins of equal width.",
        style="dim",
        highlight=False,
    )


def _print_survival(console: Console, found: "SurvivalReport") -> None:
    from solvers.interruption.survival import EDGES_H

    console.print(
        f"Lifetimes: {found.instances} instances, {found.preempted} preempted, {found.at_cap} of them at the 24 h cap; "
        f"{found.mean_per_h:.4f} interruptions per hour (every end taken for one: {found.naive_per_h:.4f}); later "
        f"lifetimes' mean log likelihood {found.by_age:.4f} by age, {found.memoryless:.4f} memoryless",
        highlight=False,
    )
    for low, high, rate in zip(EDGES_H, EDGES_H[1:], found.hazard_uncapped_per_h, strict=False):
        console.print(f"  {low:4.0f} to {high:2.0f} h: {rate:.4f} per hour", highlight=False)
