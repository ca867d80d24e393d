"""Registration: a key that is not accepted is said once, tried again every minute, and never a crash."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from structlog.testing import capture_logs

from adapters.clock import VirtualClock
from agent.configuration import Configuration
from agent.service.errors import UnwelcomeError
from agent.service.session import OUTDATED_S, UNWELCOME_S, Session
from agent.store import ConfigMapStore
from agent.telemetry import Telemetry
from domain.wire.messages import AgentConfig, RegisterRequest
from tests.unit.agent.kube import MemoryKubernetes
from tests.unit.agent.service import ServiceTwin, make_settings, problem


async def describe() -> RegisterRequest:
    return RegisterRequest(agent_version="1", kubernetes_version="1", node_count=1, instance="agent-0")


class World:
    def __init__(self, **settings: Any) -> None:
        self.clock = VirtualClock()
        self.twin = ServiceTwin(self.clock)
        self.telemetry = Telemetry()
        chosen = make_settings(**settings)
        store = ConfigMapStore(api=MemoryKubernetes(), namespace="spot-optimizer")
        self.configuration = Configuration(chosen, store)
        self.session = Session(
            chosen,
            self.twin.client(**settings),
            self.clock,
            configuration=self.configuration,
            describe=describe,
            telemetry=self.telemetry,
        )

    def is_ready(self) -> bool:
        return self.session._welcome.is_set()


@asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[World]:
    world = World(**settings)
    task = asyncio.create_task(world.session.run())
    yield world
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_registration_brings_the_configuration() -> None:
    async with running() as world:
        world.twin.config = AgentConfig(version=7, collection_interval_s=60)
        await world.clock.advance(1)
        assert world.is_ready()
        assert world.configuration.current.collection_interval_s == 60
        await world.clock.advance(1_000)
        assert len(world.twin.registered) == 1


async def test_a_wrong_key_is_said_once_and_tried_every_minute() -> None:
    async with running() as world:
        world.twin.trouble = lambda _path: problem(401, "unknown key")
        with capture_logs() as logs:
            await world.clock.advance(10 * UNWELCOME_S + 1)
        assert [entry["problem"] for entry in logs if entry["log_level"] == "error"] == [
            "the service does not accept this cluster's key (API_TOKEN): unknown key"
        ]
        assert len(world.twin.asked) == 11
        assert not world.is_ready()
        world.twin.trouble = lambda _path: None
        await world.clock.advance(UNWELCOME_S)
        assert (world.is_ready(), world.session.problem) == (True, "")


async def test_an_outdated_agent_tries_seldom() -> None:
    async with running() as world:
        world.twin.trouble = lambda _path: problem(426, "the oldest is 2")
        await world.clock.advance(OUTDATED_S + 1)
        assert len(world.twin.asked) == 2
        assert "helm upgrade" in world.session.problem


async def test_a_key_of_another_cluster_is_named() -> None:
    async with running(cluster_id="other") as world:
        prefix = "/api/clusters/other"
        answer = world.twin.answer

        async def of_another(request: Any) -> Any:
            request.url = request.url.copy_with(
                path=request.url.path.replace(prefix, "/api/clusters/3f2b7c1e-0d64-4a8e-9c55-2b1f6f0a9d10")
            )
            return await answer(request)

        world.session._client._http._transport.handler = of_another
        await world.clock.advance(1)
        assert "CLUSTER_ID" in world.session.problem


async def test_a_service_that_is_away_is_tried_with_growing_waits() -> None:
    async with running() as world:
        world.twin.trouble = lambda _path: problem(503)
        await world.clock.advance(600)
        assert 10 < len(world.twin.asked) < 20
        world.twin.trouble = lambda _path: None
        await world.clock.advance(76)
        assert world.is_ready()


async def test_a_key_that_is_revoked_stops_all_until_it_is_accepted_again() -> None:
    async with running() as world:
        await world.clock.advance(100)
        world.session.refused(UnwelcomeError("revoked"))
        assert not world.is_ready()
        await world.clock.advance(2)
        assert world.is_ready()


async def test_a_key_that_only_registers_is_not_tried_in_a_hot_loop() -> None:
    async with running() as world:
        for _ in range(100):
            await world.clock.advance(0.1)
            if world.is_ready():
                world.session.refused(UnwelcomeError("revoked"))
        assert len(world.twin.registered) < 6


async def test_a_newer_configuration_is_fetched_while_others_go_on() -> None:
    async with running() as world:
        await world.clock.advance(1)
        world.twin.config = AgentConfig(version=2, safe_mode=True)
        world.session.renew()
        assert world.is_ready()
        await world.clock.advance(1)
        assert world.configuration.current.safe_mode


async def test_clocks_that_differ_are_said_once() -> None:
    async with running() as world:
        with capture_logs() as logs:
            for minutes in (2, 2, 0, 2):
                world.session.compare_clocks(world.clock.now() + timedelta(minutes=minutes))
        assert [entry["log_level"] for entry in logs] == ["error", "info", "error"]


async def test_the_environment_wins_over_the_service() -> None:
    async with running(collection_interval_s=10, dry_run=True) as world:
        await world.clock.advance(1)
        current = world.configuration.current
        assert (current.collection_interval_s, current.heartbeat_interval_s, current.dry_run) == (10, 30, True)
