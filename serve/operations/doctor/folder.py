"""The data folder: who holds it, its rights, the room on its disk, the length of its sockets' paths."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from adapters.embedded.folder import DataFolder
from domain.units import GIB
from serve.operations.doctor.finding import Bounds, Finding, failure, judged, ok, warning
from serve.operations.environment import LONGEST_RAY_FOLDER, RAY_INNER
from serve.words import gibibytes

DISK = Bounds(good=5 * GIB, least=1 * GIB)
"""The catalogue, logs and a month of a hundred clusters take about 2 GiB."""


def folder(path: Path) -> Iterator[Finding]:
    """Everything about a data folder, which need not be there yet."""
    there = path if path.exists() else _nearest(path)
    yield _writable(path, there)
    yield judged(
        "disk", shutil.disk_usage(there).free, DISK, shown=gibibytes, advice=f"make room on the disk of {path}"
    )
    if path.exists():
        yield _rights(path)
        yield from _keys(path / "keys")
        yield _lock(DataFolder(path))
    yield _socket_path(path)


def _nearest(path: Path) -> Path:
    return next(parent for parent in path.parents if parent.exists())


def _writable(path: Path, there: Path) -> Finding:
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return ok("data folder", str(path) if path == there else f"{path}, to be made")
    found = f"{there} cannot be written to by user {os.geteuid()}"
    return failure("data folder", found, "give its owner the right, or name another with --data-dir")


def _rights(path: Path) -> Finding:
    status = path.stat()
    if status.st_uid != os.geteuid() and os.geteuid() != 0:
        return failure("owner of the folder", f"user {status.st_uid}, not {os.geteuid()}", "start as its owner")
    if status.st_mode & 0o066:
        found = f"others may read or change it (mode {status.st_mode & 0o777:o})"
        return warning("rights of the folder", found, f"chmod 700 {path}; the next start does so too")
    return ok("rights of the folder", f"mode {status.st_mode & 0o777:o}")


def _keys(keys: Path) -> Iterator[Finding]:
    for file in sorted(keys.glob("*")) if keys.is_dir() else ():
        mode = file.stat().st_mode & 0o777
        if mode & 0o077:
            found = f"others may read {file.name} (mode {mode:o})"
            yield failure("keys", found, f"chmod 600 {file}, and replace the key: it may be known")
        elif not os.access(file, os.R_OK):
            yield failure("keys", f"{file.name} cannot be read", "start as the owner of the keys")
        else:
            yield ok("keys", f"{file.name}, mode {mode:o}")


def _lock(held: DataFolder) -> Finding:
    holder = held.holder()
    if holder is None:
        return ok("lock", "nobody holds the folder")
    return ok("lock", f"held by {holder}: the platform runs, spotopt status tells how it stands")


def _socket_path(path: Path) -> Finding:
    inside = path / "ray" / RAY_INNER
    if len(os.fsencode(inside)) <= LONGEST_RAY_FOLDER:
        return ok("socket paths", f"short enough in {path}")
    return ok("socket paths", f"{path} is too long for sockets; Ray and HAProxy keep theirs under /tmp")
