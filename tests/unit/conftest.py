"""Unit tests stay on this machine and in this process."""

import socket
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def no_network() -> Iterator[None]:
    """Fail any test that connects or sends to something outside; sockets inside the process (AF_UNIX) are free."""
    connect = socket.socket.connect

    def refuse(sock: socket.socket, address: object) -> None:
        if sock.family != getattr(socket, "AF_UNIX", None):
            raise AssertionError(f"a unit test opened a connection to {address}")
        connect(sock, address)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket.socket, "connect_ex", refuse)
        yield
