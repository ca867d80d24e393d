"""Actions are taken when they wait, carried out side by side, and their results told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from prometheus_client import generate_latest

from adapters.clock import VirtualClock
from agent.configuration import Configuration
from agent.service.actions import MOST_AT_ONCE, POLL_S, Poller
from agent.service.outbox import Outbox
from agent.service.session import Session
from agent.store import ConfigMapStore
from agent.telemetry import Telemetry
from domain.signing import Refusal
from domain.wire.messages import ActionModel, AgentConfig, ResultBody
from tests.unit.agent.kube import MemoryKubernetes
from tests.unit.agent.service import CLUSTER, ServiceTwin, make_settings, problem
from tests.unit.agent.test_session import describe


async def done(_: ActionModel) -> ResultBody:
    return ResultBody(status="completed")


class ActuatorTwin:
    """Carries out by a function."""

    def __init__(self, work: Callable[[ActionModel], Awaitable[ResultBody]] = done) -> None:
        self.work = work
        self.begun: list[str] = []
        self.config: AgentConfig | None = None

    async def carry_out(self, action: ActionModel) -> ResultBody:
        self.begun.append(action.action_id)
        return await self.work(action)

    def configure(self, config: AgentConfig) -> None:
        self.config = config


class World:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.twin = ServiceTwin(self.clock)
        self.actuator = ActuatorTwin()
        self.telemetry = Telemetry()
        self.outbox = Outbox(self.clock, self.telemetry)
        client, settings = self.twin.client(), make_settings()
        store = ConfigMapStore(api=MemoryKubernetes(), namespace="spot-optimizer")
        self.session = Session(
            settings,
            client,
            self.clock,
            configuration=Configuration(settings, store),
            describe=describe,
            telemetry=self.telemetry,
        )
        self.poller = Poller(
            client,
            self.session,
            self.clock,
            actuator=self.actuator,
            outbox=self.outbox,
            telemetry=self.telemetry,
        )

    def queue(self, *ids: str) -> None:
        for action_id in ids:
            self.twin.waiting.append(
                ActionModel(
                    action_id=action_id,
                    cluster_id=CLUSTER,
                    type="cordon_node",
                    payload={"node": "n1"},
                    expires_at=self.clock.now() + timedelta(minutes=5),
                    nonce=action_id,
                )
            )

    def results(self) -> dict[str, ResultBody]:
        return {key: ResultBody.model_validate_json(text) for key, text in self.outbox.results.first(1_000)}


@asynccontextmanager
async def running() -> AsyncIterator[World]:
    world = World()
    tasks = [asyncio.create_task(run()) for run in (world.session.run, world.poller.run)]
    await world.clock.advance(1)
    yield world
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_wake_up_polls_at_once() -> None:
    async with running() as world:
        world.queue("a")
        await world.clock.advance(5)
        assert world.actuator.begun == []
        world.poller.wake()
        await world.clock.advance(0)
        assert world.actuator.begun == ["a"]
        assert world.results()["a"].status == "completed"


async def test_without_a_wake_up_actions_are_found_within_half_a_minute() -> None:
    async with running() as world:
        world.queue("a")
        await world.clock.advance(POLL_S)
        assert world.actuator.begun == ["a"]


async def test_more_than_one_answer_holds_are_taken_at_once() -> None:
    async with running() as world:
        world.queue(*(f"a{number}" for number in range(25)))
        world.poller.wake()
        await world.clock.advance(0)
        await world.clock.advance(0)
        assert len(world.actuator.begun) == 25


async def test_a_long_drain_keeps_back_no_eviction() -> None:
    async with running() as world:

        async def work(action: ActionModel) -> ResultBody:
            if action.action_id == "drain":
                await world.clock.sleep(100)
            return await done(action)

        world.actuator.work = work
        world.queue("drain", "eviction")
        world.poller.wake()
        await world.clock.advance(1)
        assert list(world.results()) == ["eviction"]
        await world.clock.advance(100)
        assert set(world.results()) == {"eviction", "drain"}


async def test_an_action_that_is_handed_out_again_while_it_is_under_way_is_not_begun_twice() -> None:
    async with running() as world:

        async def work(action: ActionModel) -> ResultBody:
            await world.clock.sleep(100)
            return await done(action)

        world.actuator.work = work
        for _ in range(2):
            world.queue("a")
            world.poller.wake()
            await world.clock.advance(1)
        assert world.actuator.begun == ["a"]


async def test_no_more_is_taken_than_can_be_begun() -> None:
    async with running() as world:
        hold = asyncio.Event()

        async def work(action: ActionModel) -> ResultBody:
            await hold.wait()
            return await done(action)

        world.actuator.work = work
        world.queue(*(f"a{number}" for number in range(MOST_AT_ONCE + 10)))
        world.poller.wake()
        await world.clock.advance(POLL_S)
        assert len(world.actuator.begun) == MOST_AT_ONCE
        hold.set()
        await world.clock.advance(1)
        assert len(world.results()) == MOST_AT_ONCE + 10


async def test_a_bug_in_an_action_is_a_failed_result() -> None:
    async with running() as world:

        async def work(_: ActionModel) -> ResultBody:
            raise RuntimeError("a bug")

        world.actuator.work = work
        world.queue("a")
        world.poller.wake()
        await world.clock.advance(1)
        assert world.results()["a"].status == "failed"
        assert world.telemetry.errors == 1


async def test_refused_actions_are_counted_by_reason_and_unknown_types_as_one() -> None:
    async def refuse(_: ActionModel) -> ResultBody:
        return ResultBody(status="failed", refusal=Refusal.ALTERED)

    async with running() as world:
        world.actuator.work = refuse
        world.queue("a", "b")
        world.twin.waiting[1] = world.twin.waiting[1].model_copy(update={"type": "format_disk"})
        world.poller.wake()
        await world.clock.advance(0)
        shown = generate_latest(world.telemetry.registry).decode()
        assert 'spotopt_agent_refused_actions_total{reason="altered"} 2.0' in shown
        assert 'spotopt_agent_refused_actions_total{reason="expired"} 0.0' in shown
        assert 'spotopt_agent_actions_total{status="failed",type="cordon_node"} 1.0' in shown
        assert 'spotopt_agent_actions_total{status="failed",type="unknown"} 1.0' in shown
        assert "format_disk" not in shown


async def test_a_service_that_is_away_is_polled_with_growing_waits() -> None:
    async with running() as world:
        world.twin.trouble = lambda _path: problem(503)
        asked = len(world.twin.asked)
        await world.clock.advance(300)
        assert 5 < len(world.twin.asked) - asked < 20
        world.twin.trouble = lambda _path: None
        world.queue("a")
        await world.clock.advance(2 * POLL_S)
        assert world.actuator.begun == ["a"]


async def test_with_a_revoked_key_nothing_is_asked_for() -> None:
    async with running() as world:
        world.twin.trouble = lambda _path: problem(401)
        world.poller.wake()
        await world.clock.advance(1)
        asked = world.twin.asked.count("/actions/pending")
        await world.clock.advance(300)
        assert world.twin.asked.count("/actions/pending") == asked


async def test_actions_end_with_their_leader_and_tell_no_result() -> None:
    async with running() as world:
        world.actuator.work = lambda _action: asyncio.Event().wait()  # type: ignore[assignment,return-value]
        world.queue("a")
        world.poller.wake()
        await world.clock.advance(1)
    assert world.results() == {}
    assert world.poller._under_way == {}
