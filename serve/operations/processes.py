"""Which processes there are, and which of them belong together.

Ray gives its workers process groups of their own, but all of them stay in the session of the process that started Ray,
and so does the HAProxy that they start: the session tells what is ours.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from adapters.clock import Clock
from adapters.embedded.processes import send

PROC = Path("/proc")
PS_TIMEOUT_S = 5.0
POLL_S = 0.05
GONE_S = 10.0
"""How long a killed process may take to go."""
_PARENT, _SESSION, _STARTED = 1, 3, 19
"""Places in ``/proc/PID/stat`` after the name, see proc(5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A living process. ``started`` is opaque and tells two processes of one id apart; 0 where it is not known."""

    pid: int
    parent: int
    session: int
    started: int
    command: str


def all_processes() -> tuple[Process, ...]:
    """All that this user can see, those that have ended and wait for their parents left out."""
    if not PROC.is_dir():
        return _from_ps()
    numbers = (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())
    return tuple(found for number in numbers if (found := process(number)) is not None)


def process(pid: int) -> Process | None:
    """One of them by its id."""
    if not PROC.is_dir():
        return next((found for found in _from_ps() if found.pid == pid), None)
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        command = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return None
    if fields[0] == "Z":
        return None
    return Process(
        pid=pid,
        parent=int(fields[_PARENT]),
        session=int(fields[_SESSION]),
        started=int(fields[_STARTED]),
        command=command.replace(b"\0", b" ").decode(errors="replace").strip(),
    )


def since(pid: int | None) -> str:
    """When a process was started, as people read it; empty where that cannot be known."""
    found = process(pid) if pid else None
    if found is None or not found.started:
        return ""
    boot = next((line for line in (PROC / "stat").read_text().splitlines() if line.startswith("btime ")), "btime 0")
    started_s = int(boot.split()[1]) + found.started / os.sysconf("SC_CLK_TCK")
    return f"{datetime.fromtimestamp(started_s, UTC):%Y-%m-%d %H:%M:%S} UTC"


def of_session(session: int, table: Callable[[], tuple[Process, ...]] = all_processes) -> tuple[Process, ...]:
    """Processes of a session."""
    return tuple(found for found in table() if found.session == session)


async def end_session(session: int, clock: Clock) -> tuple[Process, ...]:
    """Kill what is left of a session; says what that was. Comes back when it is gone."""
    left = first = of_session(session)
    deadline = clock.monotonic() + GONE_S
    while left and clock.monotonic() < deadline:
        for found in left:
            send(found.pid, signal.SIGKILL)
        await clock.sleep(POLL_S)
        left = await asyncio.to_thread(of_session, session)
    return first


def _from_ps() -> tuple[Process, ...]:
    """By ``ps``, where there is no /proc. There the group stands for the session, which it does not tell."""
    listing = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,pgid=,stat=,command="],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
        timeout=PS_TIMEOUT_S,
        env={**os.environ, "LC_ALL": "C"},
    )
    rows = (line.split(maxsplit=4) for line in listing.stdout.splitlines())
    return tuple(
        Process(pid=int(row[0]), parent=int(row[1]), session=int(row[2]), started=0, command=row[4])
        for row in rows
        if len(row) == 5 and not row[3].startswith("Z")
    )
