"""The WebSocket: a command polls at once, silence ends the connection, and reconnections are spread."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from adapters.clock import VirtualClock
from agent.configuration import Configuration
from agent.service.errors import ServiceAwayError, UnwelcomeError
from agent.service.session import Session
from agent.service.stream import Socket, Stream, StreamClosedError
from agent.store import ConfigMapStore
from agent.telemetry import Telemetry
from tests.unit.agent.kube import MemoryKubernetes
from tests.unit.agent.service import ServiceTwin, make_settings, problem
from tests.unit.agent.test_session import describe

RESUMED = {"type": "resumed", "server_time": "2026-01-01T00:00:00Z", "ping_interval_s": 20}


class SocketTwin:
    """One connection, of which the test is the other end."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self._inbox: asyncio.Queue[str | StreamClosedError] = asyncio.Queue()

    async def send(self, text: str) -> None:
        self.sent.append(json.loads(text))

    async def recv(self) -> str:
        got = await self._inbox.get()
        if isinstance(got, StreamClosedError):
            raise got
        return got

    def tell(self, message: dict[str, Any] | str) -> None:
        self._inbox.put_nowait(message if isinstance(message, str) else json.dumps(message))

    def close(self, code: int) -> None:
        self._inbox.put_nowait(StreamClosedError(code, "bye"))


class World:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.twin = ServiceTwin(self.clock)
        self.telemetry = Telemetry()
        self.sockets: list[SocketTwin] = []
        self.opened_at: list[float] = []
        self.error: Exception | None = None
        self.commands = 0
        self.resends = 0
        settings = make_settings()
        store = ConfigMapStore(api=MemoryKubernetes(), namespace="spot-optimizer")
        self.configuration = Configuration(settings, store)
        self.session = Session(
            settings,
            self.twin.client(),
            self.clock,
            configuration=self.configuration,
            describe=describe,
            telemetry=self.telemetry,
        )
        self.stream = Stream(
            self._open,
            self.session,
            self.clock,
            instance="agent-0",
            configuration=self.configuration,
            telemetry=self.telemetry,
            on_command=self._count_command,
            on_resend=self._count_resend,
        )

    @property
    def socket(self) -> SocketTwin:
        return self.sockets[-1]

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Socket]:
        self.opened_at.append(self.clock.monotonic())
        if self.error is not None:
            raise self.error
        self.sockets.append(SocketTwin())
        yield self.sockets[-1]

    def _count_command(self) -> None:
        self.commands += 1

    def _count_resend(self) -> None:
        self.resends += 1


@asynccontextmanager
async def running() -> AsyncIterator[World]:
    world = World()
    tasks = [asyncio.create_task(run()) for run in (world.session.run, world.stream.run)]
    await world.clock.advance(0)
    yield world
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_agent_speaks_first_and_hears_commands() -> None:
    async with running() as world:
        assert world.socket.sent == [{"type": "resume", "instance": "agent-0", "config_version": 1}]
        world.socket.tell(RESUMED)
        world.socket.tell({"type": "command"})
        world.socket.tell({"type": "resend"})
        await world.clock.advance(0)
        assert (world.commands, world.resends) == (1, 1)


async def test_a_configuration_is_taken_over_unless_it_is_older() -> None:
    async with running() as world:
        for version, safe in ((3, True), (2, False)):
            world.socket.tell({"type": "config", "config": {"version": version, "safe_mode": safe}})
        await world.clock.advance(0)
        assert (world.configuration.current.version, world.configuration.current.safe_mode) == (3, True)


async def test_a_ping_is_answered() -> None:
    async with running() as world:
        world.socket.tell({"type": "ping", "id": 4, "sent_at": "2026-01-01T00:00:20.000Z"})
        await world.clock.advance(0)
        assert world.socket.sent[-1] == {"type": "pong", "id": 4}


async def test_messages_that_are_not_known_do_no_harm() -> None:
    async with running() as world:
        for message in ("no json", {"type": "weather"}, {"type": "command", "extra": 1}):
            world.socket.tell(message)
        await world.clock.advance(0)
        assert (world.commands, len(world.sockets)) == (1, 1)


async def test_silence_is_asked_about_and_then_ends_the_connection() -> None:
    async with running() as world:
        world.socket.tell(RESUMED)
        await world.clock.advance(20)
        assert world.socket.sent[-1] == {"type": "ping", "id": 1, "sent_at": "2026-01-01T00:00:20.000Z"}
        world.socket.tell({"type": "pong", "id": 1})
        await world.clock.advance(30)
        assert len(world.sockets) == 1
        await world.clock.advance(20)
        assert len(world.sockets) == 2


async def test_reconnections_wait_longer_each_time_up_to_a_minute_and_are_spread() -> None:
    async with running() as world:
        world.error = ServiceAwayError("away")
        world.socket.close(1012)
        await world.clock.advance(600)
        opened = world.opened_at[1:]
        waits = [later - earlier for earlier, later in itertools.pairwise(opened)]
        for wait, expected in zip(waits, [2, 4, 8, 16, 32, 60, 60], strict=False):
            assert 0.75 * expected <= wait <= 1.25 * expected
        assert len(set(waits)) == len(waits)


async def test_a_connection_that_stood_begins_with_a_short_wait_again() -> None:
    async with running() as world:
        for _ in range(6):
            world.socket.tell(RESUMED)
            await world.clock.advance(0)
            world.socket.close(1012)
            await world.clock.advance(1.3)
        assert len(world.sockets) == 7


@pytest.mark.parametrize("code", [4401, 4426])
async def test_a_key_or_protocol_that_is_turned_away_stops_all(code: int) -> None:
    async with running() as world:
        world.twin.trouble = lambda _path: problem(401)
        world.socket.close(code)
        await world.clock.advance(300)
        assert len(world.sockets) == 1
        assert world.session.problem


async def test_a_handshake_that_is_turned_away_stops_all() -> None:
    async with running() as world:
        world.twin.trouble = lambda _path: problem(403)
        world.error = UnwelcomeError("not yours")
        world.socket.close(1006)
        await world.clock.advance(300)
        assert len(world.opened_at) == 2


async def test_whether_the_connection_stands_is_shown() -> None:
    def shown() -> float | None:
        return world.telemetry.registry.get_sample_value("spotopt_agent_connected")

    async with running() as world:
        world.socket.tell(RESUMED)
        await world.clock.advance(0)
        assert shown() == 1
        world.socket.close(1006)
        await world.clock.advance(0)
        assert shown() == 0
