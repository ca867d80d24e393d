"""``spotopt model list`` and ``show``: the models of a platform's registry, and how those that serve do."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from actors.scoring.standing import DRIFT_OVER, DRIFTED
from domain.errors import InputError
from domain.lab import RISK_MODEL, LabExperiment, MlModel, ModelRound
from domain.paging import PageRequest
from serve.operations.options import data_dir_option, json_option, settings_with

if TYPE_CHECKING:
    from adapters.postgres.ports import Transaction
    from adapters.settings import Settings

_MOST = 200
"""Models that are listed, newest first."""
_MOVED_SHOWN = 8


@click.command("list")
@data_dir_option
@json_option
def list_models(data_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001  # by name
    """List the models of the platform's registry, newest first, and the comparisons that run."""
    models, running = asyncio.run(_listed(settings_with(data_dir=data_dir)))
    if as_json:
        content = {
            "models": [_plain(one) for one in models],
            "comparisons": [_compared(one, models) for one in running],
        }
        click.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2))
        return
    if not models:
        click.echo("No model is registered: the carried one is, when the platform first starts.")
        return
    _print_models(Console(), models)
    for one in running:
        told = _compared(one, models)
        click.echo(
            f"{told['mode']}: {told['variant']} against {told['control']}, {told['rounds']} rounds, {one.name!r}"
        )


@click.command("show")
@click.argument("version")
@data_dir_option
@json_option
def show_model(version: str, data_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001  # by name
    """Show one model by its version: its record, and how far the world has moved away from it in seven days."""
    from solvers.interruption.drift import judged

    model, rounds = asyncio.run(_shown(settings_with(data_dir=data_dir), version))
    drift = judged([one.outcome for one in rounds if one.outcome is not None])
    moved = next((one.features for one in reversed(rounds) if one.features), {})
    if as_json:
        content = {"model": _plain(model), "drift": {**drift, "features": moved}}
        click.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2))
        return
    _print_model(Console(), model, drift, moved)


async def _listed(settings: "Settings") -> tuple[tuple[MlModel, ...], tuple[LabExperiment, ...]]:
    # Database drivers take a second to import, which --help should not wait for.
    from serve.operations.database import opened, reached

    async with reached(settings) as url, opened(url) as database, database.platform() as tx:
        return await _models(tx), await tx.lab.running()


async def _shown(settings: "Settings", version: str) -> tuple[MlModel, tuple[ModelRound, ...]]:
    from serve.operations.database import opened, reached

    async with reached(settings) as url, opened(url) as database, database.platform() as tx:
        models = await _models(tx)
        found = next((one for one in models if version in (one.version, str(one.id))), None)
        if found is None:
            known = ", ".join(one.version for one in models[:_MOVED_SHOWN]) or "none"
            raise InputError("VERSION", version, f"is not in the registry; there are {known}")
        return found, await tx.lab.rounds(found.id, datetime.now(UTC) - DRIFT_OVER)


async def _models(tx: "Transaction") -> tuple[MlModel, ...]:
    return tuple((await tx.models.page(RISK_MODEL, PageRequest(limit=_MOST))).items)


def _plain(model: MlModel) -> dict[str, object]:
    return asdict(model) | {"sha256": model.sha256.hex()}


def _compared(one: LabExperiment, models: tuple[MlModel, ...]) -> dict[str, Any]:
    from actors.lab.experiments import summary

    names: dict[UUID, str] = {model.id: model.version for model in models}
    return {
        "id": str(one.id), "name": one.name, "mode": str(one.mode), "share": one.share,
        "control": names.get(one.control_model_id, str(one.control_model_id)),
        "variant": names.get(one.variant_model_id, str(one.variant_model_id)),
        **summary(one),
    }  # fmt: skip


def _print_models(console: Console, models: tuple[MlModel, ...]) -> None:
    table = Table(box=None, padding=(0, 1))
    for name in ("version", "status", "registered (UTC)", "by", "SHA-256", "problem"):
        table.add_column(name, justify="left", header_style="dim", no_wrap=name != "problem")
    for one in models:
        table.add_row(
            Text(one.version), one.status, f"{one.created_at:%Y-%m-%d %H:%M}", Text(one.uploaded_by),
            one.sha256.hex()[:8], Text(_problem(one), style="bold red"),
        )  # fmt: skip
    console.print(table)


def _print_model(console: Console, model: MlModel, drift: Mapping[str, Any], moved: Mapping[str, object]) -> None:
    _print_models(console, (model,))
    if not drift["pools"]:
        click.echo("\nNo round of the last seven days has come out: nobody ran nodes that it could be judged on.")
        return
    click.echo(
        f"\n{drift['rounds']} rounds of the last seven days, {drift['pools']} pools, {drift['drops']} lost: log loss "
        f"{drift['log_loss']:.4f}, Brier {drift['brier']:.4f}; always saying the rate would cost a log loss of "
        f"{drift['log_loss_of_the_mean']:.4f}"
    )
    for bucket in drift["buckets"]:
        if bucket["pools"]:
            click.echo(
                f"  told {bucket['from']:.2f} to {bucket['to']:.2f}: {bucket['pools']} pools, mean "
                f"{bucket['predicted']:.4f}, happened {bucket['realised']:.4f}"
            )
    indices = {name: float(str(index)) for name, index in moved.items()}
    ranked = sorted(indices.items(), key=lambda item: -item[1])[:_MOVED_SHOWN]
    for name, index in ranked:
        click.echo(f"  {name} has moved by {index:.2f}{' (drifted)' if index > DRIFTED else ''}")


def _problem(model: MlModel) -> str:
    return str(model.metrics.get("problem", ""))
