"""The API server and the service in one process: ``python -m tests.benchmarks.agent.server PORT_FILE NODES PODS RATE``.

It answers as both would, checks what the agent sends, and keeps the times that the benchmark asks for at ``/figures``.
"""

import asyncio
import gzip
import itertools
import socket
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from domain.delta import EMPTY, Delta, ObjectSet, apply_delta
from domain.signing import SignedAction, derive_signing_key, sign
from domain.wire.messages import ActionModel, AgentConfig, HeartbeatAnswer, MetricsAnswer, RegisterAnswer
from tests.benchmarks.agent.cluster import changes, objects, usage

CLUSTER, TOKEN = "3f2b7c1e-0d64-4a8e-9c55-2b1f6f0a9d10", "spotopt_benchmark_token"
BOOKMARK_S = 30.0
VERSION_OF_CHANGES = 1_000_000


class World:
    """What both servers know."""

    def __init__(self, *, nodes: int, pods: int, rate_per_s: float) -> None:
        self.objects = objects(nodes=nodes, pods=pods)
        self.usage = usage(nodes=nodes, pods=pods)
        self.rate_per_s = rate_per_s
        self.kept: dict[str, dict[str, Any]] = {}
        self.versions = itertools.count(2 * VERSION_OF_CHANGES)
        self.set = EMPTY
        self.first_full_at: float | None = None
        self.bodies: list[dict[str, Any]] = []
        self.waiting: list[ActionModel] = []
        self.told_at: dict[str, float] = {}
        self.evicted_at: dict[str, float] = {}
        self.socket: WebSocket | None = None
        self.key = derive_signing_key(TOKEN, CLUSTER)

    async def kubernetes(self, request: Request) -> Response:
        path, query = request.url.path, request.query_params
        if path == "/version":
            return _json({"gitVersion": "v1.33.0"})
        if path.startswith("/apis/metrics.k8s.io"):
            return Response(self.usage[path.endswith("/pods")], media_type="application/json")
        if path.endswith("/eviction"):
            self.evicted_at[path.split("/")[-2]] = time.monotonic()
            return _json({"status": "Success"})
        plural, single = _plural(path)
        if plural in ("leases", "configmaps"):
            return await self._document(request)
        if query.get("watch"):
            return StreamingResponse(self._events(plural), media_type="application/json")
        if single:
            found = next((one for one in self.objects[plural] if one["metadata"]["name"] == single), None)
            gone = single in self.evicted_at
            return _json(found) if found and not gone else _json({"code": 404, "reason": "NotFound"}, 404)
        return self._page(plural, int(query.get("limit", 500)), int(query.get("continue", 0)))

    def _page(self, plural: str, limit: int, start: int) -> Response:
        items = self.objects[plural]
        rest = len(items) - start - limit
        more = {"continue": str(start + limit), "remainingItemCount": rest} if rest > 0 else {}
        return _json({"metadata": {"resourceVersion": "100", **more}, "items": items[start : start + limit]})

    async def _events(self, plural: str) -> AsyncIterator[bytes]:
        bookmark = {"type": "BOOKMARK", "object": {"kind": "X", "metadata": {"resourceVersion": "200"}}}
        if plural != "pods":
            while True:
                yield orjson.dumps(bookmark) + b"\n"
                await asyncio.sleep(BOOKMARK_S)
        for event in changes(self.objects["pods"], first_version=VERSION_OF_CHANGES):
            yield event
            await asyncio.sleep(1 / self.rate_per_s)

    async def _document(self, request: Request) -> Response:
        path = request.url.path
        if request.method == "GET":
            found = self.kept.get(path)
            return _json(found) if found else _json({"code": 404, "reason": "NotFound"}, 404)
        body = orjson.loads(await request.body())
        if request.method == "POST":
            path = f"{path}/{body['metadata']['name']}"
        document = self.kept.setdefault(path, {"metadata": {}})
        for part, value in body.items():
            document[part] = document.get(part, {}) | value if isinstance(value, dict) else value
        document["metadata"]["resourceVersion"] = str(next(self.versions))
        return _json(document)

    async def service(self, request: Request) -> Response:
        raw = await request.body()
        body = orjson.loads(gzip.decompress(raw) if request.headers.get("content-encoding") == "gzip" else raw or b"{}")
        name, now = request.url.path.rpartition("/")[2], datetime.now(UTC)
        if name == "register":
            config = AgentConfig(version=1)
            answer = RegisterAnswer(
                cluster_id=CLUSTER, config=config, signing_key_id=self.key.id, protocol=1, server_time=now
            )
            return _model(answer)
        if name == "heartbeat":
            return _model(HeartbeatAnswer(config_version=1, server_time=now))
        if name == "metrics":
            return _model(self._metrics(body, len(raw)))
        if name == "pending":
            taken, self.waiting = self.waiting[:10], self.waiting[10:]
            return _json({"actions": [orjson.loads(action.model_dump_json()) for action in taken]})
        return _json({"success": True, "acknowledged_at": "2026-01-01T00:00:00Z", "events_queued": 0})

    def _metrics(self, body: dict[str, Any], sent_bytes: int) -> MetricsAnswer:
        sent = body.get("objects")
        self.bodies.append({"mode": sent and sent["mode"], "bytes": sent_bytes})
        if sent and sent["mode"] == "full":
            self.set = ObjectSet.of(sent["items"])
            assert self.set.hash == sent["hash"]
            self.first_full_at = self.first_full_at or time.monotonic()
        elif sent:
            delta = Delta(
                base=sent["base"], result=sent["hash"], upserts=tuple(sent["upserts"]), deletes=tuple(sent["deletes"])
            )
            self.set = apply_delta(self.set, delta)
        return MetricsAnswer(metrics_stored=0, events_queued=0)

    async def stream(self, socket: WebSocket) -> None:
        await socket.accept()
        await socket.receive_text()
        now = datetime.now(UTC).isoformat()
        await socket.send_json({"type": "resumed", "server_time": now, "ping_interval_s": 20})
        self.socket = socket
        try:
            while True:
                message = await socket.receive_json()
                if message["type"] == "ping":
                    await socket.send_json({"type": "pong", "id": message["id"]})
        except WebSocketDisconnect:
            self.socket = None

    async def command(self, request: Request) -> Response:
        """Queue the eviction of a pod and wake the agent."""
        pod = self.objects["pods"][int(request.path_params["number"])]["metadata"]["name"]
        now = datetime.now(UTC)
        action = SignedAction(
            cluster=CLUSTER,
            id=str(uuid4()),
            type="evict_pod",
            payload={"namespace": "shop", "pod": pod},
            expires_at=now + timedelta(minutes=5),
            nonce=uuid4().hex,
        )
        self.waiting.append(ActionModel.of(sign(action, self.key, now=now)))
        assert self.socket is not None
        self.told_at[pod] = time.monotonic()
        await self.socket.send_text('{"type":"command"}')
        return _json({})

    async def figures(self, _: Request) -> Response:
        waits = [self.evicted_at[pod] - told for pod, told in self.told_at.items() if pod in self.evicted_at]
        return _json(
            {
                "first_full_at": self.first_full_at,
                "connected": self.socket is not None,
                "objects": len(self.set),
                "bodies": self.bodies,
                "told": len(self.told_at),
                "eviction_waits_s": waits,
            }
        )


def _plural(path: str) -> tuple[str, str]:
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    rest = rest[2:] if rest[0] == "namespaces" and len(rest) > 2 else rest
    return rest[0], rest[1] if len(rest) > 1 else ""


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status_code=status, media_type="application/json")


def _model(model: Any) -> Response:
    return Response(model.model_dump_json(), media_type="application/json")


def main(port_file: Path, nodes: int, pods: int, rate_per_s: float) -> None:
    """Serve until killed; the port is written when all is made."""
    world = World(nodes=nodes, pods=pods, rate_per_s=rate_per_s)
    every = ["GET", "POST", "PATCH", "DELETE"]
    app = Starlette(
        routes=[
            Route("/figures", world.figures),
            Route("/command/{number}", world.command),
            WebSocketRoute("/api/clusters/{cluster}/stream", world.stream),
            Route("/api/clusters/{rest:path}", world.service, methods=every),
            Route("/{rest:path}", world.kubernetes, methods=every),
        ]
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port_file.write_text(str(listening.getsockname()[1]))
        config = uvicorn.Config(app, log_config=None, ws="websockets-sansio")
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
