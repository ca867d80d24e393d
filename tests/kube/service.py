"""The service, as small as an agent can take it: it remembers what it is told and hands out signed actions.

It speaks the protocol of ``docs/agent-protocol.md`` by the models of ``domain.wire``. Tests may take it away for a
while, sign actions wrongly, and ask what has arrived.
"""

import asyncio
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Annotated, Any

import orjson
import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException, Request, WebSocket, WebSocketDisconnect

from domain.delta import EMPTY, BaseMismatchError, Delta, ObjectSet, apply_delta
from domain.signing import SignedAction, derive_signing_key, sign
from domain.wire.messages import ActionModel, AgentConfig, MetricsBody, RegisterRequest, ResultBody

JsonObject = dict[str, Any]

CLUSTER = "3f2b7c1e-0d64-4a8e-9c55-2b1f6f0a9d10"
TOKEN = "spotopt_example_token"
LIFETIME = timedelta(minutes=5)
START_LIMIT_S = 10.0
PREFIX = f"/api/clusters/{CLUSTER}"


class Service:
    """What the service knows of one cluster. Read from the test's thread, written from the server's."""

    def __init__(self) -> None:
        self.key = derive_signing_key(TOKEN, CLUSTER)
        self.config = AgentConfig(version=1, collection_interval_s=5, heartbeat_interval_s=5)
        self.registered: list[RegisterRequest] = []
        self.heartbeats: list[JsonObject] = []
        self.metrics: list[MetricsBody] = []
        self.events: list[JsonObject] = []
        self.results: dict[str, ResultBody] = {}
        self.objects = EMPTY
        self._waiting: list[ActionModel] = []
        self._numbers = count(1)
        self.wakes: list[Callable[[], object]] = []

    def sign(self, kind: str, payload: JsonObject, *, lifetime: timedelta = LIFETIME) -> ActionModel:
        """An action as the service would send it."""
        number, now = next(self._numbers), datetime.now(UTC)
        action = SignedAction(
            cluster=CLUSTER,
            id=f"action-{number}",
            type=kind,
            payload=payload,
            expires_at=now + lifetime,
            nonce=f"nonce-{number}-{now.timestamp():.6f}",
        )
        return ActionModel.of(sign(action, self.key, now=now))

    def hand_out(self, *actions: ActionModel) -> None:
        """Give actions to the agent, by waking it up."""
        self._waiting += actions
        for wake in self.wakes:
            wake()

    def take(self) -> list[ActionModel]:
        """What the agent gets by its next poll."""
        taken, self._waiting = self._waiting[:10], self._waiting[10:]
        return taken

    def put(self, body: MetricsBody) -> bool:
        """Take a body; whether the objects must come in full."""
        self.metrics.append(body)
        self.events += body.events
        if body.objects is None:
            return False
        if body.objects.mode == "full":
            self.objects = ObjectSet.of(body.objects.items)
            return False
        delta = Delta(
            base=body.objects.base,
            result=body.objects.hash,
            upserts=tuple(body.objects.upserts),
            deletes=tuple(body.objects.deletes),
        )
        try:
            self.objects = apply_delta(self.objects, delta)
        except BaseMismatchError:
            return True
        return False


def application(service: Service) -> FastAPI:
    """The protocol over HTTP and WebSocket."""
    app = FastAPI()

    def admit(authorization: Annotated[str, Header()] = "") -> None:
        if authorization != f"Bearer {TOKEN}":
            raise HTTPException(status_code=401, detail="this key is not known")

    app.router.dependencies.append(Depends(admit))

    @app.post(PREFIX + "/agent/register")
    async def register(request: Request) -> JsonObject:
        service.registered.append(RegisterRequest.model_validate_json(await body_of(request)))
        answer = {"cluster_id": CLUSTER, "config": service.config.model_dump(), "signing_key_id": service.key.id}
        return answer | {"protocol": 1, "server_time": now()}

    @app.post(PREFIX + "/heartbeat")
    async def heartbeat(request: Request) -> JsonObject:
        service.heartbeats.append(orjson.loads(await body_of(request)))
        return {"success": True, "config_version": service.config.version, "server_time": now()}

    @app.post(PREFIX + "/metrics")
    async def metrics(request: Request) -> JsonObject:
        body = MetricsBody.model_validate_json(await body_of(request))
        stored = len(body.metrics.nodes) + len(body.metrics.pods)
        need_full = service.put(body)
        return {"success": True, "metrics_stored": stored, "events_queued": len(body.events), "need_full": need_full}

    @app.post(PREFIX + "/events")
    async def events(request: Request) -> JsonObject:
        found = orjson.loads(await body_of(request))["events"]
        service.events += found
        return {"success": True, "events_queued": len(found)}

    @app.get(PREFIX + "/actions/pending")
    async def pending() -> JsonObject:
        return {"actions": [action.model_dump(mode="json") for action in service.take()]}

    @app.post(PREFIX + "/actions/{action_id}/result")
    async def result(action_id: str, request: Request) -> JsonObject:
        service.results.setdefault(action_id, ResultBody.model_validate_json(await body_of(request)))
        return {"success": True, "acknowledged_at": now()}

    @app.websocket(PREFIX + "/stream")
    async def stream(connection: WebSocket) -> None:
        await connection.accept()
        await converse(service, connection)

    return app


async def converse(service: Service, connection: WebSocket) -> None:
    """Wake the agent up whenever actions wait, and answer its pings."""
    loop, changed = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        loop.call_soon_threadsafe(changed.set)

    async def tell() -> None:
        while True:
            await changed.wait()
            changed.clear()
            await connection.send_json({"type": "command"})

    service.wakes.append(wake)
    telling: asyncio.Task[None] | None = None
    try:
        await connection.receive_json()
        await connection.send_json({"type": "resumed", "server_time": now(), "ping_interval_s": 20})
        telling = asyncio.create_task(tell())
        while True:
            message = await connection.receive_json()
            if message["type"] == "ping":
                await connection.send_json({"type": "pong", "id": message["id"]})
    except WebSocketDisconnect:
        return
    finally:
        service.wakes.remove(wake)
        if telling:
            telling.cancel()


@contextmanager
def served(service: Service, *, port: int = 0) -> Iterator[int]:
    """The service on a port of loopback, by default a free one. Leaving the block takes it away from the agent."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        config = uvicorn.Config(
            application(service), ws="websockets-sansio", log_config=None, timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        server.capture_signals = nullcontext  # type: ignore[method-assign]  # signals belong to pytest
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        end = time.monotonic() + START_LIMIT_S
        while not server.started:
            assert time.monotonic() < end, "the stand-in of the service did not start"
            time.sleep(0.01)
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(START_LIMIT_S)


async def body_of(request: Request) -> bytes:
    """The body, unpacked."""
    raw = await request.body()
    return gzip.decompress(raw) if request.headers.get("Content-Encoding") == "gzip" else raw


def now() -> str:
    """The service's clock."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
