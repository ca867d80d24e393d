"""The real WebSocket behind `agent.service.stream`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from agent.service.client import error_of_status, headers_of
from agent.service.errors import BodyRefusedError, ServiceAwayError
from agent.service.stream import Connect, Socket, StreamClosedError
from agent.settings import Settings
from domain.wire.base import MAX_MESSAGE_BYTES

OPEN_S = 10.0
CLOSE_S = 2.0
"""Longest time for the handshake, and for saying goodbye."""

_NO_CODE = 1006


class _Socket:
    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, text: str) -> None:
        try:
            await self._connection.send(text)
        except ConnectionClosed as err:
            raise _closed(err) from err

    async def recv(self) -> str:
        try:
            return await self._connection.recv(decode=True)
        except ConnectionClosed as err:
            raise _closed(err) from err


def connector(settings: Settings) -> Connect:
    """What opens a connection to ``/stream``. The protocol's own pings are said in its messages, so none are sent."""
    # The same authorities as over HTTP: a small image has none of its system's own.
    trust = httpx.create_ssl_context() if settings.api_url.startswith("https:") else None
    url = f"{settings.api_url}/api/clusters/{settings.cluster_id}/stream".replace("http", "ws", 1)

    @asynccontextmanager
    async def open_socket() -> AsyncIterator[Socket]:
        try:
            connection = await connect(
                url,
                ssl=trust,
                additional_headers=headers_of(settings),
                user_agent_header=None,
                open_timeout=OPEN_S,
                close_timeout=CLOSE_S,
                ping_interval=None,
                max_size=MAX_MESSAGE_BYTES,
            )
        except InvalidStatus as err:
            raise _refused(err) from err
        except (WebSocketException, OSError) as err:
            raise ServiceAwayError(f"the WebSocket cannot be opened: {type(err).__name__}: {err}") from err
        async with connection:
            yield _Socket(connection)

    return open_socket


def _refused(err: InvalidStatus) -> Exception:
    header = err.response.headers.get("Retry-After", "")
    wait_s = float(header) if header.isdecimal() else None
    text = (err.response.body or b"")[:200].decode("utf-8", "replace")
    error = error_of_status(err.response.status_code, text or err.response.reason_phrase, wait_s)
    return ServiceAwayError(str(error)) if isinstance(error, BodyRefusedError) else error


def _closed(err: ConnectionClosed) -> StreamClosedError:
    return StreamClosedError(err.rcvd.code, err.rcvd.reason) if err.rcvd else StreamClosedError(_NO_CODE, str(err))
