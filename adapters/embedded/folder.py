"""The data folder: tight permissions, sockets whose paths are short enough, and one process that holds it."""

import fcntl
import hashlib
import os
import socket
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from domain.errors import RejectedError

LONGEST_SOCKET_PATH = 100
"""Bytes. Systems allow 104 to 108, and servers append a few."""
LOCK_TRIES = 3
"""A holder writes its name just after it has the lock; a reader in between sees the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The process that holds a data folder."""

    pid: int
    host: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"


class FolderHeldError(RejectedError):
    """Another process holds the data folder."""

    def __init__(self, path: str, holder: Holder | None) -> None:
        super().__init__(path, holder)
        self.path = path
        self.holder = holder

    def __str__(self) -> str:
        return f"{self.path} is held by {self.holder or 'another process'}"


class DataFolder:
    """A folder that one process uses at a time; a context manager holds it.

    The lock belongs to the open file, so the system lets it go when its holder dies, however it dies. The file itself
    stays, and tells who held it last.

    Parameters
    ----------
    path
        Made where it is missing, readable by its owner alone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self._lock_fd: int | None = None

    def hold(self) -> None:
        """Take the folder.

        Raises
        ------
        FolderHeldError
            Another process has it; the error says which.
        """
        if self._lock_fd is not None:
            return
        private_folder(self.path)
        fd = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            os.close(fd)
            raise FolderHeldError(str(self.path), self.last_holder()) from err
        name = Holder(pid=os.getpid(), host=socket.gethostname(), since=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
        os.ftruncate(fd, 0)
        os.pwrite(fd, orjson.dumps(asdict(name)), 0)
        self._lock_fd = fd

    def release(self) -> None:
        """Let the folder go; does nothing where it is not held."""
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def holder(self) -> Holder | None:
        """Who holds the folder now, if anybody does."""
        if self._lock_fd is None and not self._is_locked():
            return None
        return self.last_holder()

    def last_holder(self) -> Holder | None:
        """Who held the folder last, or holds it."""
        try:
            return Holder(**orjson.loads(self._lock_file.read_bytes()))
        except (OSError, orjson.JSONDecodeError, TypeError):
            return None

    def subfolder(self, name: str) -> Path:
        """A folder inside, readable by its owner alone."""
        return private_folder(self.path / name)

    def socket_folder(self, name: str) -> Path:
        """A folder for a server's socket, the same on every start.

        Inside this folder where the path is short enough for a socket, else under the system's temporary folder.
        """
        inside = self.subfolder("run") / name
        if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH - len("/.s.PGSQL.5432"):
            return private_folder(inside)
        digest = hashlib.sha256(os.fsencode(inside)).hexdigest()[:16]
        return private_folder(Path(tempfile.gettempdir()) / f"spotopt-{os.geteuid()}-{digest}")

    def __enter__(self) -> Self:
        self.hold()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    @property
    def _lock_file(self) -> Path:
        return self.path / "lock"

    def _is_locked(self) -> bool:
        try:
            fd = os.open(self._lock_file, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False


def private_folder(path: Path) -> Path:
    """Make a folder that nobody else can list or write to; one that is there already is tightened.

    Raises
    ------
    RejectedError
        The path is a link or a file, or belongs to another user: somebody else was there first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    status = path.lstat()
    if path.is_symlink() or (status.st_uid != os.geteuid() and os.geteuid() != 0):
        raise RejectedError(f"{path} is a link or belongs to another user; name another folder")
    loose = status.st_mode & 0o066
    if loose:
        path.chmod(status.st_mode & 0o7711)
    return path
