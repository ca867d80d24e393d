"""Heartbeats say how the agent is, and bring the first word of a newer configuration or of a key that was revoked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.clock import VirtualClock
from agent.configuration import Configuration
from agent.service.heartbeat import Heartbeats
from agent.service.outbox import Outbox
from agent.service.session import Session
from agent.store import ConfigMapStore
from agent.telemetry import Telemetry
from domain.wire.messages import AgentConfig
from tests.unit.agent.kube import MemoryKubernetes
from tests.unit.agent.service import ServiceTwin, make_settings, problem
from tests.unit.agent.test_session import describe


class World:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.service = ServiceTwin(self.clock)
        self.telemetry = Telemetry()
        self.outbox = Outbox(self.clock, self.telemetry)
        self.speaks = True
        client, settings = self.service.client(), make_settings()
        store = ConfigMapStore(api=MemoryKubernetes(), namespace="spot-optimizer")
        self.configuration = Configuration(settings, store)
        self.session = Session(
            settings,
            client,
            self.clock,
            configuration=self.configuration,
            describe=describe,
            telemetry=self.telemetry,
        )
        self.heartbeats = Heartbeats(
            client,
            self.session,
            self.clock,
            instance="agent-0",
            configuration=self.configuration,
            outbox=self.outbox,
            telemetry=self.telemetry,
            speaks=lambda: self.speaks,
            reachable=lambda: True,
            collected_at=self.clock.now,
        )


@asynccontextmanager
async def running() -> AsyncIterator[World]:
    world = World()
    tasks = [asyncio.create_task(run()) for run in (world.session.run, world.heartbeats.run)]
    await world.clock.advance(1)
    yield world
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_heartbeat_says_how_the_agent_is() -> None:
    async with running() as world:
        world.telemetry.error("actions")
        world.outbox.put({"event_id": "e", "event_type": "pod_pending"})
        await world.clock.advance(30)
        beat = world.service.beats[-1]
        assert (beat.instance, beat.uptime_s, beat.errors, beat.buffered) == ("agent-0", 30, 1, 1)
        assert beat.memory_bytes > 1 << 20
        assert beat.last_collection_at == world.clock.now().replace(second=30)


async def test_heartbeats_follow_the_interval_of_the_configuration() -> None:
    async with running() as world:
        world.configuration.change(AgentConfig(version=2, heartbeat_interval_s=5))
        await world.clock.advance(60)
        assert 7 <= len(world.service.beats) <= 9


async def test_who_does_not_speak_for_the_cluster_is_silent() -> None:
    async with running() as world:
        world.speaks = False
        sent = len(world.service.beats)
        await world.clock.advance(300)
        assert len(world.service.beats) == sent


async def test_a_heartbeat_that_fails_is_counted_and_the_next_one_follows() -> None:
    async with running() as world:
        world.service.trouble = lambda path: problem(503) if path == "/heartbeat" else None
        await world.clock.advance(60)
        assert world.telemetry.errors == 2
        world.service.trouble = lambda _path: None
        await world.clock.advance(30)
        assert world.service.beats[-1].errors == 2


async def test_a_revoked_key_is_noticed_by_the_heartbeat() -> None:
    async with running() as world:
        world.service.trouble = lambda _path: problem(401)
        await world.clock.advance(31)
        assert "API_TOKEN" in world.session.problem
        asked = world.service.asked.count("/heartbeat")
        await world.clock.advance(600)
        assert world.service.asked.count("/heartbeat") == asked
