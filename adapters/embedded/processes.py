"""Processes by their id: are they there, and are they who we think they are."""

import os
import signal
import subprocess
from pathlib import Path

_PROC = Path("/proc")
PS_TIMEOUT_S = 5.0


def is_alive(pid: int) -> bool:
    """Whether a process of this id runs; one that has ended and waits for its parent does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def command_line(pid: int) -> str:
    """The words a process was started with, empty where that cannot be known."""
    if _PROC.is_dir():
        try:
            return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    listing = subprocess.run(  # noqa: S603
        ["ps", "-ww", "-o", "command=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        timeout=PS_TIMEOUT_S,
    )
    return listing.stdout


def send(pid: int, number: signal.Signals) -> None:
    """Signal a process; one that is gone is left alone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _is_zombie(pid: int) -> bool:
    try:
        status = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] == "Z"
