"""``spotopt up`` in the background: its steps are shown here, and what comes later goes to its log."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import orjson

from domain.errors import RejectedError, TransientError
from serve.operations.board import Where
from serve.operations.screen import JsonScreen, Screen

REJECTED = 2
"""Exit code of a start that cannot work like this."""


class DetachedScreen(JsonScreen):
    """Tells its steps to whoever waits for the start, through standard output; from then on that is the log.

    The admin's password goes this way too, so that it never is in the log.

    Parameters
    ----------
    log
        What standard output becomes once everything runs.
    """

    def __init__(self, out: IO[str], log: Path) -> None:
        super().__init__(lambda line: print(line, file=out, flush=True))  # to this very stream
        self._out = out
        self._log = log

    def ready(self, where: Where, took_s: float) -> None:
        """Everything runs: nobody waits any more."""
        super().ready(where, took_s)
        with self._log.open("ab") as log:
            os.dup2(log.fileno(), self._out.fileno())


def start_detached(arguments: Sequence[str], log: Path, screen: Screen) -> None:
    """Start ``spotopt up`` with these arguments in a session of its own, and come back when everything runs.

    Raises
    ------
    RejectedError, TransientError
        As `spotopt up` in the foreground; the message is its own.
    """
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    command = [sys.executable, "-m", "serve.cli.main", "up", "--detached", *arguments]
    log.touch(mode=0o600)
    ours, theirs = os.pipe()
    with log.open("ab") as errors, os.fdopen(theirs, "wb") as out:
        begin = errors.tell()
        started = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors, start_new_session=True
        )
    with os.fdopen(ours) as lines:
        is_ready = any(_replay(line, screen) for line in lines)
    screen.close()
    if not is_ready:
        raise _failure(started.wait(), log, begin)


def _replay(line: str, screen: Screen) -> bool:
    """Show a line of the other process; true when it is the last one."""
    event = orjson.loads(line)
    match event["event"]:
        case "begun":
            screen.begun(event["step"])
        case "done":
            screen.done(event["step"], event["took_s"], event["detail"])
        case "note":
            screen.say(event["text"])
        case "password":
            screen.password(event["email"], event["password"])
        case "ready":
            screen.ready(Where(**event["where"]), event["took_s"])
    return bool(event["event"] == "ready")


def _failure(code: int, log: Path, begin: int) -> Exception:
    with log.open("rb") as file:
        file.seek(begin)
        said = file.read().decode(errors="replace").strip().removeprefix("error: ").removesuffix("; try again")
    told = said or f"it ended with {code} and said nothing; see {log}"
    return RejectedError(told) if code == REJECTED else TransientError(told)
