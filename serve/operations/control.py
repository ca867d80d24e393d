"""A socket in the data folder on which the supervisor says how everything stands."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson

from adapters.embedded.folder import DataFolder
from domain.errors import TransientError

ANSWER_S = 10.0
"""How long an answer may take: databases are asked meanwhile."""
SOCKET = "up.sock"

Answer = Callable[[], Awaitable[dict[str, Any]]]


def socket_file(folder: DataFolder) -> Path:
    """Where it is."""
    return folder.socket_folder("control") / SOCKET


@contextlib.asynccontextmanager
async def answering(folder: DataFolder, answer: Answer) -> AsyncIterator[None]:
    """Answer everybody who connects with one JSON document; only the owner of the folder can connect."""
    file = socket_file(folder)
    file.unlink(missing_ok=True)

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(orjson.dumps(await answer()))
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_unix_server(serve, file)
    os.chmod(file, 0o600)  # noqa: PTH101  # a socket
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()
        file.unlink(missing_ok=True)


def ask(folder: DataFolder) -> dict[str, Any] | None:
    """What the supervisor says, ``None`` where none runs.

    Raises
    ------
    TransientError
        One is there and does not answer.
    """
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(ANSWER_S)
        try:
            line.connect(str(socket_file(folder)))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        try:
            content = b"".join(iter(lambda: line.recv(1 << 16), b""))
            answer: dict[str, Any] = orjson.loads(content)
        except (OSError, orjson.JSONDecodeError) as err:
            raise TransientError(f"the supervisor of {folder.path} does not answer: {err}") from err
    return answer
