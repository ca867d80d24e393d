"""The agent's WebSocket: it is told when actions wait, and when its configuration changes."""

import asyncio
from uuid import UUID

from fastapi import APIRouter, WebSocket

from domain.errors import InputError, RejectedError, TransientError
from domain.fleet import KeyHolder
from domain.wire.base import read_value
from domain.wire.protocol import CLOSE_UPGRADE_REQUIRED, PROTOCOL_HEADER, ProtocolTooOldError, negotiate
from domain.wire.socket import AGENT_MESSAGE, ConfigMessage, PingMessage, PongMessage, ResumedMessage, ResumeMessage
from serve.auth.callers import NOT_YOUR_CLUSTER, forbidden
from serve.gateway.context import Gateway, gateway_of
from serve.gateway.problems import ProblemError, to_problem
from serve.sockets.connection import CLOSE_BAD_MESSAGE, CLOSE_TRY_LATER, Connection
from serve.sockets.guests import refuse
from serve.sockets.registry import COMMAND_TEXT, Registered

router = APIRouter()

MOST_SOCKETS = 5_000
"""Agents connected to one replica: each takes about 60 KB."""
BEARER = "bearer "


@router.websocket("/clusters/{cluster_id}/stream")
async def stream(socket: WebSocket, cluster_id: UUID) -> None:
    """Serve one agent."""
    gateway = gateway_of(socket)
    try:
        holder = await _holder(socket, gateway, cluster_id)
        protocol = negotiate(socket.headers.get(PROTOCOL_HEADER))
    except ProtocolTooOldError as err:
        await socket.accept()
        await socket.close(CLOSE_UPGRADE_REQUIRED, str(err)[:120])
        return
    except (ProblemError, RejectedError, TransientError) as err:
        await refuse(socket, to_problem(err))
        return
    await socket.accept(headers=[(PROTOCOL_HEADER.lower().encode(), str(protocol).encode())])
    await _Agent(socket, gateway, holder).serve()


class _Agent:
    """One agent's connection."""

    def __init__(self, socket: WebSocket, gateway: Gateway, holder: KeyHolder) -> None:
        self._gateway = gateway
        self._holder = holder
        self._token = _token(socket)
        self._sending: asyncio.Task[None] | None = None
        self._connection = Connection(socket, gateway.services.clock, still_welcome=self._still_welcome)
        self._registered = Registered(holder, self._connection, self._reconfigure)

    async def serve(self) -> None:
        """Until the connection ends."""
        self._gateway.sockets.add(self._registered)
        try:
            await self._connection.run(self._on_text)
        finally:
            self._gateway.sockets.remove(self._registered)
            if self._sending is not None:
                self._sending.cancel()

    async def _on_text(self, text: str) -> None:
        try:
            message = read_value(AGENT_MESSAGE, text, what="message")
        except InputError as err:
            self._connection.close(CLOSE_BAD_MESSAGE, str(err)[:120])
            return
        match message:
            case ResumeMessage():
                await self._resume(message)
            case PingMessage():
                self._connection.put(PongMessage(id=message.id).model_dump_json())
            case PongMessage():
                pass  # heard of is all that counts

    async def _resume(self, message: ResumeMessage) -> None:
        """Say what the agent has missed. It is registered already, so that nothing falls in between."""
        now = self._gateway.services.clock.now()
        self._connection.put(ResumedMessage(server_time=now).model_dump_json())
        try:
            config = await self._gateway.configs.of(self._holder.cluster_id)
            if config.version > message.config_version:
                self._connection.put(ConfigMessage(config=config).model_dump_json())
            if await self._gateway.pending.any(self._holder.cluster_id):
                self._connection.put(COMMAND_TEXT)
        except TransientError:
            self._connection.close(CLOSE_TRY_LATER, "a part of the service is away; connect again")

    def _reconfigure(self) -> None:
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_config())

    async def _send_config(self) -> None:
        try:
            config = await self._gateway.configs.of(self._holder.cluster_id)
        except TransientError:
            self._connection.close(CLOSE_TRY_LATER, "a part of the service is away; connect again")
            return
        self._connection.put(ConfigMessage(config=config).model_dump_json())

    async def _still_welcome(self) -> bool:
        return await self._gateway.agent_keys.holder(self._token) is not None


async def _holder(socket: WebSocket, gateway: Gateway, cluster_id: UUID) -> KeyHolder:
    token = _token(socket)
    holder = await gateway.agent_keys.holder(token) if token else None
    if holder is None:
        raise ProblemError(401, "the agent's key is missing, unknown, expired or revoked")
    if holder.cluster_id != cluster_id:
        raise forbidden(NOT_YOUR_CLUSTER)
    if len(gateway.sockets) >= MOST_SOCKETS:
        raise ProblemError(503, "too many agents are connected here; connect again", headers={"Retry-After": "5"})
    await gateway.admission.agent(socket, str(holder.api_key_id))
    return holder


def _token(socket: WebSocket) -> str:
    header = socket.headers.get("authorization", "")
    return header[len(BEARER) :].strip() if header.lower().startswith(BEARER) else ""
