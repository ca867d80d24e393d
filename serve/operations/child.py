"""The platform process as its supervisor sees it: started, listened to, told what to do, and ended for certain."""

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from pathlib import Path

import orjson

from adapters.clock import Clock
from domain.errors import TransientError
from serve.operations import processes
from serve.operations.messages import Order, Report, decode

LONGEST_LINE_BYTES = 4 << 20
LOG_LIMIT_BYTES = 20 << 20
"""A log longer than this is set aside when the process starts, in place of the one set aside before."""
LOG_TAIL = 20
"""Lines of the log that an explanation shows."""


class PlatformChild:
    """One life of the platform process.

    It leads a session of its own, so that a Ctrl-C in our terminal does not reach it, and so that everything that it
    has started can be found and ended: HAProxy, say, outlives the one who started it.

    Parameters
    ----------
    environment
        All of it, secrets among them.
    folder
        Where it runs; its log and the mark by which the next start finds what is left of it lie there.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path, log: Path, *, clock: Clock) -> None:
        self._environment = dict(environment)
        self._folder = folder
        self._log = log
        self._clock = clock
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it lives."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start it."""
        if self._log.exists() and self._log.stat().st_size > LOG_LIMIT_BYTES:
            self._log.replace(self._log.with_suffix(".log.1"))
        with self._log.open("ab") as log:
            self._log.chmod(0o600)
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "serve.operations.platform",
                stdin=PIPE, stdout=PIPE, stderr=log, cwd=self._folder, env=self._environment,
                start_new_session=True, limit=LONGEST_LINE_BYTES, umask=0o077,
            )  # fmt: skip
        found = processes.process(self._process.pid)
        mark = {"session": self._process.pid, "started": found.started if found else 0}
        _mark_file(self._folder).write_bytes(orjson.dumps(mark))

    async def report(self) -> Report | None:
        """The next report, ``None`` when it has ended."""
        if self._process is None or self._process.stdout is None:
            return None
        line = await self._process.stdout.readline()
        return decode(line) if line else None

    def order(self, order: Order) -> None:
        """Tell it something; one that has ended hears nothing."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(ConnectionError, RuntimeError):
                self._process.stdin.write(f"{order}\n".encode())

    async def kill(self) -> None:
        """End it and everything that it has started. They are gone when this comes back."""
        if self._process is None:
            return
        await processes.end_session(self._process.pid, self._clock)
        await self._process.wait()
        _mark_file(self._folder).unlink(missing_ok=True)

    def last_words(self) -> str:
        """The end of its log."""
        try:
            lines = self._log.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-LOG_TAIL:])


async def end_leftovers(folder: Path, clock: Clock) -> int:
    """End what an earlier platform process has left running when it and its supervisor were killed; says how many.

    Raises
    ------
    TransientError
        They do not go.
    """
    mark = _mark_file(folder)
    try:
        content = orjson.loads(mark.read_bytes())
        session, started = int(content["session"]), int(content["started"])
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return 0
    leader = processes.process(session)
    left: tuple[processes.Process, ...] = ()
    if leader is None or leader.started == started:  # else its number has been given to another process
        left = await processes.end_session(session, clock)
        if processes.of_session(session):
            raise TransientError(f"processes of an earlier start do not end: session {session}")
    mark.unlink(missing_ok=True)
    return len(left)


def _mark_file(folder: Path) -> Path:
    return folder / "platform.json"
