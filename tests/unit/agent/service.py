"""The service in memory, behind a mock transport: it answers as the protocol says and remembers what it was told."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from adapters.clock import VirtualClock
from agent.service.client import ServiceClient
from agent.settings import KubernetesAccess, Settings
from domain.delta import BaseMismatchError, Delta, ObjectSet, apply_delta
from domain.signing import derive_signing_key
from domain.wire.base import read_message
from domain.wire.messages import (
    ActionModel,
    AgentConfig,
    DeltaObjects,
    EventsAnswer,
    EventsBody,
    FullObjects,
    Heartbeat,
    HeartbeatAnswer,
    MetricsAnswer,
    MetricsBody,
    PendingActions,
    RefusedEventModel,
    RegisterAnswer,
    RegisterRequest,
    ResultAnswer,
    ResultBody,
)
from domain.wire.protocol import PROTOCOL_HEADER

CLUSTER = "3f2b7c1e-0d64-4a8e-9c55-2b1f6f0a9d10"
TOKEN = "spotopt_example_token"


def make_settings(**given: Any) -> Settings:
    defaults: dict[str, Any] = {
        "api_url": "https://spot.example.com",
        "cluster_id": CLUSTER,
        "token": TOKEN,
        "namespace": "spot-optimizer",
        "instance": "agent-0",
        "kubernetes": KubernetesAccess(url="https://kubernetes.example.com", ca_file=Path("ca.crt")),
    }
    return Settings(**(defaults | given))


@dataclass
class ServiceTwin:
    """``trouble`` answers a request in place of the service: it is given the path behind the cluster's.

    With ``loses_answers`` it takes everything, and no answer arrives.
    """

    clock: VirtualClock
    config: AgentConfig = field(default_factory=lambda: AgentConfig(version=1))
    trouble: Callable[[str], httpx.Response | None] = lambda _path: None
    asked: list[str] = field(default_factory=list)
    registered: list[RegisterRequest] = field(default_factory=list)
    beats: list[Heartbeat] = field(default_factory=list)
    bodies: list[MetricsBody] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    results: list[tuple[str, ResultBody]] = field(default_factory=list)
    waiting: list[ActionModel] = field(default_factory=list)
    refused_events: set[str] = field(default_factory=set)
    objects: ObjectSet | None = None
    headers: dict[str, str] = field(default_factory=dict)
    loses_answers: bool = False

    def client(self, **given: Any) -> ServiceClient:
        return ServiceClient(make_settings(**given), transport=httpx.MockTransport(self.answer))

    async def answer(self, request: httpx.Request) -> httpx.Response:
        prefix = f"/api/clusters/{CLUSTER}"
        assert request.url.path.startswith(prefix)
        path = request.url.path.removeprefix(prefix)
        self.asked.append(path)
        if (trouble := self.trouble(path)) is not None:
            return trouble
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        raw = await request.aread()
        content = gzip.decompress(raw) if request.headers.get("content-encoding") == "gzip" else raw
        model = self._route(path, content)
        if self.loses_answers:
            raise httpx.ReadError("the connection broke", request=request)
        headers = {PROTOCOL_HEADER: "1", **self.headers}
        return httpx.Response(200, content=model.model_dump_json(), headers=headers)

    def _route(self, path: str, content: bytes) -> Any:
        now = self.clock.now()
        match path.strip("/").split("/"):
            case ["agent", "register"]:
                self.registered.append(read_message(RegisterRequest, content, what="register"))
                return RegisterAnswer(
                    cluster_id=CLUSTER,
                    config=self.config,
                    signing_key_id=derive_signing_key(TOKEN, CLUSTER).id,
                    protocol=1,
                    server_time=now,
                )
            case ["heartbeat"]:
                self.beats.append(read_message(Heartbeat, content, what="heartbeat"))
                return HeartbeatAnswer(config_version=self.config.version, server_time=now)
            case ["metrics"]:
                return self._metrics(read_message(MetricsBody, content, what="metrics"))
            case ["events"]:
                return self._events(read_message(EventsBody, content, what="events"))
            case ["actions", "pending"]:
                taken, self.waiting = self.waiting[:10], self.waiting[10:]
                return PendingActions(actions=taken)
            case ["actions", action_id, "result"]:
                self.results.append((action_id, read_message(ResultBody, content, what="result")))
                return ResultAnswer(acknowledged_at=now)
        raise AssertionError(f"nobody asks for {path}")

    def _metrics(self, body: MetricsBody) -> MetricsAnswer:
        self.bodies.append(body)
        need_full = not self._take(body.objects)
        stored = len(body.metrics.nodes) + len(body.metrics.pods)
        return MetricsAnswer(metrics_stored=stored, events_queued=0, need_full=need_full)

    def _take(self, objects: FullObjects | DeltaObjects | None) -> bool:
        if isinstance(objects, FullObjects):
            self.objects = ObjectSet.of(objects.items)
            assert self.objects.hash == objects.hash
        elif isinstance(objects, DeltaObjects):
            delta = Delta(
                base=objects.base, result=objects.hash, upserts=tuple(objects.upserts), deletes=tuple(objects.deletes)
            )
            try:
                self.objects = apply_delta(self.objects or ObjectSet.of([]), delta)
            except BaseMismatchError:
                return False
        return self.objects is not None

    def _events(self, body: EventsBody) -> EventsAnswer:
        refused = [
            RefusedEventModel(index=index, field="zone_id", problem="is missing")
            for index, event in enumerate(body.events)
            if event["event_id"] in self.refused_events
        ]
        self.events += [event for event in body.events if event["event_id"] not in self.refused_events]
        return EventsAnswer(events_queued=len(body.events) - len(refused), events_refused=refused)


def problem(status: int, detail: str = "no", **headers: str) -> httpx.Response:
    document = {"type": "about:blank", "title": "No", "status": status, "detail": detail}
    return httpx.Response(status, content=json.dumps(document), headers=headers)
