"""A gateway of twins behind a real port, and agents with real connections to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from actors.services import Services
from adapters.aws.memory import MemoryAws
from adapters.clock import SystemClock
from adapters.mail.memory import MemoryMailer
from adapters.postgres.ids import new_id
from adapters.postgres.memory import MemoryDatabase
from adapters.redis import keys
from adapters.redis.hub import memory_hub
from agent.hands import make_hands
from agent.runtime import Agent
from agent.service.client import ServiceClient
from agent.service.outbox import Outbox
from agent.service.websocket import connector
from agent.settings import Settings
from agent.telemetry import Telemetry
from domain.signing import SignedAction, derive_signing_key, sign
from serve.auth.passwords import Passwords
from serve.gateway.app import create_app
from tests.integration.gateway.conftest import LiveHouse, served
from tests.unit.agent.kube import MemoryKubernetes
from tests.unit.agent.objects import node, pod
from tests.unit.agent.service import make_settings
from tests.unit.gateway.house import KEYS, AgentOf, ClustersTwin
from tests.unit.gateway.house import make_settings as make_gateway_settings
from tests.unit.gateway.test_agent import queue_action


@pytest.fixture
async def live() -> AsyncIterator[LiveHouse]:
    """The gateway over twins of the database and of Redis."""
    clock, clusters = SystemClock(), ClustersTwin()
    mailer = MemoryMailer(clock)
    services = Services(
        settings=make_gateway_settings(public_url=""),
        keys=KEYS,
        clock=clock,
        database=MemoryDatabase(),
        hub=memory_hub(clock),
        aws=MemoryAws(clock),
    )
    app = create_app(services, clusters, mailer, passwords=Passwords(memory_kib=64))
    async with served(app) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
        yield LiveHouse(
            app=app,
            services=services,
            clusters=clusters,
            mailer=mailer,
            http=http,
            clock=clock,  # type: ignore[arg-type]
            port=port,
        )


class Running:
    """An agent of a cluster, with the cluster's twin and the gateway that it speaks with."""

    def __init__(self, live: LiveHouse, customer: AgentOf, agent: Agent, kubernetes: MemoryKubernetes) -> None:
        self.live = live
        self.customer = customer
        self.agent = agent
        self.kubernetes = kubernetes

    async def command(self, kind: str, payload: dict[str, Any]) -> str:
        """Queue a signed action and wake the agent; the action's id."""
        now = self.live.clock.now()
        cluster, action_id = str(self.customer.cluster_id), new_id()
        action = sign(
            SignedAction(
                cluster=cluster,
                id=str(action_id),
                type=kind,
                payload=payload,
                expires_at=now + timedelta(minutes=5),
                nonce=new_id().hex,
            ),
            derive_signing_key(self.customer.token, cluster),
            now=now,
        )
        await queue_action(
            self.live,
            self.customer,
            id=action_id,
            kind=kind,
            payload=payload,
            expires_at=action.expires_at,
            nonce=action.nonce,
            key_id=action.key_id,
            signature=action.signature,
        )
        await self.live.hub.bus.publish(keys.agent_command(cluster), b'{"type":"command"}')
        return str(action_id)


@asynccontextmanager
async def running(live: LiveHouse, customer: AgentOf, **given: Any) -> AsyncIterator[Running]:
    """An agent, from its start to its stop."""
    kubernetes, clock, telemetry = MemoryKubernetes(), SystemClock(), Telemetry()
    for number in range(3):
        kubernetes.put(node(f"n{number}"))
    for number in range(20):
        kubernetes.put(pod(f"p{number}"))
    settings = settings_for(live, customer, **given)
    async with ServiceClient(settings) as service:
        agent = Agent(
            settings,
            kubernetes,
            clock,
            make_hands=make_hands,
            outbox=Outbox(clock, telemetry),
            telemetry=telemetry,
            service=service,
            connect=connector(settings),
        )
        task = asyncio.create_task(agent.run())
        try:
            yield Running(live, customer, agent, kubernetes)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def settings_for(live: LiveHouse, customer: AgentOf, **given: Any) -> Settings:
    return make_settings(
        api_url=f"http://127.0.0.1:{live.port}", cluster_id=str(customer.cluster_id), token=customer.token, **given
    )
