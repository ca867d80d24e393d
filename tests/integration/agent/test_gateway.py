"""The agent and the real gateway over HTTP and WebSocket on loopback."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from agent.interruptions.notices import interruption_condition
from domain.delta import EMPTY, ObjectSet, apply_delta
from tests.integration.agent.conftest import Running, running
from tests.integration.gateway.conftest import DEADLINE_S, LiveHouse, until
from tests.unit.agent.objects import node, pod
from tests.unit.gateway.house import AgentOf

FAST = {"collection_interval_s": 1, "heartbeat_interval_s": 1}


@pytest.fixture
async def customer(live: LiveHouse) -> AgentOf:
    return await live.agent(await live.somebody())


def held(live: LiveHouse) -> ObjectSet:
    """What the service holds after all that it was told."""
    held = EMPTY
    for report in live.clusters.reports:
        if report.full is not None:
            held = ObjectSet.from_bytes(report.full)
        elif report.delta is not None:
            held = apply_delta(held, report.delta)
    return held


def mirror_hash(world: Running) -> str:
    cluster = world.agent._cluster
    assert cluster is not None
    return cluster.mirror.hash


async def test_it_registers_beats_and_sends_everything_and_then_what_changes(
    live: LiveHouse, customer: AgentOf
) -> None:
    async with running(live, customer, **FAST) as world:
        await until(lambda: live.clusters.reports)
        first = live.clusters.reports[0]
        assert first.full is not None
        assert held(live).count("Pod") == 20
        world.kubernetes.put(pod("new"))
        world.kubernetes.remove(pod("p0"))
        await until(lambda: any(report.delta and report.delta.upserts for report in live.clusters.reports))
        assert held(live).hash == mirror_hash(world)
        assert "Pod/shop/new" in held(live)
        assert not any(report.full for report in live.clusters.reports[1:])
        assert world.agent.problems() == []
        assert world.agent.session.problem == ""
    async with live.database.platform() as tx:
        cluster = await tx.clusters.get(customer.cluster_id)
    assert cluster is not None
    assert (cluster.status, cluster.kubernetes_version) == ("active", "v1.33.1-eks-1")
    assert cluster.last_heartbeat_at is not None


async def test_a_service_that_needs_everything_gets_it_at_once(live: LiveHouse, customer: AgentOf) -> None:
    async with running(live, customer) as world:
        await until(lambda: live.clusters.reports)
        live.clusters.need_full = True
        world.kubernetes.put(pod("new"))
        cluster_reports = len(live.clusters.reports)
        reporter = world.agent._reporter
        assert reporter is not None
        reporter.collect_now()
        await until(lambda: len(live.clusters.reports) > cluster_reports)
        live.clusters.need_full = False
        await until(lambda: live.clusters.reports[-1].full is not None and len(live.clusters.reports) > cluster_reports)
        assert "Pod/shop/new" in held(live)


async def test_a_wake_up_brings_an_action_whose_result_is_told(live: LiveHouse, customer: AgentOf) -> None:
    async with running(live, customer) as world:
        await until(lambda: _value(world, "spotopt_agent_connected"))
        action_id = await world.command("cordon_node", {"node": "n1", "instance_id": "i-0n1"})
        await until(lambda: [told for _, told in live.clusters.told if getattr(told, "action_id", "") == action_id])
        (told,) = [told for _, told in live.clusters.told if getattr(told, "action_id", "") == action_id]
        assert told.ended == "completed", told.error  # type: ignore[union-attr]
        node = await world.kubernetes.get("/api/v1/nodes/n1")
        assert node["spec"]["unschedulable"] is True


async def test_an_action_that_somebody_forged_is_refused_and_told(live: LiveHouse, customer: AgentOf) -> None:
    async with running(live, customer) as world:
        await until(lambda: _value(world, "spotopt_agent_connected"))
        action_id = await world.command("cordon_node", {"node": "n1", "instance_id": "i-0n1"})
        assert action_id
        forged = await _forge(world)
        await until(lambda: [told for _, told in live.clusters.told if getattr(told, "action_id", "") == forged])
        (told,) = [told for _, told in live.clusters.told if getattr(told, "action_id", "") == forged]
        assert told.ended == "failed"  # type: ignore[union-attr]
        node = await world.kubernetes.get("/api/v1/nodes/n2")
        assert "unschedulable" not in node["spec"]


async def _forge(world: Running) -> str:
    stranger = world.customer.token
    world.customer = AgentOf(
        cluster_id=world.customer.cluster_id,
        organization_id=world.customer.organization_id,
        key_id=world.customer.key_id,
        token=stranger + "x",
        headers=world.customer.headers,
    )
    return await world.command("cordon_node", {"node": "n2", "instance_id": "i-0n2"})


async def test_a_revoked_key_stops_it_without_a_crash_and_a_new_wake_up_changes_nothing(live: LiveHouse) -> None:
    owner = await live.somebody()
    customer = await live.agent(owner)
    async with running(live, customer, **FAST) as world:
        await until(lambda: _value(world, "spotopt_agent_connected"))
        path = f"/api/clusters/{customer.cluster_id}/keys/{customer.key_id}/revoke"
        assert (await live.http.post(path, json={}, headers=owner.headers)).status_code == 204
        await until(lambda: "API_TOKEN" in world.agent.session.problem or "key" in world.agent.session.problem)
        await until(lambda: not _value(world, "spotopt_agent_connected"))
        assert _value(world, "spotopt_agent_registered") == 0


async def test_a_node_that_aws_takes_is_cordoned_and_the_service_told_of_it(live: LiveHouse, customer: AgentOf) -> None:
    async with running(live, customer) as world:
        await until(lambda: live.clusters.reports)
        taken, now = node("n2"), live.clock.now()
        told = interruption_condition("terminate", now + timedelta(minutes=2), instance_id="i-0n2", now=now)
        taken["status"]["conditions"].append(told)
        world.kubernetes.put(taken)
        await until(lambda: is_cordoned(world, "n2"))
        (event,) = await taken_events(live)
        assert (event["event_type"], event["instance_id"]) == ("spot_interruption_warning", "i-0n2")
        assert event["zone_id"] == "use1-az6"


def is_cordoned(world: Running, name: str) -> bool:
    found = next(obj for place, obj in world.kubernetes.objects.items() if place.name == name)
    return bool(found["spec"].get("unschedulable"))


async def taken_events(live: LiveHouse) -> list[dict[str, Any]]:
    """The events that the service holds, waited for."""
    async with asyncio.timeout(DEADLINE_S):
        while not (taken := await live.hub.events.take("test")):
            await asyncio.sleep(0.01)
    return [json.loads(one.event.body) for one in taken]


async def test_safe_mode_reaches_it_within_moments(live: LiveHouse, customer: AgentOf) -> None:
    admin = await live.somebody(None)
    async with running(live, customer) as world:
        await until(lambda: _value(world, "spotopt_agent_connected"))
        body = {"on": True, "reason": "test"}
        await live.http.post("/api/admin/safe-mode", json=body, headers=admin.headers)
        await until(lambda: world.agent.configuration.current.safe_mode)


def _value(world: Running, name: str) -> float:
    return world.agent._telemetry.registry.get_sample_value(name) or 0
