"""``spotopt up``: the whole platform on this machine, in the foreground."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from adapters.embedded.folder import DataFolder
from serve.operations.detach import DetachedScreen, start_detached
from serve.operations.options import data_dir_option, settings_with
from serve.operations.screen import Screen, screen_for

if TYPE_CHECKING:
    from adapters.settings import Settings
    from serve.operations.supervise import Supervisor


@click.command()
@data_dir_option
@click.option("--host", metavar="ADDRESS", help="Address to listen on.  [127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65_535), help="HTTP port of portal, API and WebSockets.  [8080]")
@click.option("--dashboard-port", type=click.IntRange(1, 65_535), help="Port of the Ray dashboard.  [8265]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
@click.option("--detach", is_flag=True, help="Come back when everything runs, and leave it running.")
@click.option("--detached", is_flag=True, hidden=True)
def up(as_json: bool, detach: bool, detached: bool, **given: Any) -> None:  # noqa: FBT001  # by name
    """Start the platform and keep it running until Ctrl-C.

    PostgreSQL and Redis are embedded unless DATABASE_URL and REDIS_URL are given, Ray is local unless RAY_ADDRESS is.
    `spotopt settings` lists everything that can be set.
    """
    settings = settings_with(**given)
    log = settings.data_dir / "logs" / "up.log"
    if detach:
        start_detached(_arguments(given), log, screen_for(Console(), as_json=as_json))
        return
    screen = DetachedScreen(sys.stdout, log) if detached else screen_for(Console(), as_json=as_json)
    asyncio.run(_run(settings, screen))


def _arguments(given: Mapping[str, Any]) -> list[str]:
    """The options as they were given."""
    return [f"--{name.replace('_', '-')}={value}" for name, value in given.items() if value is not None]


async def _run(settings: "Settings", screen: Screen) -> None:
    # Database drivers and migrations take two seconds to import, which no other command should wait for.
    from serve.operations.house import keep_house

    with DataFolder(settings.data_dir) as folder:
        log = folder.subfolder("logs") / "up.log"
        log.touch(mode=0o600)
        logging.basicConfig(
            filename=log,
            format="%(asctime)s %(levelname)s %(name)s %(message)s",
            force=True,
        )
        signals = Signals(screen)
        await keep_house(settings, folder, environment=os.environ, screen=screen, on_begin=signals.listen)
        screen.say("Stopped; everything that was accepted is kept.")


class Signals:
    """The first Ctrl-C (or SIGTERM, or a closed terminal) ends in order, the second at once."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._count = 0
        self._hurry: asyncio.Task[None] | None = None

    def listen(self, supervisor: "Supervisor") -> None:
        """Take the signals over."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._heard, supervisor)

    def _heard(self, supervisor: "Supervisor") -> None:
        self._count += 1
        if self._count == 1:
            self._screen.say("Stopping in order (Ctrl-C again to hurry)")
            supervisor.stop()
        elif self._hurry is None:
            self._hurry = asyncio.get_running_loop().create_task(supervisor.hurry())
