"""``spotopt seed``: what every platform starts with, and whether it is all there."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from serve.operations.options import data_dir_option, json_option, settings_with
from serve.operations.screen import password_lines

if TYPE_CHECKING:
    from adapters.postgres.seed import SeedOutcome, SeedReport
    from adapters.settings import Settings

FAILED = 1
"""Exit code when a check does not pass."""


@click.command()
@data_dir_option
@click.option("--verify", "verify_only", is_flag=True, help="Only check what is there; change nothing.")
@json_option
@click.pass_context
def seed(context: click.Context, data_dir: Path | None, verify_only: bool, as_json: bool) -> None:  # noqa: FBT001
    """Put regions, instance types, prices, defaults and the first admin into the database.

    Doing it again changes nothing; `spotopt up` does it on every start. Then everything is checked: counts, missing
    values, foreign keys.
    """
    settings = settings_with(data_dir=data_dir)
    outcome, report = asyncio.run(_seed(settings, change=not verify_only))
    if as_json:
        click.echo(orjson.dumps(_document(outcome, report), option=orjson.OPT_INDENT_2).decode())
    else:
        show(Console(), outcome, report)
    context.exit(0 if report.passed else FAILED)


async def _seed(settings: "Settings", *, change: bool) -> "tuple[SeedOutcome | None, SeedReport]":
    # Database drivers and migrations take two seconds to import, which --help should not wait for.
    from adapters.postgres.seed import verify
    from serve.operations.database import opened, prepare, reached

    async with reached(settings) as url:
        outcome = (await prepare(url, settings)).seeded if change else None
        async with opened(url) as database:
            return outcome, await verify(database)


def show(console: Console, outcome: "SeedOutcome | None", report: "SeedReport") -> None:
    """Print what was changed and every check."""
    if outcome is not None:
        changed = ", ".join(f"{number} by {name}" for name, number in outcome.changed.items() if number)
        console.print(f" Rows put or changed: {changed or 'none, everything was there'}", highlight=False)
        if outcome.admin_password:
            for line in password_lines(outcome.admin_email, outcome.admin_password):
                console.print(line, highlight=False, markup=False, soft_wrap=True)
    table = Table(box=None, padding=(0, 1))
    for name in ("check", "of", "found", "wanted", ""):
        table.add_column(name, justify="right" if name == "found" else "left", header_style="dim")
    for check in report.checks:
        verdict = Text("ok", style="green") if check.passed else Text("WRONG", style="bold red")
        table.add_row(check.kind, check.name, f"{check.found:,}", check.wanted, verdict)
    console.print(table)


def _document(outcome: "SeedOutcome | None", report: "SeedReport") -> dict[str, object]:
    return {
        "passed": report.passed,
        "changed": dict(outcome.changed) if outcome else {},
        "admin_email": outcome.admin_email if outcome else "",
        "admin_password": outcome.admin_password if outcome else "",
        "checks": [asdict(check) for check in report.checks],
    }
