"""What agents call."""

import gzip
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from actors.cluster.inputs import ActionFinished, AgentConnected, Ended
from adapters.postgres.ids import new_id
from adapters.redis import keys
from adapters.redis.ports import EventRules
from domain.commands import AgentActionKind
from domain.delta import ObjectSet
from domain.errors import TransientError
from domain.work import ActionStatus, AgentAction
from serve.auth.changes import AuthChange, Subject, tell
from tests.unit.gateway.house import AgentOf, House, house

HEARTBEAT = {
    "instance": "agent-0",
    "agent_version": "0.1.0",
    "uptime_s": 60,
    "memory_bytes": 1,
    "cpu_mcpu": 1,
    "errors": 0,
    "last_collection_at": None,
    "kubernetes_api_reachable": True,
    "config_version": 0,
}
REGISTER = {"agent_version": "0.1.0", "kubernetes_version": "1.33", "node_count": 3, "instance": "agent-0"}
NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}


@pytest.fixture
async def agent(spot: House) -> AgentOf:
    return await spot.agent(await spot.somebody())


def interruption(spot: House, event_id: str = "e-1", **fields: Any) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "event_type": "spot_interruption_warning",
        "instance_id": "i-0abc",
        "instance_type": "c5.xlarge",
        "zone_id": "use1-az6",
        "timestamp": spot.clock.now().isoformat(),
    } | fields


def metrics(spot: House, **fields: Any) -> dict[str, Any]:
    node = {"name": "n1", "cpu_mcpu": 100, "memory_bytes": 5}
    return {"metrics": {"timestamp": spot.clock.now().isoformat(), "nodes": [node], "pods": []}} | fields


async def post(spot: House, agent: AgentOf, path: str, body: Any, **headers: str) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await spot.http.post(
        f"/api/clusters/{agent.cluster_id}/{path}", content=content, headers={**agent.headers, **headers}
    )


async def queue_action(spot: House, agent: AgentOf, **fields: Any) -> AgentAction:
    now = spot.clock.now()
    defaults: dict[str, Any] = {
        "id": new_id(),
        "organization_id": agent.organization_id,
        "cluster_id": agent.cluster_id,
        "kind": AgentActionKind.CORDON,
        "payload": {"node": "n1"},
        "status": ActionStatus.PENDING,
        "created_at": now,
        "expires_at": now + timedelta(minutes=5),
        "nonce": "n",
        "key_id": "k",
        "signature": "s",
    }
    action = AgentAction(**(defaults | fields))
    async with spot.database.platform() as tx:
        await tx.actions.queue([action])
    return action


async def poll(spot: House, agent: AgentOf) -> list[dict[str, Any]]:
    answer = await spot.http.get(f"/api/clusters/{agent.cluster_id}/actions/pending", headers=agent.headers)
    assert answer.status_code == 200, answer.text
    actions: list[dict[str, Any]] = answer.json()["actions"]
    return actions


async def test_an_agent_that_registers_hears_its_configuration_and_the_cluster_is_active(
    spot: House, agent: AgentOf
) -> None:
    answer = await post(spot, agent, "agent/register", REGISTER)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-spotopt-protocol"] == "1"
    assert answer.json()["config"]["collection_interval_s"] == 30
    assert len(answer.json()["signing_key_id"]) == 16
    assert isinstance(spot.clusters.told[0][1], AgentConnected)
    assert spot.clusters.refreshed == [agent.cluster_id]
    async with spot.database.platform() as tx:
        cluster = await tx.clusters.get(agent.cluster_id)
    assert cluster is not None
    assert (cluster.status, cluster.kubernetes_version) == ("active", "1.33")


async def test_a_heartbeat_is_stored_and_told_within_a_tenth_of_a_second(spot: House, agent: AgentOf) -> None:
    answer = await post(spot, agent, "heartbeat", HEARTBEAT)
    assert answer.status_code == 200
    await spot.clock.advance(0.1)
    async with spot.database.platform() as tx:
        cluster = await tx.clusters.get(agent.cluster_id)
        used = (await tx.api_keys.of_cluster(agent.cluster_id))[0].last_used_at
    assert cluster is not None
    assert cluster.last_heartbeat_at is not None
    assert used is not None
    latest = await spot.hub.heartbeats.latest([str(agent.cluster_id)])
    assert json.loads(latest[str(agent.cluster_id)].body)["instance"] == "agent-0"


async def test_a_cluster_that_comes_alive_by_a_heartbeat_is_told_so(spot: House, agent: AgentOf) -> None:
    await post(spot, agent, "heartbeat", HEARTBEAT)
    await spot.clock.advance(0.2)
    assert [type(event) for _, event in spot.clusters.told] == [AgentConnected]


async def test_metrics_are_reported_and_their_events_queued_once(spot: House, agent: AgentOf) -> None:
    body = metrics(spot, events=[interruption(spot)])
    first = await post(spot, agent, "metrics", body)
    assert first.json() == {
        "success": True,
        "metrics_stored": 1,
        "events_queued": 1,
        "events_refused": [],
        "need_full": False,
    }
    assert (await post(spot, agent, "metrics", body)).json()["events_queued"] == 1
    assert (await spot.hub.events.counts()).accepted == 1
    taken = await spot.hub.events.take("test")
    assert json.loads(taken[0].event.body)["region"] == "us-east-1"


async def test_a_gzip_body_is_read(spot: House, agent: AgentOf) -> None:
    packed = gzip.compress(json.dumps(metrics(spot)).encode())
    answer = await post(spot, agent, "metrics", packed, **{"Content-Encoding": "gzip"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("content", "encoding", "status"),
    [
        (gzip.compress(b"0" * (20 << 20), mtime=0), "gzip", 413),
        (b"0" * (9 << 20), "identity", 413),
        (b"no gzip at all", "gzip", 422),
        (gzip.compress(b"{}" * 1000, mtime=0)[:-9], "gzip", 422),
        (b"{}", "br", 415),
        (b"{", "identity", 422),
        (b"", "identity", 422),
    ],
)
async def test_a_bad_body_is_refused(spot: House, agent: AgentOf, content: bytes, encoding: str, status: int) -> None:
    answer = await post(spot, agent, "metrics", content, **{"Content-Encoding": encoding})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_that_is_sent_in_pieces_is_cut_off_at_the_limit(spot: House, agent: AgentOf) -> None:
    sent = 0

    async def pieces() -> Any:
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b"0" * (1 << 20)

    answer = await spot.http.post(f"/api/clusters/{agent.cluster_id}/metrics", content=pieces(), headers=agent.headers)
    assert answer.status_code == 413
    assert sent < 100


async def test_all_objects_reach_the_host_packed(spot: House, agent: AgentOf) -> None:
    objects = ObjectSet.of([NODE])
    full = {"mode": "full", "hash": objects.hash, "items": [NODE]}
    assert (await post(spot, agent, "metrics", metrics(spot, objects=full))).status_code == 200
    (report,) = spot.clusters.reports
    assert report.full is not None
    assert ObjectSet.from_bytes(report.full) == objects


async def test_a_wrong_hash_is_refused_by_name(spot: House, agent: AgentOf) -> None:
    full = {"mode": "full", "hash": "0" * 32, "items": [NODE]}
    answer = await post(spot, agent, "metrics", metrics(spot, objects=full))
    assert answer.status_code == 422
    assert answer.json()["field"] == "hash"


async def test_a_delta_that_does_not_fit_is_answered_with_send_all(spot: House, agent: AgentOf) -> None:
    spot.clusters.need_full = True
    delta = {"mode": "delta", "base": "0" * 32, "hash": "1" * 32, "upserts": [NODE], "deletes": []}
    assert (await post(spot, agent, "metrics", metrics(spot, objects=delta))).json()["need_full"] is True


async def test_events_are_judged_one_by_one(spot: House, agent: AgentOf) -> None:
    late = interruption(spot, "late", timestamp=(spot.clock.now() - timedelta(minutes=6)).isoformat())
    foreign = interruption(spot, "foreign", region="eu-west-1")
    body = {"events": [interruption(spot, "good"), late, {"event_type": "nonsense"}, foreign]}
    answer = (await post(spot, agent, "events", body)).json()
    assert answer["events_queued"] == 1
    refused = [(one["index"], one["field"]) for one in answer["events_refused"]]
    assert refused == [(1, "timestamp"), (2, "event_type"), (3, "region")]


async def test_a_full_queue_is_answered_with_retry_after_and_stores_no_more() -> None:
    async with house(rules=EventRules(capacity=1)) as spot:
        agent = await spot.agent(await spot.somebody())
        assert (await post(spot, agent, "events", {"events": [interruption(spot, "e1")]})).status_code == 200
        for name in ("e2", "e3"):
            full = await post(spot, agent, "events", {"events": [interruption(spot, name)]})
            assert (full.status_code, full.json()["type"]) == (429, "urn:spotopt:problem:queue-full")
            assert full.headers["retry-after"] == "2"
        async with spot.database.platform() as tx:
            assert await tx.inbox.get((agent.cluster_id, "e3")) is None


async def test_an_action_is_handed_out_once(spot: House, agent: AgentOf) -> None:
    action = await queue_action(spot, agent)
    assert [one["action_id"] for one in await poll(spot, agent)] == [str(action.id)]
    assert await poll(spot, agent) == []


async def test_a_poll_that_finds_nothing_is_remembered_until_the_cluster_is_woken(spot: House, agent: AgentOf) -> None:
    assert await poll(spot, agent) == []
    await queue_action(spot, agent)
    assert await poll(spot, agent) == []
    await spot.hub.bus.publish(keys.agent_command(str(agent.cluster_id)), b'{"type":"command"}')
    await spot.clock.advance(0)
    assert len(await poll(spot, agent)) == 1


async def test_a_lost_wake_up_delays_an_action_by_two_seconds_at_most(spot: House, agent: AgentOf) -> None:
    assert await poll(spot, agent) == []
    await queue_action(spot, agent)
    await spot.clock.advance(2)
    assert len(await poll(spot, agent)) == 1


async def test_after_a_gap_on_the_bus_nothing_is_believed(spot: House, agent: AgentOf) -> None:
    assert await poll(spot, agent) == []
    await queue_action(spot, agent)
    spot.hub.bus.interrupt()  # type: ignore[attr-defined]
    await spot.clock.advance(0)
    assert len(await poll(spot, agent)) == 1


async def test_a_result_is_recorded_once_and_told_again_when_the_telling_failed(spot: House, agent: AgentOf) -> None:
    action = await queue_action(spot, agent)
    await poll(spot, agent)
    body = {"status": "completed", "result": {"moved": 1}, "error_message": None}
    spot.clusters.error = TransientError("away")
    first = await post(spot, agent, f"actions/{action.id}/result", body)
    assert (first.status_code, first.headers["retry-after"]) == (503, "2")
    spot.clusters.error = None
    second = await post(spot, agent, f"actions/{action.id}/result", {**body, "status": "failed"})
    assert second.json()["success"] is True
    (told,) = [event for _, event in spot.clusters.told if isinstance(event, ActionFinished)]
    assert (told.action_id, told.ended) == (str(action.id), Ended.COMPLETED)


async def test_a_result_of_an_action_that_was_not_picked_up_is_a_conflict(spot: House, agent: AgentOf) -> None:
    action = await queue_action(spot, agent)
    answer = await post(spot, agent, f"actions/{action.id}/result", {"status": "completed"})
    assert answer.status_code == 409


async def test_a_result_of_another_clusters_action_is_not_found(spot: House, agent: AgentOf) -> None:
    stranger = await spot.agent(await spot.somebody())
    action = await queue_action(spot, stranger)
    await poll(spot, stranger)
    answer = await post(spot, agent, f"actions/{action.id}/result", {"status": "completed"})
    assert answer.status_code == 404
    assert (await post(spot, agent, f"actions/{UUID(int=1)}/result", {"status": "completed"})).status_code == 404


async def test_a_revoked_key_ends_at_once(spot: House) -> None:
    owner = await spot.somebody()
    agent = await spot.agent(owner)
    assert await poll(spot, agent) == []
    revoked = await spot.http.post(
        f"/api/clusters/{agent.cluster_id}/keys/{agent.key_id}/revoke", json={}, headers=owner.headers
    )
    assert revoked.status_code == 204
    answer = await spot.http.get(f"/api/clusters/{agent.cluster_id}/actions/pending", headers=agent.headers)
    assert answer.status_code == 401


async def test_a_key_revoked_by_another_replica_ends_when_it_is_told(spot: House) -> None:
    agent = await spot.agent(await spot.somebody())
    assert await poll(spot, agent) == []
    async with spot.database.platform() as tx:
        await tx.api_keys.revoke(agent.key_id, reason="test", now=spot.clock.now())
    assert await poll(spot, agent) == []
    await tell(spot.hub.bus, AuthChange(subject=Subject.KEY, id=agent.key_id))
    await spot.clock.advance(0)
    answer = await spot.http.get(f"/api/clusters/{agent.cluster_id}/actions/pending", headers=agent.headers)
    assert answer.status_code == 401


async def test_an_agent_without_or_with_a_bad_protocol_gets_a_clear_answer(spot: House, agent: AgentOf) -> None:
    path = f"/api/clusters/{agent.cluster_id}/actions/pending"
    key = {"Authorization": f"Bearer {agent.token}"}
    missing = await spot.http.get(path, headers=key)
    assert (missing.status_code, missing.json()["errors"][0]["field"]) == (422, "X-Spotopt-Protocol")
    assert (await spot.http.get(path, headers={**key, "X-Spotopt-Protocol": "zero"})).status_code == 422


async def test_calls_of_a_key_are_limited_and_told() -> None:
    async with house(agent_rate_limit="60/minute") as spot:
        agent = await spot.agent(await spot.somebody())
        statuses = []
        for _ in range(61):
            path = f"/api/clusters/{agent.cluster_id}/actions/pending"
            answer = await spot.http.get(path, headers=agent.headers)
            statuses.append(answer.status_code)
        assert statuses == [200] * 60 + [429]
        assert answer.headers["ratelimit-limit"] == "60"
        assert int(answer.headers["retry-after"]) > 0


async def test_a_database_that_is_away_is_answered_with_retry_after(spot: House, agent: AgentOf) -> None:
    spot.clusters.error = TransientError("away")
    answer = await post(spot, agent, "metrics", metrics(spot))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["type"] == "urn:spotopt:problem:unavailable"


async def test_a_notice_is_told_ahead_of_its_storage_and_only_once_it_is_read(spot: House, agent: AgentOf) -> None:
    foreign = interruption(spot, "foreign", zone_id="nowhere")
    await post(spot, agent, "events", {"events": [interruption(spot, "good"), foreign]})
    assert [notice.id for notice in spot.clusters.warned] == ["good"]


async def test_a_notice_is_kept_also_when_its_cluster_cannot_be_warned(spot: House, agent: AgentOf) -> None:
    spot.clusters.error = TransientError("the host is being restarted")
    answer = await post(spot, agent, "events", {"events": [interruption(spot)]})
    assert answer.json()["events_queued"] == 1
    assert (await spot.hub.events.counts()).accepted == 1
