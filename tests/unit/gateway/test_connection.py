"""One WebSocket: slow readers, silent ones, those no longer welcome."""

import asyncio
import json
from typing import Any

import pytest

from adapters.clock import VirtualClock
from domain.errors import TransientError
from domain.wire.base import MAX_MESSAGE_BYTES
from serve.sockets.connection import Connection
from serve.sockets.registry import Command, command_in


class SocketTwin:
    """A socket that a test speaks into; ``stuck`` makes sending wait for ever."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.closed: tuple[int, str] | None = None
        self.stuck = False
        self._said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def say(self, text: str) -> None:
        self._said.put_nowait({"type": "websocket.receive", "text": text})

    def leave(self) -> None:
        self._said.put_nowait({"type": "websocket.disconnect", "code": 1001})

    async def receive(self) -> dict[str, Any]:
        return await self._said.get()

    async def send_text(self, text: str) -> None:
        if self.stuck:
            await asyncio.Event().wait()
        self.sent.append(text)

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


class Scene:
    """A connection over a twin."""

    def __init__(self, capacity: int = 4) -> None:
        self.clock = VirtualClock()
        self.socket = SocketTwin()
        self.welcome: bool | Exception = True
        self.connection = Connection(
            self.socket,  # type: ignore[arg-type]
            self.clock,
            still_welcome=self._welcome,
            capacity=capacity,
        )
        self.task = asyncio.create_task(self.connection.run())

    async def _welcome(self) -> bool:
        if isinstance(self.welcome, Exception):
            raise self.welcome
        return self.welcome

    async def ended(self) -> tuple[int, str]:
        await self.task
        assert self.socket.closed is not None
        return self.socket.closed


@pytest.fixture
async def scene() -> Scene:
    made = Scene()
    await made.clock.advance(0)
    return made


async def test_what_is_put_is_sent_in_order(scene: Scene) -> None:
    for text in ("a", "b", "c"):
        scene.connection.put(text)
    await scene.clock.advance(0)
    assert scene.socket.sent == ["a", "b", "c"]
    scene.connection.close(1000, "")
    await scene.ended()


async def test_a_reader_that_is_too_slow_is_cut_off_with_a_reason(scene: Scene) -> None:
    scene.socket.stuck = True
    for number in range(10):
        scene.connection.put(str(number))
        await scene.clock.advance(0)
    assert await scene.ended() == (4413, "messages come faster than they are read")


async def test_whoever_spoke_just_after_the_start_is_pinged_well_before_it_would_be_cut_off(scene: Scene) -> None:
    await scene.clock.advance(0.01)
    scene.socket.say('{"type":"pong","id":0}')
    await scene.clock.advance(30)
    assert json.loads(scene.socket.sent[0])["type"] == "ping"


async def test_a_silent_one_is_pinged_and_then_cut_off(scene: Scene) -> None:
    await scene.clock.advance(20)
    assert json.loads(scene.socket.sent[0])["type"] == "ping"
    await scene.clock.advance(20)
    assert await scene.ended() == (4408, "no sign of life")


async def test_a_pong_keeps_a_connection(scene: Scene) -> None:
    for _ in range(5):
        await scene.clock.advance(20)
        scene.socket.say('{"type":"pong","id":1}')
        await scene.clock.advance(0)
    assert scene.socket.closed is None
    scene.socket.leave()
    assert (await scene.ended())[0] == 1001


async def test_who_is_no_longer_welcome_goes(scene: Scene) -> None:
    scene.welcome = False
    scene.socket.say('{"type":"ping","id":1}')
    await scene.clock.advance(20)
    assert (await scene.ended())[0] == 4401


async def test_a_connection_stays_while_nobody_can_be_asked(scene: Scene) -> None:
    scene.welcome = TransientError("away")
    await scene.clock.advance(20)
    assert scene.socket.closed is None
    scene.connection.close(1000, "")
    await scene.ended()


@pytest.mark.parametrize(("text", "code"), [("sing", 4400), ("x" * (MAX_MESSAGE_BYTES + 1), 1009)])
async def test_nonsense_ends_a_connection(scene: Scene, text: str, code: int) -> None:
    scene.socket.say(text)
    await scene.clock.advance(0)
    assert (await scene.ended())[0] == code


@pytest.mark.parametrize(
    ("body", "command"),
    [
        (b'{"type":"config"}', Command.CONFIG),
        (b'{"type":"resend"}', Command.RESEND),
        (b"", Command.COMMAND),
        (b"[]", Command.COMMAND),
        (b'{"type":"future"}', Command.COMMAND),
    ],
)
def test_a_command_that_is_not_understood_wakes_the_agent(body: bytes, command: Command) -> None:
    assert command_in(body) is command
