"""The WebSocket over which the service wakes the agent. It carries no work, so losing it costs at most one poll."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import structlog
from pydantic import ValidationError

from agent.backoff import Backoff
from agent.clock import Clock
from agent.configuration import Configuration
from agent.service.errors import ServiceAwayError, UnwelcomeError, UpgradeNeededError
from agent.service.session import Session
from agent.telemetry import Telemetry
from agent.waiting import first_of
from domain.errors import TransientError
from domain.wire.protocol import CLOSE_UPGRADE_REQUIRED
from domain.wire.socket import (
    PING_INTERVAL_S,
    SERVER_MESSAGE,
    CommandMessage,
    ConfigMessage,
    PingMessage,
    PongMessage,
    ResendMessage,
    ResumedMessage,
    ResumeMessage,
)

CLOSE_UNWELCOME = 4401

SHORTEST_LOOK_S = 0.1
"""Between two looks at how long it has been silent."""

log = structlog.get_logger(__name__)


class StreamClosedError(TransientError):
    """The connection has ended.

    Parameters
    ----------
    code
        Close code; 1006 where the other end said none.
    reason
        What it said.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"closed with {self.code}: {self.reason or 'no reason given'}"


class Socket(Protocol):
    """An open connection. Both methods raise `StreamClosedError` when it has ended."""

    async def send(self, text: str) -> None:
        """Send a message."""

    async def recv(self) -> str:
        """The next message."""


Connect = Callable[[], AbstractAsyncContextManager[Socket]]
"""Opens a connection; raises `ServiceAwayError` or `UnwelcomeError`."""


class Stream:
    """Keeps the connection open; reconnects after 1, 2, 4 … 60 s.

    Parameters
    ----------
    on_command
        Called when actions wait.
    on_resend
        Called when all objects are asked for.
    """

    def __init__(
        self,
        connect: Connect,
        session: Session,
        clock: Clock,
        *,
        instance: str,
        configuration: Configuration,
        telemetry: Telemetry,
        on_command: Callable[[], None],
        on_resend: Callable[[], None],
    ) -> None:
        self._connect = connect
        self._session = session
        self._clock = clock
        self._instance = instance
        self._configuration = configuration
        self._telemetry = telemetry
        self._on_command = on_command
        self._on_resend = on_resend
        self._backoff = Backoff()
        self._heard_at = 0.0
        self._interval_s = float(PING_INTERVAL_S)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._session.ready()
            asked_s = None
            try:
                await self._converse()
            except UnwelcomeError as err:
                self._session.refused(err)
            except StreamClosedError as err:
                self._closed(err)
            except ServiceAwayError as err:
                log.info("no WebSocket, actions are polled for", problem=str(err))
                asked_s = err.retry_after_s
            finally:
                self._telemetry.connected.set(0)
            await self._clock.sleep(self._backoff.next_s(at_least_s=asked_s))

    async def _converse(self) -> None:
        async with self._connect() as socket:
            self._heard_at = self._clock.monotonic()
            resume = ResumeMessage(instance=self._instance, config_version=self._configuration.told.version)
            await socket.send(resume.model_dump_json())
            await first_of(self._read(socket), self._watch_over(socket))

    async def _read(self, socket: Socket) -> None:
        while True:
            text = await socket.recv()
            self._heard_at = self._clock.monotonic()
            await self._handle(socket, text)

    async def _handle(self, socket: Socket, text: str) -> None:
        """A message of a newer service that this agent does not know says nothing to it."""
        try:
            message = SERVER_MESSAGE.validate_json(text, extra="ignore")
        except ValidationError:
            log.debug("a message that is not known", bytes=len(text))
            return
        match message:
            case CommandMessage():
                self._on_command()
            case ConfigMessage():
                self._configuration.change(message.config)
            case ResendMessage():
                self._on_resend()
            case PingMessage():
                await socket.send(PongMessage(id=message.id).model_dump_json())
            case ResumedMessage():
                self._resumed(message)
            case PongMessage():
                pass  # heard of is all that counts

    def _resumed(self, message: ResumedMessage) -> None:
        self._interval_s = float(message.ping_interval_s or PING_INTERVAL_S)
        self._backoff.reset()
        self._telemetry.connected.set(1)
        self._session.compare_clocks(message.server_time)
        log.info("connected")

    async def _watch_over(self, socket: Socket) -> None:
        """Ping after a silence, give up after twice as long."""
        number = 0
        while True:
            silent_s = self._clock.monotonic() - self._heard_at
            if silent_s >= 2 * self._interval_s:
                raise StreamClosedError(1006, f"nothing was heard for {silent_s:.0f} s")
            due_s = self._interval_s
            if silent_s >= self._interval_s:
                number += 1
                due_s = 2 * self._interval_s
                await socket.send(PingMessage(id=number, sent_at=self._clock.now()).model_dump_json())
            await self._clock.sleep(max(due_s - silent_s, SHORTEST_LOOK_S))

    def _closed(self, err: StreamClosedError) -> None:
        if err.code == CLOSE_UNWELCOME:
            self._session.refused(UnwelcomeError(f"the service does not accept this cluster's key: {err.reason}"))
        elif err.code == CLOSE_UPGRADE_REQUIRED:
            self._session.refused(UpgradeNeededError(f"this agent must be upgraded (helm upgrade): {err.reason}"))
        else:
            log.info("the WebSocket has ended, it is opened again", code=err.code, reason=err.reason)
