"""``spotopt doctor``: what is wrong on a machine where the platform does not start."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson
from rich.console import Console
from rich.text import Text

from serve.operations.options import data_dir_option, json_option, settings_with

if TYPE_CHECKING:
    from serve.operations.doctor import Finding

FAILED = 1
"""Exit code when something keeps it from starting; warnings do not."""
STYLES = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failure": ("✗", "bold red")}


@click.command()
@data_dir_option
@json_option
@click.pass_context
def doctor(context: click.Context, data_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001  # by name
    """Look at everything that a start needs, and say what to do about what is not as it should be.

    Changes nothing. Ends with 0 when the platform can start, with 1 when something keeps it from that.
    """
    # Database drivers take a second to import, which --help should not wait for.
    from serve.operations.doctor import Verdict, examine

    findings = asyncio.run(examine(settings_with(data_dir=data_dir)))
    if as_json:
        click.echo(orjson.dumps([asdict(finding) for finding in findings], option=orjson.OPT_INDENT_2).decode())
    else:
        show(Console(), findings)
    context.exit(FAILED if any(finding.verdict is Verdict.FAILURE for finding in findings) else 0)


def show(console: Console, findings: "list[Finding]") -> None:
    """Print them, the advice below what it is about."""
    for finding in findings:
        sign, style = STYLES[finding.verdict]
        line = Text(f" {sign} ", style=style).append(f"{finding.check}: ", style="bold").append(finding.found)
        line.stylize("not bold", len(line) - len(finding.found))
        console.print(line, soft_wrap=True)
        if finding.advice:
            console.print(Text(f"   → {finding.advice}", style=style), soft_wrap=True)
    bad = sum(finding.verdict == "failure" for finding in findings)
    warned = sum(finding.verdict == "warning" for finding in findings)
    console.print(f"\n {len(findings)} checks, {bad} failures, {warned} warnings", highlight=False)
