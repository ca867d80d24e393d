"""What waits is sent in order, kept while the service is away, and given up only where the protocol says so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from adapters.clock import VirtualClock
from agent.configuration import Configuration
from agent.service.couriers import Courier, EventLoad, MetricsLoad, ResultLoad
from agent.service.outbox import Outbox
from agent.service.session import Session
from agent.store import ConfigMapStore
from agent.telemetry import Telemetry
from agent.watching.mirror import Mirror
from domain.wire.messages import DeltaObjects, FullObjects, ResultBody
from tests.unit.agent.kube import MemoryKubernetes
from tests.unit.agent.objects import node, pod
from tests.unit.agent.service import ServiceTwin, make_settings, problem
from tests.unit.agent.test_session import describe


class World:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.twin = ServiceTwin(self.clock)
        self.telemetry = Telemetry()
        self.outbox = Outbox(self.clock, self.telemetry)
        self.mirror = Mirror()
        self.trusted = True
        self.asked_anew = 0
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
        metrics = MetricsLoad(
            client,
            self.outbox,
            self.telemetry,
            objects=lambda: self.mirror if self.trusted else None,
            ask_anew=self._ask_anew,
        )
        loads = (
            metrics,
            EventLoad(client, self.outbox, self.telemetry),
            ResultLoad(client, self.outbox, self.telemetry),
        )
        self.couriers = [Courier(load, self.session, self.clock, self.telemetry) for load in loads]

    def _ask_anew(self) -> None:
        self.asked_anew += 1

    def sample(self) -> None:
        self.outbox.put_sample({"timestamp": self.clock.now().isoformat(), "nodes": [], "pods": []})

    async def collect(self) -> Any:
        """Take a measurement; the objects that came with it."""
        self.sample()
        await self.clock.advance(1)
        return self.twin.bodies[-1].objects


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    async with at_work(made):
        yield made


@asynccontextmanager
async def at_work(world: World) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(run()) for run in (world.session.run, *(one.run for one in world.couriers))]
    await world.clock.advance(1)
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_everything_goes_first_and_then_what_changed(world: World) -> None:
    world.mirror.put(node())
    assert isinstance(await world.collect(), FullObjects)
    world.mirror.put(pod())
    objects = await world.collect()
    assert isinstance(objects, DeltaObjects)
    assert [one["kind"] for one in objects.upserts] == ["Pod"]
    assert world.twin.objects is not None
    assert world.twin.objects.hash == world.mirror.hash


async def test_a_service_that_has_lost_the_set_is_sent_everything(world: World) -> None:
    world.mirror.put(node())
    await world.collect()
    world.twin.objects = None
    world.mirror.put(pod())
    await world.collect()
    assert world.asked_anew == 1
    assert isinstance(await world.collect(), FullObjects)
    assert world.asked_anew == 1


async def test_objects_that_cannot_be_trusted_are_left_out(world: World) -> None:
    world.mirror.put(node())
    world.trusted = False
    assert await world.collect() is None
    world.trusted = True
    assert isinstance(await world.collect(), FullObjects)


async def test_what_waited_while_the_service_was_away_arrives_in_order_and_once(world: World) -> None:
    world.mirror.put(node())
    world.twin.trouble = lambda _path: problem(503)
    for number in range(5):
        world.sample()
        world.outbox.put({"event_id": f"e{number}", "event_type": "pod_pending"})
        await world.clock.advance(30)
    world.outbox.put_result("a", ResultBody(status="completed"))
    world.twin.trouble = lambda _path: None
    await world.clock.advance(120)
    times = [body.metrics.timestamp for body in world.twin.bodies]
    assert len(times) == 5
    assert times == sorted(times)
    assert [body.objects is not None for body in world.twin.bodies] == [False] * 4 + [True]
    assert [event["event_id"] for event in world.twin.events] == [f"e{number}" for number in range(5)]
    assert [action for action, _ in world.twin.results] == ["a"]
    assert len(world.outbox) == 0


async def test_an_answer_that_was_lost_loses_no_change(world: World) -> None:
    world.mirror.put(node())
    await world.collect()
    world.twin.loses_answers = True
    world.mirror.put(pod())
    await world.collect()
    world.twin.loses_answers = False
    await world.clock.advance(60)
    assert world.asked_anew == 1
    await world.collect()
    assert world.twin.objects is not None
    assert world.twin.objects.hash == world.mirror.hash


async def test_a_body_that_is_refused_is_given_up_and_everything_is_sent_next(world: World) -> None:
    world.mirror.put(node())
    await world.collect()
    world.twin.trouble = lambda _path: problem(422, "metrics: is wrong")
    world.sample()
    await world.clock.advance(1)
    assert len(world.outbox) == 0
    world.twin.trouble = lambda _path: None
    assert isinstance(await world.collect(), FullObjects)


async def test_a_body_that_is_too_large_goes_without_its_measurements(world: World) -> None:
    world.mirror.put(node())
    refusals = iter([problem(413)])
    world.twin.trouble = lambda _path: next(refusals, None)
    assert isinstance(await world.collect(), FullObjects)
    assert world.twin.asked.count("/metrics") == 2


async def test_too_many_events_at_once_go_in_smaller_bodies(world: World) -> None:
    world.twin.trouble = lambda path: problem(413) if path == "/events" and len(world.outbox.events) > 3 else None
    for number in range(8):
        world.outbox.put({"event_id": f"e{number}", "event_type": "pod_pending"})
    refusals = iter([problem(413)])
    world.twin.trouble = lambda path: next(refusals, None) if path == "/events" else None
    await world.clock.advance(1)
    assert len(world.twin.events) == 8
    assert world.twin.asked.count("/events") == 3


async def test_an_event_that_is_refused_loses_no_other_and_is_not_sent_again(world: World) -> None:
    world.twin.refused_events = {"bad"}
    for name in ("good", "bad", "fine"):
        world.outbox.put({"event_id": name, "event_type": "pod_pending"})
    await world.clock.advance(60)
    assert [event["event_id"] for event in world.twin.events] == ["good", "fine"]
    assert (len(world.outbox.events), world.twin.asked.count("/events")) == (0, 1)
    world.outbox.put({"event_id": "next", "event_type": "pod_pending"})
    await world.clock.advance(1)
    assert world.twin.events[-1]["event_id"] == "next"


async def test_a_service_that_refuses_an_event_that_was_never_sent_stops_no_others(world: World) -> None:
    refused = {"index": 7, "field": "event_id", "problem": "is odd"}
    answer = {"success": True, "events_queued": 0, "events_refused": [refused]}
    world.twin.trouble = lambda path: httpx.Response(200, json=answer) if path == "/events" else None
    world.outbox.put({"event_id": "e", "event_type": "pod_pending"})
    await world.clock.advance(60)
    assert (len(world.outbox.events), world.twin.asked.count("/events")) == (0, 1)


@pytest.mark.parametrize("status", [404, 409, 422])
async def test_a_result_that_belongs_to_nothing_is_dropped(world: World, status: int) -> None:
    world.twin.trouble = lambda path: problem(status) if "result" in path else None
    world.outbox.put_result("a", ResultBody(status="completed"))
    await world.clock.advance(60)
    assert len(world.outbox) == 0
    assert len(world.twin.asked) == 2


async def test_a_result_that_is_too_large_arrives_without_its_details(world: World) -> None:
    refusals = iter([problem(413)])
    world.twin.trouble = lambda path: next(refusals, None) if "result" in path else None
    world.outbox.put_result("a", ResultBody(status="failed", result={"pods": ["p"] * 1_000}, error_message="no"))
    await world.clock.advance(1)
    ((_, result),) = world.twin.results
    assert (result.status, result.error_message, result.result) == ("failed", "no", {})


async def test_a_revoked_key_keeps_what_waits(world: World) -> None:
    world.twin.trouble = lambda _path: problem(401)
    world.outbox.put({"event_id": "e", "event_type": "pod_pending"})
    await world.clock.advance(300)
    assert len(world.outbox.events) == 1
    assert world.twin.asked.count("/events") == 1
    world.twin.trouble = lambda _path: None
    await world.clock.advance(61)
    assert len(world.twin.events) == 1
