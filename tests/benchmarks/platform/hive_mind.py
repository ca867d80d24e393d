"""One interruption after another, each measured from the agent's call until every process knows, and the node is safe.

All clocks are that of this machine, so times of different processes may be compared.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from actors import runtime
from actors.services import Services
from adapters.redis import keys
from adapters.redis.ports import Gap
from domain.delta import ObjectSet
from domain.wire.protocol import PROTOCOL_HEADER, PROTOCOL_VERSION
from tests.benchmarks.platform.customers import Customer
from tests.benchmarks.platform.load import now_text
from tests.benchmarks.platform.objects import cluster_objects, interruption

PLANNED = ("plan_ready", "plan_rejected", "plan_unneeded")
"""What is told when a plan has been made; where room is left, the pods go there and nothing else changes."""
PLAN_WITHIN_S = 30.0
SETTLE_S = 0.3
"""Between the plan and the next interruption."""
PROCESSES_WITHIN_S, ASKED_AT_ONCE = 20.0, 6


@dataclass(slots=True, kw_only=True)
class Seen:
    """Seconds from the call, of one interruption. ``known`` is when the last of all processes had heard of the flag."""

    answered: float
    known: float = 0.0
    commanded: float = 0.0
    planned: float = 0.0
    processes: int = 0


@dataclass(slots=True)
class Agents:
    """WebSockets of agents: when a command last came to each."""

    sockets: dict[str, ClientConnection] = field(default_factory=dict)
    commanded_at: dict[str, float] = field(default_factory=dict)

    async def listen(self, cluster_id: str) -> None:
        """Note commands until the socket closes."""
        async for text in self.sockets[cluster_id]:
            message = json.loads(text)
            if message["type"] == "command":
                self.commanded_at.setdefault(cluster_id, time.time())
            elif message["type"] == "ping":
                await self.sockets[cluster_id].send(json.dumps({"type": "pong", "id": message["id"]}))


@asynccontextmanager
async def connected(customers: Sequence[Customer], port: int) -> AsyncIterator[Agents]:
    """A WebSocket for each of these agents."""
    agents = Agents()
    async with AsyncExitStack() as stack:
        for customer in customers:
            url = f"ws://127.0.0.1:{port}/api/clusters/{customer.cluster_id}/stream"
            socket = await stack.enter_async_context(connect(url, additional_headers=headers_of(customer)))
            await socket.send(json.dumps({"type": "resume", "instance": "agent-0", "config_version": 0}))
            agents.sockets[customer.cluster_id] = socket
        listeners = [asyncio.create_task(agents.listen(cluster_id)) for cluster_id in agents.sockets]
        try:
            yield agents
        finally:
            for listener in listeners:
                listener.cancel()
            await asyncio.gather(*listeners, return_exceptions=True)


def headers_of(customer: Customer) -> dict[str, str]:
    """What an agent sends with every call."""
    return {"Authorization": f"Bearer {customer.token}", PROTOCOL_HEADER: str(PROTOCOL_VERSION)}


async def send_objects(http: httpx.AsyncClient, customer: Customer) -> None:
    """The first snapshot of a cluster."""
    items = cluster_objects(customer.number)
    objects = {"mode": "full", "hash": ObjectSet.of(items).hash, "items": items}
    metrics: dict[str, Any] = {"timestamp": now_text(), "nodes": [], "pods": []}
    body = {"metrics": metrics, "events": [], "objects": objects}
    path = f"/api/clusters/{customer.cluster_id}/metrics"
    answer = await http.post(path, json=body, headers=headers_of(customer))
    answer.raise_for_status()


class Measured:
    """Interrupts nodes and watches what follows."""

    def __init__(self, services: Services, http: httpx.AsyncClient, agents: Agents, admin: dict[str, str]) -> None:
        self._services = services
        self._http = http
        self._agents = agents
        self._admin = admin
        self._hosts = [runtime.find(runtime.host_name(n)) for n in range(services.settings.cluster_hosts)]

    async def interrupt(self, customer: Customer, node: int) -> Seen:
        """Report the end of one node, and wait until all that follows has happened."""
        event = interruption(customer.number, node, event_id=f"e-{customer.number}-{node}")
        self._agents.commanded_at.clear()
        async with self._services.hub.bus.subscribe(keys.cluster_events(customer.cluster_id)) as told:
            planned = asyncio.create_task(_planned(told))
            began = time.time()
            path = f"/api/clusters/{customer.cluster_id}/events"
            answer = await self._http.post(path, json={"events": [event]}, headers=headers_of(customer))
            answer.raise_for_status()
            seen = Seen(answered=time.time() - began)
            seen.planned = await asyncio.wait_for(planned, PLAN_WITHIN_S) - began
        seen.commanded = self._agents.commanded_at[customer.cluster_id] - began
        heard = await self._heard(began)
        seen.known, seen.processes = max(heard) - began, len(heard)
        await asyncio.sleep(SETTLE_S)
        return seen

    async def _heard(self, since: float) -> list[float]:
        """When each process heard of the flag; fails when one did not."""
        moments = [(await host.heard_of_risk_at.remote()) for host in self._hosts]
        replicas: dict[int, datetime | None] = {}
        deadline = time.time() + PROCESSES_WITHIN_S
        while len(replicas) < self._services.settings.gateway_replicas and time.time() < deadline:
            # At once, so that the proxy hands them to different replicas.
            asked = [self._http.get("/api/admin/health/workers", headers=self._admin) for _ in range(ASKED_AT_ONCE)]
            for answer in await asyncio.gather(*asked):
                gateway = answer.raise_for_status().json()["gateway"]
                heard = gateway["heard_of_risk_at"]
                replicas[gateway["process"]] = datetime.fromisoformat(heard) if heard else None
        moments += replicas.values()
        times = [moment.timestamp() if moment else 0.0 for moment in moments]
        if len(replicas) < self._services.settings.gateway_replicas or min(times) < since:
            raise RuntimeError(f"a process has not heard of the flag: {times}, {since}, {list(replicas)}")
        return times


async def _planned(told: Any) -> float:
    async for message in told:
        if not isinstance(message, Gap) and json.loads(message.body)["topic"] in (
            "plan_ready",
            "plan_rejected",
            "plan_unneeded",
        ):
            return time.time()
    raise RuntimeError("the bus was closed")
