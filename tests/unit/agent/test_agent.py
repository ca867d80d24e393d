"""The whole agent on twins: what it does from its start on, and when something is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from adapters.clock import VirtualClock
from agent.runtime import Agent, Hands, Tools
from agent.service.errors import ServiceAwayError
from agent.service.outbox import Outbox
from agent.service.stream import Socket
from agent.telemetry import Telemetry
from domain.wire.messages import ActionModel, AgentConfig, DeltaObjects, FullObjects
from tests.unit.agent.kube import MemoryKubernetes, away
from tests.unit.agent.objects import killed, node, pod
from tests.unit.agent.service import CLUSTER, ServiceTwin, make_settings, problem
from tests.unit.agent.test_poller import ActuatorTwin
from tests.unit.agent.test_stream import SocketTwin


class GuardTwin:
    """Remembers the nodes that it is shown."""

    def __init__(self) -> None:
        self.nodes: set[str] = set()
        self.config: AgentConfig | None = None
        self.runs = 0

    async def run(self) -> None:
        self.runs += 1
        await asyncio.Event().wait()

    def on_node(self, node: dict[str, Any]) -> None:
        self.nodes.add(node["metadata"]["name"])

    def on_node_gone(self, name: str) -> None:
        self.nodes.discard(name)

    def configure(self, config: AgentConfig) -> None:
        self.config = config


class World:
    def __init__(self, kubernetes: MemoryKubernetes, clock: VirtualClock, **settings: Any) -> None:
        self.kubernetes = kubernetes
        self.clock = clock
        self.service = ServiceTwin(clock)
        self.actuator = ActuatorTwin()
        self.guard = GuardTwin()
        self.telemetry = Telemetry()
        self.outbox = Outbox(clock, self.telemetry)
        self.socket = SocketTwin()
        self.tools: Tools | None = None
        self.agent = Agent(
            make_settings(**settings),
            kubernetes,
            clock,
            make_hands=self._make_hands,
            outbox=self.outbox,
            telemetry=self.telemetry,
            service=self.service.client(),
            connect=self._open,
        )
        self.task: asyncio.Task[None] | None = None

    def _make_hands(self, tools: Tools) -> Hands:
        self.tools = tools
        return Hands(actuator=self.actuator, guards=(self.guard,))

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Socket]:
        if self.service.trouble("/stream") is not None:
            raise ServiceAwayError("away")
        yield self.socket

    def queue(self, action_id: str) -> None:
        self.service.waiting.append(
            ActionModel(
                action_id=action_id,
                cluster_id=CLUSTER,
                type="cordon_node",
                payload={"node": "n1"},
                expires_at=self.clock.now() + timedelta(minutes=5),
                nonce=action_id,
            )
        )

    async def stop(self) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@asynccontextmanager
async def running(*, begin: bool = True, **settings: Any) -> AsyncIterator[World]:
    kubernetes, clock = MemoryKubernetes(), VirtualClock()
    kubernetes.put(node("n1"))
    kubernetes.put(pod("api-1"))
    world = World(kubernetes, clock, **settings)
    if begin:
        await start(world)
    try:
        yield world
    finally:
        await world.stop()


async def start(world: World) -> None:
    world.task = asyncio.create_task(world.agent.run())
    for _ in range(10):
        await world.clock.advance(0.2)


async def test_from_its_start_it_registers_reports_everything_and_is_ready() -> None:
    async with running() as world:
        (registered,) = world.service.registered
        assert (registered.kubernetes_version, registered.platform) == ("v1.33.1-eks-1", "eks")
        assert (registered.node_count, registered.instance) == (1, "agent-0")
        (body,) = world.service.bodies
        assert isinstance(body.objects, FullObjects)
        assert {item["kind"] for item in body.objects.items} == {"Node", "Pod"}
        assert world.agent.problems() == []
        assert world.guard.nodes == {"n1"}
        (beat,) = world.service.beats
        assert (beat.kubernetes_api_reachable, beat.config_version) == (True, 1)


async def test_it_goes_on_with_changes_and_heartbeats() -> None:
    async with running() as world:
        world.kubernetes.put(pod("api-2"))
        await world.clock.advance(60)
        bodies = world.service.bodies[1:]
        assert [type(body.objects) for body in bodies] == [DeltaObjects] * 2
        assert world.service.objects is not None
        assert "Pod/shop/api-2" in world.service.objects
        assert len(world.service.beats) == 3
        assert world.service.beats[-1].last_collection_at is not None


async def test_an_occurrence_is_told_at_once() -> None:
    async with running() as world:
        now = world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        world.kubernetes.put(pod("api-1", containerStatuses=[killed(now)]))
        await world.clock.advance(0.1)
        assert [event["event_type"] for event in world.service.events] == ["oom_killed"]


async def test_a_command_is_carried_out_and_its_result_told_at_once() -> None:
    async with running() as world:
        world.queue("a")
        world.socket.tell({"type": "command"})
        await world.clock.advance(0)
        await world.clock.advance(0)
        assert world.actuator.begun == ["a"]
        assert [action for action, _ in world.service.results] == ["a"]


async def test_a_resend_is_answered_with_everything_at_once() -> None:
    async with running() as world:
        world.socket.tell({"type": "resend"})
        await world.clock.advance(0.1)
        assert isinstance(world.service.bodies[-1].objects, FullObjects)
        assert len(world.service.bodies) == 2


async def test_a_configuration_reaches_those_who_act() -> None:
    async with running() as world:
        world.socket.tell({"type": "config", "config": {"version": 2, "safe_mode": True}})
        await world.clock.advance(0)
        for hand in (world.actuator, world.guard):
            assert hand.config is not None
            assert hand.config.safe_mode


async def test_a_newer_configuration_is_heard_of_by_heartbeat() -> None:
    async with running() as world:
        world.service.config = AgentConfig(version=2, dry_run=True)
        await world.clock.advance(31)
        assert world.actuator.config is not None
        assert world.actuator.config.dry_run


async def test_while_the_service_is_away_the_guard_goes_on_and_nothing_is_lost() -> None:
    async with running() as world:
        world.service.trouble = lambda _path: problem(503)
        world.socket.close(1006)
        await world.clock.advance(30)
        world.kubernetes.put(node("n2", ready="Unknown", since=world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")))
        await world.clock.advance(200)
        assert world.guard.nodes == {"n1", "n2"}
        assert world.guard.runs == 1
        assert world.agent.problems() == []
        world.service.trouble = lambda _path: None
        await world.clock.advance(120)
        assert [event["event_type"] for event in world.service.events] == ["node_not_ready"]
        assert world.service.objects is not None
        assert "Node//n2" in world.service.objects


async def test_a_node_that_the_guard_stumbles_over_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def on_node(_: GuardTwin, node: dict[str, Any]) -> None:
        if node["metadata"]["name"] == "n1":
            raise KeyError("spec")
        guard.nodes.add(node["metadata"]["name"])

    async with running(begin=False) as world:
        guard = world.guard
        monkeypatch.setattr(GuardTwin, "on_node", on_node)
        world.kubernetes.put(node("n2"))
        await start(world)
        assert guard.nodes == {"n2"}
        assert world.service.objects is not None
        assert world.service.objects.count("Node") == 2


async def test_with_a_wrong_key_it_stays_up_is_not_ready_and_guards_all_the_same() -> None:
    async with running(begin=False) as world:
        world.service.trouble = lambda _path: problem(401, "unknown key")
        await start(world)
        await world.clock.advance(600)
        assert world.task is not None
        assert not world.task.done()
        assert "API_TOKEN" in world.agent.problems()[0]
        assert world.guard.nodes == {"n1"}
        assert len(world.service.asked) < 15


async def test_while_the_kubernetes_api_is_away_the_service_hears_of_it() -> None:
    async with running() as world:
        world.kubernetes.trouble = lambda _method, _path: away()
        world.kubernetes.shake()
        await world.clock.advance(90)
        assert not world.agent.election.leading
        assert not world.service.beats[-1].kubernetes_api_reachable
        assert "the Kubernetes API does not answer" in world.agent.problems()
        world.kubernetes.trouble = lambda _method, _path: None
        await world.clock.advance(60)
        assert world.agent.election.leading
        assert world.service.beats[-1].kubernetes_api_reachable
        assert isinstance(world.service.bodies[-1].objects, FullObjects | DeltaObjects)


async def test_a_second_agent_waits_in_silence_and_takes_over() -> None:
    async with running() as world:
        second = World(world.kubernetes, world.clock, instance="agent-1")
        await start(second)
        await world.clock.advance(60)
        assert (second.service.asked, second.agent.problems()) == ([], [])
        await world.stop()
        await world.clock.advance(5)
        assert second.agent.election.leading
        assert len(second.service.registered) == 1
        assert isinstance(second.service.bodies[0].objects, FullObjects)
        await second.stop()


async def test_a_stop_sends_what_must_not_be_lost_and_gives_the_lease_back() -> None:
    async with running() as world:
        world.service.trouble = lambda path: problem(503) if path == "/events" else None
        world.outbox.put({"event_id": "e", "event_type": "pod_pending"})
        await world.clock.advance(1)
        world.service.trouble = lambda _path: None
        await world.stop()
        assert [event["event_id"] for event in world.service.events] == ["e"]
        lease = next(obj for place, obj in world.kubernetes.objects.items() if place.plural == "leases")
        assert lease["spec"]["holderIdentity"] == ""


async def test_a_kind_that_may_not_be_read_is_named_and_the_rest_is_told_without_objects() -> None:
    def denied(_method: str, path: str) -> Any:
        return away() if path.endswith("poddisruptionbudgets") else None

    async with running(begin=False) as world:
        world.kubernetes.trouble = denied
        await start(world)
        await world.clock.advance(60)
        assert world.service.bodies
        assert all(body.objects is None for body in world.service.bodies)
        assert world.agent.problems()
        world.kubernetes.trouble = lambda _method, _path: None
        await world.clock.advance(120)
        assert isinstance(world.service.bodies[-1].objects, FullObjects | DeltaObjects)
