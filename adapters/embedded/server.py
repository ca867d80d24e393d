"""Starting, finding and stopping a server program that lives in a data folder."""

import asyncio
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from adapters.clock import Clock
from adapters.embedded.processes import command_line, is_alive, send
from domain.errors import TransientError

POLL_S = 0.05
"""How often a start or a stop looks whether it is done."""
LAUNCHES = 5
"""Within one start. A killed server's children may hold on for a second or two; then the next launch works."""
LAUNCH_PAUSE_S = 0.2
"""Before the second launch; doubles with each."""
LOG_LIMIT_BYTES = 20 << 20
"""A log longer than this is set aside at the next launch, in place of the one set aside before."""
LOG_TAIL = 15
"""Lines of the log that an error shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to run a server: ``user`` is whom it runs as where that is not us."""

    command: Sequence[str]
    folder: Path
    log: Path
    user: str | None = None


class Recipe(Protocol):
    """What is special about one kind of server. Nothing in it deletes data."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def mark(self) -> str:
        """A part of its command line that no other process has."""

    @property
    def stop_signal(self) -> signal.Signals:
        """What makes it finish quickly and cleanly."""

    @property
    def start_s(self) -> float:
        """How long a start may take, with the recovery of its data."""

    @property
    def stop_s(self) -> float:
        """How long a clean end may take before it is killed."""

    def prepare(self) -> Launch:
        """Make its folders and settings; blocks. Does nothing the second time."""

    def pid(self) -> int | None:
        """The process that its own file names, dead or alive."""

    def forget(self) -> None:
        """Remove that file, after the process it names has turned out to be another or dead."""

    async def is_ready(self) -> bool:
        """Whether it answers."""


class EmbeddedServer:
    """A server that runs apart from us: it survives our death, and the next `start` finds it.

    Parameters
    ----------
    recipe
        What is special about it.
    clock
        What waiting is measured by.
    """

    def __init__(self, recipe: Recipe, clock: Clock) -> None:
        self._recipe = recipe
        self._clock = clock
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """What messages call it."""
        return self._recipe.name

    async def start(self) -> None:
        """Come back when the server answers; does nothing where it does already.

        Raises
        ------
        TransientError
            It did not answer in time; the end of its log is in the message.
        RejectedError
            It cannot run here; the message says what to change.
        """
        launch = await asyncio.to_thread(self._recipe.prepare)
        deadline = self._clock.monotonic() + self._recipe.start_s
        for number in range(LAUNCHES):
            if number:
                await self._clock.sleep(LAUNCH_PAUSE_S * 2.0 ** (number - 1))
            if self.pid() is None:
                self._recipe.forget()
                self._child = await asyncio.to_thread(_spawn, launch)
            if await self._comes_up(deadline):
                return
        raise TransientError(f"{self.name} does not start; the end of {launch.log}:\n{_tail(launch.log)}")

    async def stop(self) -> None:
        """End the server cleanly, or by force where it takes too long. It is gone when this comes back."""
        pid = self.pid()
        if pid is None:
            return
        send(pid, self._recipe.stop_signal)
        if not await self._is_gone(pid, self._recipe.stop_s) and self.pid() == pid:
            send(pid, signal.SIGKILL)
            await self._is_gone(pid, self._recipe.stop_s)

    def pid(self) -> int | None:
        """The server's process, if it runs."""
        if self._child is not None and self._child.poll() is None:
            return self._child.pid
        pid = self._recipe.pid()
        if pid is not None and is_alive(pid) and self._recipe.mark in command_line(pid):
            return pid
        return None

    async def is_healthy(self) -> bool:
        """Whether the server runs and answers."""
        return self.pid() is not None and await self._recipe.is_ready()

    async def _comes_up(self, deadline: float) -> bool:
        while self.pid() is not None and self._clock.monotonic() < deadline:
            if await self._recipe.is_ready():
                return True
            await self._clock.sleep(POLL_S)
        return False

    async def _is_gone(self, pid: int, within_s: float) -> bool:
        deadline = self._clock.monotonic() + within_s
        # Not by `pid`: a server takes its lock file and its command line away before it has ended.
        while self._lives(pid):
            if self._clock.monotonic() > deadline:
                return False
            await self._clock.sleep(POLL_S)
        return True

    def _lives(self, pid: int) -> bool:
        if self._child is not None and self._child.pid == pid:
            return self._child.poll() is None
        return is_alive(pid)


def _spawn(launch: Launch) -> subprocess.Popen[bytes]:
    if launch.log.exists() and launch.log.stat().st_size > LOG_LIMIT_BYTES:
        launch.log.replace(launch.log.with_suffix(".log.1"))
    with launch.log.open("ab") as log:
        launch.log.chmod(0o600)
        return subprocess.Popen(  # noqa: S603
            launch.command,
            cwd=launch.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=launch.user,
            group=launch.user,
            extra_groups=[] if launch.user else None,
            umask=0o077,
            start_new_session=True,  # a Ctrl-C in our terminal is for us to pass on
        )


def _tail(log: Path) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_TAIL:])
    except OSError as err:
        return str(err)
