"""``spotopt status``: how everything stands, as the supervisor sees it."""

from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from adapters.embedded.folder import DataFolder
from serve.operations.control import ask
from serve.operations.options import data_dir_option, json_option, settings_with

NOT_HEALTHY, NOT_RUNNING = 1, 3
"""Exit codes; 3 is what service managers expect of something that does not run."""
NOTES_SHOWN = 5


@click.command()
@data_dir_option
@json_option
@click.pass_context
def status(context: click.Context, data_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001  # by name
    """Show each part: its process, whether it is healthy, since when, how fast it answers, and what waits.

    Ends with 0 when all is well, 1 when something is not, 3 when nothing runs.
    """
    settings = settings_with(data_dir=data_dir)
    answer = ask(DataFolder(settings.data_dir)) if settings.data_dir.exists() else None
    if as_json:
        click.echo(orjson.dumps(answer or {"state": "down"}, option=orjson.OPT_INDENT_2).decode())
    else:
        show(Console(), answer, settings.data_dir)
    context.exit(code_of(answer))


def code_of(answer: dict[str, Any] | None) -> int:
    """The exit code for a status."""
    if answer is None:
        return NOT_RUNNING
    return 0 if answer["state"] == "ready" else NOT_HEALTHY


def show(console: Console, answer: dict[str, Any] | None, data_dir: Path) -> None:
    """Print a status for people."""
    if answer is None:
        console.print(f"Nothing runs in {data_dir}; spotopt up starts it.", highlight=False, soft_wrap=True)
        return
    console.print(_title(answer), soft_wrap=True)
    console.print(_parts(answer["parts"]), soft_wrap=True)
    under_way = [step for step, took_s in answer["steps"].items() if took_s is None]
    if under_way:
        console.print(f"\n Under way: {', '.join(under_way)}", highlight=False)
    if answer["queues"]:
        console.print(_queues(answer["queues"]))
    for note in answer["notes"][-NOTES_SHOWN:]:
        console.print(Text(f" {note}", style="dim"))


def _title(answer: dict[str, Any]) -> Text:
    style = {"ready": "bold green", "starting": "bold yellow"}.get(answer["state"], "bold red")
    title = Text("\n ").append(answer["state"], style=style)
    where = answer["where"]
    return title.append(f"  {where['url']}  since {answer['since']}, process {answer['pid']}, {where['data_dir']}\n")


def _parts(parts: list[dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 1))
    names = ("part", "", "process", "answers in", "restarts", "since (UTC)", "detail")
    for name in names:
        is_number = name in ("process", "answers in", "restarts")
        is_detail = name == names[-1]  # of all columns it alone may take several lines
        table.add_column(name, justify="right" if is_number else "left", header_style="dim", no_wrap=not is_detail)
    for part in parts:
        health = Text("healthy", style="green") if part["healthy"] else Text("not healthy", style="bold red")
        latency = "" if part["latency_ms"] is None else f"{part['latency_ms']:.1f} ms"
        pid, restarts = str(part["pid"] or ""), str(part["restarts"] or "")
        since = part["since"].removesuffix(" UTC")[len("2026-") :]
        table.add_row(Text(part["name"]), health, pid, latency, restarts, since, Text(part["detail"]))
    return table


def _queues(queues: dict[str, float]) -> Table:
    table = Table(box=None, padding=(0, 1), title="Waiting", title_justify="left", title_style="bold")
    table.add_column("queue", header_style="dim")
    table.add_column("number", justify="right", header_style="dim")
    for name, number in queues.items():
        table.add_row(name, f"{number:g}")
    return table
