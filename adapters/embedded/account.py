"""PostgreSQL refuses to run as root: the account it runs as instead, and the way to its files."""

import logging
import os
import pwd
import stat
import subprocess
from pathlib import Path

from domain.errors import RejectedError

USER = "spotopt"
USERADD_S = 30.0

_logger = logging.getLogger(__name__)


def unprivileged_user(programs: Path, *folders: Path) -> str:
    """An account without rights that can run the programs and reach the folders; made where it is missing.

    Raises
    ------
    RejectedError
        The account cannot be made on this machine.
    """
    try:
        pwd.getpwnam(USER)
    except KeyError:
        _make_account()
    _open_way(programs)
    if not _is_readable(programs / "bin" / "postgres"):
        for path in (programs, *programs.rglob("*")):
            _allow(path, stat.S_IROTH | (stat.S_IXOTH if os.access(path, os.X_OK) else 0))
    for folder in folders:
        _open_way(folder)
    return USER


def _make_account() -> None:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", USER]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=USERADD_S)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as err:
        raise RejectedError(
            f"PostgreSQL does not run as root, and the account {USER!r} cannot be made; "
            "start as an ordinary user, or give DATABASE_URL of a running server"
        ) from err


def _open_way(path: Path) -> None:
    """Let others pass through the folders above a path: pass, not list."""
    for folder in path.parents:
        if not folder.stat().st_mode & stat.S_IXOTH:
            _logger.warning("other users may now pass through %s, so that PostgreSQL reaches its files", folder)
            _allow(folder, stat.S_IXOTH)


def _is_readable(path: Path) -> bool:
    needed = stat.S_IROTH | stat.S_IXOTH
    return path.stat().st_mode & needed == needed


def _allow(path: Path, bits: int) -> None:
    path.chmod(path.stat().st_mode | bits)
