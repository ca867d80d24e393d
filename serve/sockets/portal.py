"""WebSockets of portal pages and admin consoles: they only listen."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from fastapi import APIRouter, WebSocket

from actors.lab.experiments import summary
from adapters.redis import keys
from adapters.redis.ports import Gap
from domain.errors import TransientError
from serve.auth.callers import Caller
from serve.auth.changes import Subject
from serve.gateway.context import Gateway, gateway_of
from serve.gateway.problems import not_found
from serve.sockets import guests
from serve.sockets.connection import CLOSE_GOING_AWAY, CLOSE_TRY_LATER, Connection
from serve.sockets.feed import READY_TEXT, RESYNC_TEXT, follow_clusters

router = APIRouter()


@router.websocket("/clusters/heartbeat")
async def heartbeats(socket: WebSocket) -> None:
    """Heartbeats and events of the organisation's clusters, as they come."""
    gateway = gateway_of(socket)
    caller = await guests.member(socket, gateway)
    if caller is not None:
        await serve_page(socket, gateway, caller, partial(follow_clusters, gateway, caller))


@router.websocket("/admin/logs")
async def logs(socket: WebSocket) -> None:
    """The last log lines of all processes, then new ones as they come."""
    await _logs(socket, recent=gateway_of(socket).recent_logs.lines())


@router.websocket("/admin/logs/live")
async def live_logs(socket: WebSocket) -> None:
    """New log lines of all processes, as they come."""
    await _logs(socket, recent=())


async def _logs(socket: WebSocket, *, recent: tuple[bytes, ...]) -> None:
    gateway = gateway_of(socket)
    caller = await guests.super_admin(socket, gateway)
    if caller is not None:
        await serve_page(socket, gateway, caller, partial(_log_lines, gateway, recent), capacity=1_000)


@router.websocket("/lab/stream/{experiment_id}")
async def lab(socket: WebSocket, experiment_id: UUID) -> None:
    """How a comparison of models stands, then each round as it is played."""
    gateway = gateway_of(socket)
    caller = await guests.super_admin(socket, gateway)
    if caller is None:
        return
    if await _standing(gateway, experiment_id) is None:
        await guests.refuse(socket, not_found("comparison"))
        return
    await serve_page(socket, gateway, caller, partial(_rounds, gateway, experiment_id))


Feed = Callable[[Connection], Coroutine[Any, Any, None]]


async def serve_page(socket: WebSocket, gateway: Gateway, caller: Caller, feed: Feed, *, capacity: int = 256) -> None:
    """Feed a page from the bus until it goes or is no longer welcome."""
    await socket.accept()
    connection = Connection(
        socket,
        gateway.services.clock,
        still_welcome=lambda: guests.still_welcome(gateway, caller),
        capacity=capacity,
    )
    owner = {
        Subject.SESSION: caller.claims.session_id,
        Subject.USER: caller.user_id,
        Subject.ORGANIZATION: caller.organization_id,
    }
    gateway.pages.add(connection, owner)
    feeding = asyncio.create_task(_fed(connection, feed))
    try:
        await connection.run()
    finally:
        gateway.pages.remove(connection)
        feeding.cancel()
        with suppress(asyncio.CancelledError):
            await feeding


async def _fed(connection: Connection, feed: Feed) -> None:
    try:
        await feed(connection)
        connection.close(CLOSE_GOING_AWAY, "the service stops")
    except TransientError:
        connection.close(CLOSE_TRY_LATER, "a part of the service is away; connect again")


async def _log_lines(gateway: Gateway, recent: tuple[bytes, ...], connection: Connection) -> None:
    async with gateway.services.hub.bus.subscribe(keys.SYSTEM_LOGS) as lines:
        connection.put(READY_TEXT)
        for line in recent:
            connection.put(line.decode(errors="replace"))
        async for item in lines:
            connection.put(RESYNC_TEXT if isinstance(item, Gap) else item.body.decode(errors="replace"))


async def _rounds(gateway: Gateway, experiment_id: UUID, connection: Connection) -> None:
    async with gateway.services.hub.bus.subscribe(keys.lab_telemetry(str(experiment_id))) as rounds:
        connection.put(READY_TEXT)
        connection.put(await _standing(gateway, experiment_id) or RESYNC_TEXT)
        async for item in rounds:
            connection.put(RESYNC_TEXT if isinstance(item, Gap) else item.body.decode(errors="replace"))


async def _standing(gateway: Gateway, experiment_id: UUID) -> str | None:
    async with gateway.services.database.platform() as tx:
        found = await tx.lab.get(experiment_id)
    return None if found is None else orjson.dumps({"experiment_id": str(found.id), **summary(found)}).decode()
