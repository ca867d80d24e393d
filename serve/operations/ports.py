"""TCP ports: which are free, and who has those that are not."""

import socket
from pathlib import Path

from domain.errors import InputError, RejectedError
from serve.operations.processes import PROC, process

TRIES = 100
"""Ports looked at, from the first one upwards."""
_LISTENS = "0A"
"""State LISTEN in ``/proc/net/tcp``."""


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there."""
    family, _, _, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
        0
    ]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port(host: str, first: int) -> int:
    """The first free port from this one upwards.

    Raises
    ------
    RejectedError
        None of a hundred is free.
    """
    for port in range(first, min(first + TRIES, 65_536)):
        if is_free(host, port):
            return port
    raise RejectedError(f"no port from {first} to {first + TRIES - 1} is free on {host}")


def require_free(host: str, port: int) -> None:
    """Refuse a port that is taken.

    Raises
    ------
    InputError
        Naming the port and, where it can be found, the process that has it.
    """
    try:
        free = is_free(host, port)
    except OSError as err:
        raise InputError("setting host", "", f"{host} is no address of this machine: {err}") from err
    if not free:
        raise InputError("setting port", "", f"{port} on {host} {taken_by(port)}; choose another with --port")


def taken_by(port: int) -> str:
    """Who has a port, in words."""
    pid = listener(port)
    found = process(pid) if pid is not None else None
    if found is None:
        return "is taken by another process (or is not ours to take)"
    return f"is taken by process {found.pid}: {found.command[:80]}"


def listener(port: int) -> int | None:
    """The process that listens on a port, as far as this user can see it."""
    sockets = {inode for name in ("tcp", "tcp6") for inode in _listening(PROC / "net" / name, port)}
    if not sockets:
        return None
    for entry in PROC.iterdir():
        if entry.name.isdigit() and _holds(entry / "fd", sockets):
            return int(entry.name)
    return None


def _listening(table: Path, port: int) -> set[str]:
    try:
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return set()
    return {row[9] for row in rows if row[3] == _LISTENS and int(row[1].rpartition(":")[2], 16) == port}


def _holds(descriptors: Path, sockets: set[str]) -> bool:
    wanted = {f"socket:[{inode}]" for inode in sockets}
    try:
        return any(_target(link) in wanted for link in descriptors.iterdir())
    except OSError:
        return False


def _target(link: Path) -> str:
    """Where a descriptor leads, empty when it was closed meanwhile."""
    try:
        return str(link.readlink())
    except OSError:
        return ""
