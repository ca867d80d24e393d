"""What only the real thing shows: flags in time, events kept through the death of Redis, many requests at once."""

import asyncio
import time

import pytest
from websockets.asyncio.client import connect

from adapters.redis import keys
from domain.market import Pool
from tests.integration.gateway.conftest import LiveHouse, RedisServer, until
from tests.integration.gateway.test_sockets import RESUME, next_of
from tests.unit.gateway.house import PASSWORD, AgentOf
from tests.unit.gateway.test_agent import HEARTBEAT, interruption, metrics, post, queue_action

POOL = Pool(region="us-east-1", zone_id="use1-az6", instance_type="c5.xlarge")
SOON_S = 1.0


@pytest.fixture
async def agent(live: LiveHouse) -> AgentOf:
    return await live.agent(await live.somebody())


async def test_a_flag_is_known_here_soon_after_it_was_set_elsewhere(live: LiveHouse) -> None:
    began_s = time.perf_counter()
    await live.hub.risk.flag(POOL, {"interruptions": 1})
    await until(lambda: live.gateway.risk.for_all())
    assert time.perf_counter() - began_s < SOON_S


async def test_an_event_is_in_database_and_stream_when_it_is_answered(live: LiveHouse, agent: AgentOf) -> None:
    answer = await post(live, agent, "events", {"events": [interruption(live, "e-1"), interruption(live, "e-1")]})
    assert answer.json()["events_queued"] == 1
    async with live.database.platform() as tx:
        kept = await tx.inbox.get((agent.cluster_id, "e-1"))
    assert kept is not None
    assert kept.organization_id == agent.organization_id
    assert (await live.hub.events.depth()).total == 1


async def test_events_are_accepted_while_redis_is_dead_and_agents_are_woken_when_it_is_back(
    live: LiveHouse, agent: AgentOf, redis_server: RedisServer
) -> None:
    url = f"{live.sockets_url}/api/clusters/{agent.cluster_id}/stream"
    async with connect(url, additional_headers=dict(agent.headers)) as socket:
        await socket.send(RESUME)
        assert (await next_of(socket))["type"] == "resumed"
        redis_server.kill()
        answer = await post(live, agent, "events", {"events": [interruption(live, "e-2")]})
        assert (answer.status_code, answer.json()["events_queued"]) == (200, 1)
        await queue_action(live, agent)
        await redis_server.start()
        assert (await next_of(socket))["type"] == "command"
    async with live.database.platform() as tx:
        assert await tx.inbox.get((agent.cluster_id, "e-2")) is not None


async def test_no_action_is_handed_out_twice_to_polls_at_once(live: LiveHouse, agent: AgentOf) -> None:
    wanted = {str((await queue_action(live, agent, nonce=f"n{number}")).id) for number in range(25)}
    path = f"/api/clusters/{agent.cluster_id}/actions/pending"
    taken: list[str] = []
    for _ in range(4):
        await live.hub.bus.publish(keys.agent_command(str(agent.cluster_id)), b"")
        answers = await asyncio.gather(*(live.http.get(path, headers=agent.headers) for _ in range(10)))
        taken += [one["action_id"] for answer in answers for one in answer.json()["actions"]]
    assert sorted(taken) == sorted(wanted)


async def test_sign_ins_at_once_do_not_hold_up_heartbeats(live: LiveHouse, agent: AgentOf) -> None:
    body = {"email": "nobody@example.com", "password": PASSWORD}
    sign_ins = [asyncio.create_task(live.http.post("/api/auth/token", json=body)) for _ in range(40)]
    assert (await post(live, agent, "heartbeat", HEARTBEAT)).status_code == 200
    statuses = {(await one).status_code for one in sign_ins}
    assert statuses <= {401, 503}


async def test_the_same_metrics_sent_again_after_a_lost_answer_change_nothing(live: LiveHouse, agent: AgentOf) -> None:
    body = metrics(live, events=[interruption(live, "e-3")])
    answers = await asyncio.gather(*(post(live, agent, "metrics", body) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert (await live.hub.events.counts()).accepted == 1
