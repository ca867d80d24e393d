"""``spotopt down``: stops the platform of a data folder, and says what it did."""

import asyncio
import os
import signal
import socket
from pathlib import Path

import click

from adapters.clock import SystemClock
from adapters.embedded.folder import DataFolder
from domain.errors import RejectedError, TransientError
from serve.operations.options import data_dir_option, settings_with

STOP_S = 90.0
"""A clean stop takes 5 s, and gives open requests half a minute."""
POLL_S = 0.1


@click.command()
@data_dir_option
@click.option("--now", is_flag=True, help="Do not wait for open requests.")
def down(data_dir: Path | None, now: bool) -> None:  # noqa: FBT001  # click hands options over by name
    """Stop the platform cleanly, wherever it was started."""
    settings = settings_with(data_dir=data_dir)
    if not settings.data_dir.exists():
        click.echo(f"Nothing to stop: there is no {settings.data_dir}.")
        return
    folder = DataFolder(settings.data_dir)
    if asyncio.run(_stop_holder(folder, signals=2 if now else 1)):
        return
    with folder:
        done = asyncio.run(_stop_leftovers(folder))
    click.echo("\n".join(done) or f"Nothing to stop: nothing runs in {folder.path}.")


async def _stop_holder(folder: DataFolder, *, signals: int) -> bool:
    """Have the supervisor that holds the folder stop; false where there is none."""
    holder = folder.holder()
    if holder is None:
        return False
    if holder.host != socket.gethostname():
        raise RejectedError(f"{folder.path} is held by {holder}: run spotopt down there")
    clock = SystemClock()
    started_s = clock.monotonic()
    for _ in range(signals):
        try:
            os.kill(holder.pid, signal.SIGTERM)
        except ProcessLookupError:
            break
        except PermissionError as err:
            raise RejectedError(f"{folder.path} is held by {holder}, which belongs to another user") from err
        await clock.sleep(POLL_S)
    while folder.holder() is not None:
        if clock.monotonic() - started_s > STOP_S:
            raise TransientError(f"{holder} has not stopped after {STOP_S:.0f} s; spotopt down --now hurries it")
        await clock.sleep(POLL_S)
    click.echo(f"Stopped {holder}, in {clock.monotonic() - started_s:.1f} s.")
    return True


async def _stop_leftovers(folder: DataFolder) -> list[str]:
    """Stop what a supervisor that was killed has left running."""
    # The embedded servers take a second to import, which --help should not wait for.
    from adapters.embedded.postgres import EmbeddedPostgres
    from adapters.embedded.redis import EmbeddedRedis
    from serve.operations.child import end_leftovers

    clock, done = SystemClock(), []
    killed = await end_leftovers(folder.subfolder("run"), clock)
    if killed:
        done.append(f"Ended {killed} processes that a killed platform had left.")
    for server in (EmbeddedRedis(folder, clock), EmbeddedPostgres(folder, clock)):
        pid = server.pid()
        if pid is not None:
            await server.stop()
            done.append(f"Stopped {server.name}, process {pid}.")
    return done
