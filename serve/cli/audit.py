"""``spotopt audit``: whether the audit log is what was written."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson

from serve.operations.options import data_dir_option, json_option, settings_with

if TYPE_CHECKING:
    from adapters.settings import Settings
    from domain.audit import ChainReport

BROKEN = 1
"""Exit code when a chain is broken."""


@click.group()
def audit() -> None:
    """The append-only audit log."""


@audit.command()
@data_dir_option
@json_option
@click.pass_context
def verify(context: click.Context, data_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001  # by name
    """Check every chain from its start to its head; the first broken row of each is named.

    Ends with 0 when every row is what was written, with 1 when one is not.
    """
    reports = asyncio.run(_verify(settings_with(data_dir=data_dir)))
    if as_json:
        content = [{**asdict(report), "sound": report.sound} for report in reports]
        click.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo("\n".join(map(sentence, reports)) or "The audit log is empty.")
    context.exit(0 if all(report.sound for report in reports) else BROKEN)


async def _verify(settings: "Settings") -> "list[ChainReport]":
    # Database drivers take a second to import, which --help should not wait for.
    from serve.operations.database import opened, reached

    async with reached(settings) as url, opened(url) as database:
        async with database.platform() as transaction:
            chains = await transaction.audit.chains()
        reports = []
        for chain in chains:
            async with database.platform() as transaction:  # one each: a long chain holds nobody up
                reports.append(await transaction.audit.verify(chain))
        return reports


def sentence(report: "ChainReport") -> str:
    """One chain in words."""
    whose = f"organisation {report.organization_id}" if report.organization_id else "the platform"
    if report.sound:
        return f"ok      chain of {whose}: {report.rows:,} rows, each as it was written"
    return f"BROKEN  chain of {whose}: at row {report.broken_seq}: {report.problem}"
