"""One WebSocket: a bounded queue of what is to be sent, signs of life both ways, and an end with a reason."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import TypeAdapter, ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from adapters.clock import Clock
from domain.errors import TransientError
from domain.wire.base import MAX_MESSAGE_BYTES
from domain.wire.socket import PING_INTERVAL_S, PingMessage, PongMessage

CAPACITY = 256
"""Messages that wait for a slow reader before it is cut off; it comes back and reads the state anew."""
SEND_TIMEOUT_S = 10.0
LOOK_S = PING_INTERVAL_S / 2
"""Looks come so often that nobody is cut off who was not pinged well before."""
CLOSE_NORMAL, CLOSE_GOING_AWAY, CLOSE_POLICY, CLOSE_TOO_BIG, CLOSE_TRY_LATER = 1000, 1001, 1008, 1009, 1013
CLOSE_BAD_MESSAGE, CLOSE_UNAUTHENTICATED, CLOSE_SILENT, CLOSE_SLOW = 4400, 4401, 4408, 4413

_PING_OR_PONG: TypeAdapter[PingMessage | PongMessage] = TypeAdapter(PingMessage | PongMessage)
_logger = logging.getLogger(__name__)

OnText = Callable[[str], Awaitable[None]]
Welcome = Callable[[], Awaitable[bool]]


class Connection:
    """An open WebSocket.

    Parameters
    ----------
    socket
        Accepted already.
    still_welcome
        Asked at every look; when it says no, the connection ends.
    """

    def __init__(self, socket: WebSocket, clock: Clock, *, still_welcome: Welcome, capacity: int = CAPACITY) -> None:
        self._socket = socket
        self._clock = clock
        self._still_welcome = still_welcome
        self._capacity = capacity
        self._queue: deque[str] = deque()
        self._filled = asyncio.Event()
        self._heard_s = clock.monotonic()
        self._pings = 0
        self._end: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def put(self, text: str) -> None:
        """Send something soon; never waits. A reader too slow for that is cut off."""
        if len(self._queue) >= self._capacity:
            self.close(CLOSE_SLOW, "messages come faster than they are read")
            return
        self._queue.append(text)
        self._filled.set()

    def close(self, code: int, reason: str) -> None:
        """End the connection; the first reason counts."""
        if not self._end.done():
            self._end.set_result((code, reason))

    async def run(self, on_text: OnText | None = None) -> None:
        """Send, listen and ping until the connection ends; closes it."""
        works = (self._send(), self._receive(on_text or self.ping_or_pong), self._watch())
        tasks = [asyncio.create_task(work) for work in works]
        try:
            awaited: list[asyncio.Future[Any]] = [self._end, *tasks]
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        self._note_failures(ended)
        code, reason = self._end.result()
        await self._say_goodbye(code, reason)

    async def ping_or_pong(self, text: str) -> None:
        """What a portal page may say."""
        try:
            message = _PING_OR_PONG.validate_json(text)
        except ValidationError:
            self.close(CLOSE_BAD_MESSAGE, "only ping and pong are understood")
            return
        if isinstance(message, PingMessage):
            self.put(PongMessage(id=message.id).model_dump_json())

    def _note_failures(self, ended: list[BaseException | None]) -> None:
        for failure in ended:
            if isinstance(failure, Exception) and not isinstance(failure, (WebSocketDisconnect, OSError)):
                _logger.error("a WebSocket failed", exc_info=failure)
        self.close(CLOSE_NORMAL if not any(ended) else 1011, "")

    async def _send(self) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._queue:
                try:
                    async with asyncio.timeout(SEND_TIMEOUT_S):
                        await self._socket.send_text(self._queue.popleft())
                except TimeoutError:
                    self.close(CLOSE_SLOW, "nothing is read")
                    return

    async def _receive(self, on_text: OnText) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                self.close(message.get("code") or CLOSE_NORMAL, "")
                return
            self._heard_s = self._clock.monotonic()
            text = message.get("text")
            if text is None or len(text) > MAX_MESSAGE_BYTES:
                self.close(*((CLOSE_BAD_MESSAGE, "text only") if text is None else (CLOSE_TOO_BIG, "too long")))
                return
            await on_text(text)

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(LOOK_S)
            silent_s = self._clock.monotonic() - self._heard_s
            if silent_s >= 2 * PING_INTERVAL_S:
                self.close(CLOSE_SILENT, "no sign of life")
                return
            if not await self._welcome():
                self.close(CLOSE_UNAUTHENTICATED, "no longer signed in")
                return
            if silent_s >= PING_INTERVAL_S:
                self._pings += 1
                self.put(PingMessage(id=self._pings, sent_at=self._clock.now()).model_dump_json())

    async def _welcome(self) -> bool:
        """When that cannot be asked just now, the connection stays."""
        try:
            return await self._still_welcome()
        except TransientError:
            return True

    async def _say_goodbye(self, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._socket.close(code if code not in (1005, 1006) else CLOSE_NORMAL, reason)
        except (RuntimeError, OSError, TimeoutError, WebSocketDisconnect):
            return  # the other side was faster
