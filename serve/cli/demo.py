"""``spotopt demo``: the platform with five simulated clusters, on this machine, until Ctrl-C."""

import asyncio
from importlib import import_module
from importlib.util import find_spec

import click
from rich.console import Console

from domain.errors import RejectedError

NEEDED = ("demo", "moto", "werkzeug")
"""What the demo stands on and the platform does not."""


@click.command()
@click.option("--port", type=click.IntRange(1, 65_535), default=8080, show_default=True, help="First HTTP port to try.")
@click.option("--minutes", type=click.FloatRange(min=0.01), help="End by itself after so long.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def demo(port: int, minutes: float | None, as_json: bool) -> None:  # noqa: FBT001  # by name
    """Run the platform with five simulated clusters and their agents.

    AWS and Kubernetes are simulated on this machine, agents and platform are real. It needs no account, no credentials
    and no internet; Ctrl-C leaves nothing behind.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise RejectedError(f"the demo needs {', '.join(missing)}: pip install 'spot-optimizer[demo]'")
    # Loaded by name: the product does not stand on its demo.
    screens = import_module("demo.screen")
    screen = (screens.JsonScreen if as_json else screens.TextScreen)(Console())
    asyncio.run(import_module("demo.run").run(screen, port=port, minutes=minutes))
