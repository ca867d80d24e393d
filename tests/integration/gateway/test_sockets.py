"""WebSockets over a real server: who gets in, what arrives, how they end."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from adapters.redis import keys
from domain.tenancy import OrganizationRole
from tests.integration.gateway.conftest import LiveHouse, until
from tests.unit.gateway.house import AgentOf, Somebody
from tests.unit.gateway.test_agent import HEARTBEAT, post, queue_action

RESUME = '{"type":"resume","instance":"agent-0","config_version":0}'


async def next_of(socket: ClientConnection) -> Any:
    async with asyncio.timeout(10):
        return json.loads(await socket.recv())


@asynccontextmanager
async def stream(live: LiveHouse, agent: AgentOf, **headers: str) -> AsyncIterator[ClientConnection]:
    url = f"{live.sockets_url}/api/clusters/{agent.cluster_id}/stream"
    async with connect(url, additional_headers={**agent.headers, **headers}) as socket:
        yield socket


async def ticket(live: LiveHouse, somebody: Somebody, path: str) -> str:
    answer = await live.http.post("/api/auth/ws-ticket", json={"opens": path}, headers=somebody.headers)
    assert answer.status_code == 200, answer.text
    return f"{live.sockets_url}{path}?ticket={answer.json()['ticket']}"


@pytest.fixture
async def owner(live: LiveHouse) -> Somebody:
    return await live.somebody()


@pytest.fixture
async def agent(live: LiveHouse, owner: Somebody) -> AgentOf:
    return await live.agent(owner)


async def test_an_agent_is_told_of_a_command_at_once(live: LiveHouse, agent: AgentOf) -> None:
    async with stream(live, agent) as socket:
        await socket.send(RESUME)
        assert (await next_of(socket))["type"] == "resumed"
        await queue_action(live, agent)
        await live.hub.bus.publish(keys.agent_command(str(agent.cluster_id)), b'{"type":"command"}')
        assert (await next_of(socket))["type"] == "command"
        path = f"/api/clusters/{agent.cluster_id}/actions/pending"
        assert len((await live.http.get(path, headers=agent.headers)).json()["actions"]) == 1


async def test_an_agent_that_comes_back_hears_what_it_has_missed(live: LiveHouse, agent: AgentOf) -> None:
    await queue_action(live, agent)
    async with stream(live, agent) as socket:
        await socket.send(RESUME)
        assert [(await next_of(socket))["type"] for _ in range(2)] == ["resumed", "command"]


async def test_a_changed_configuration_reaches_the_agent(live: LiveHouse, agent: AgentOf) -> None:
    admin = await live.somebody(None)
    async with stream(live, agent) as socket:
        await socket.send(RESUME)
        await next_of(socket)
        body = {"on": True, "reason": "test"}
        await live.http.post("/api/admin/safe-mode", json=body, headers=admin.headers)
        message = await next_of(socket)
        assert (message["type"], message["config"]["safe_mode"]) == ("config", True)


async def test_an_agent_is_asked_to_send_everything(live: LiveHouse, agent: AgentOf) -> None:
    async with stream(live, agent) as socket:
        await socket.send(RESUME)
        await next_of(socket)
        await live.hub.bus.publish(keys.agent_command(str(agent.cluster_id)), b'{"type":"resend"}')
        assert (await next_of(socket))["type"] == "resend"


async def test_a_ping_is_answered(live: LiveHouse, agent: AgentOf) -> None:
    async with stream(live, agent) as socket:
        await socket.send('{"type":"ping","id":7}')
        assert await next_of(socket) == {"type": "pong", "id": 7}


async def test_a_revoked_key_cuts_the_agent_off(live: LiveHouse, owner: Somebody, agent: AgentOf) -> None:
    async with stream(live, agent) as socket:
        await socket.send(RESUME)
        await next_of(socket)
        path = f"/api/clusters/{agent.cluster_id}/keys/{agent.key_id}/revoke"
        assert (await live.http.post(path, json={}, headers=owner.headers)).status_code == 204
        with pytest.raises(ConnectionClosed) as closed:
            await next_of(socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
    await until(lambda: len(live.gateway.sockets) == 0)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Authorization": "Bearer so_wrong"}, 401),
        ({"Authorization": ""}, 401),
        ({"X-Spotopt-Protocol": "none"}, 422),
    ],
)
async def test_a_stranger_is_refused_as_a_stream(
    live: LiveHouse, agent: AgentOf, changes: dict[str, str], status: int
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with stream(live, agent, **changes):
            pass
    assert refused.value.response.status_code == status
    assert json.loads(refused.value.response.body or b"{}")["status"] == status


async def test_an_agent_of_another_cluster_is_refused(live: LiveHouse, agent: AgentOf) -> None:
    stranger = await live.agent(await live.somebody())
    url = f"{live.sockets_url}/api/clusters/{agent.cluster_id}/stream"
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, additional_headers=dict(stranger.headers))
    assert refused.value.response.status_code == 403


async def test_nonsense_ends_the_connection_with_a_reason(live: LiveHouse, agent: AgentOf) -> None:
    async with stream(live, agent) as socket:
        await socket.send('{"type":"sing"}')
        with pytest.raises(ConnectionClosed) as closed:
            await next_of(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4400


async def test_a_portal_page_sees_heartbeats_of_its_own_clusters_alone(
    live: LiveHouse, owner: Somebody, agent: AgentOf
) -> None:
    stranger = await live.agent(await live.somebody())
    async with connect(await ticket(live, owner, "/api/clusters/heartbeat")) as socket:
        assert (await next_of(socket))["type"] == "ready"
        assert (await post(live, stranger, "heartbeat", HEARTBEAT)).status_code == 200
        await live.gateway.beats.flush()
        assert (await post(live, agent, "heartbeat", HEARTBEAT)).status_code == 200
        message = await next_of(socket)
        assert (message["type"], message["cluster_id"]) == ("heartbeat", str(agent.cluster_id))
        await live.hub.bus.publish(keys.cluster_events(str(agent.cluster_id)), b'{"topic":"plan_ready"}')
        assert await next_of(socket) == {
            "type": "event",
            "cluster_id": str(agent.cluster_id),
            "data": {"topic": "plan_ready"},
        }


async def test_a_ticket_opens_one_socket_once(live: LiveHouse, owner: Somebody) -> None:
    url = await ticket(live, owner, "/api/clusters/heartbeat")
    async with connect(url):
        pass
    with pytest.raises(InvalidStatus) as refused:
        await connect(url)
    assert refused.value.response.status_code == 401


async def test_a_ticket_for_another_socket_opens_nothing(live: LiveHouse, owner: Somebody) -> None:
    url = (await ticket(live, owner, "/api/admin/logs")).replace("/api/admin/logs", "/api/clusters/heartbeat")
    with pytest.raises(InvalidStatus) as refused:
        await connect(url)
    assert refused.value.response.status_code == 401


async def test_an_owner_does_not_see_the_platforms_log(live: LiveHouse, owner: Somebody) -> None:
    for path in ("/api/admin/logs", "/api/admin/logs/live"):
        with pytest.raises(InvalidStatus) as refused:
            await connect(await ticket(live, owner, path))
        assert refused.value.response.status_code == 403


async def test_an_admin_sees_the_log_from_before_and_as_it_goes_on(live: LiveHouse) -> None:
    admin = await live.somebody(None)
    await live.hub.bus.publish(keys.SYSTEM_LOGS, b'{"event":"before"}')
    await until(live.gateway.recent_logs.lines)
    async with connect(await ticket(live, admin, "/api/admin/logs")) as socket:
        assert [(await next_of(socket)).get("event") for _ in range(2)] == [None, "before"]
        await live.hub.bus.publish(keys.SYSTEM_LOGS, b'{"event":"after"}')
        assert (await next_of(socket))["event"] == "after"


async def test_who_signs_out_loses_the_sockets_too(live: LiveHouse) -> None:
    viewer = await live.somebody(OrganizationRole.VIEWER, home=(await live.somebody()).home)
    async with connect(await ticket(live, viewer, "/api/clusters/heartbeat")) as socket:
        assert (await next_of(socket))["type"] == "ready"
        await live.http.post("/api/auth/logout", headers=viewer.headers)
        with pytest.raises(ConnectionClosed) as closed:
            await next_of(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401


async def test_two_hundred_agents_are_woken_together(live: LiveHouse, agent: AgentOf) -> None:
    async with asyncio.TaskGroup() as tasks:
        opened = [tasks.create_task(_opened(live, agent)) for _ in range(200)]
    sockets = [task.result() for task in opened]
    try:
        await live.hub.bus.publish(keys.agent_command(str(agent.cluster_id)), b"")
        async with asyncio.TaskGroup() as tasks:
            heard = [tasks.create_task(next_of(socket)) for socket in sockets]
        assert {task.result()["type"] for task in heard} == {"command"}
    finally:
        await asyncio.gather(*(socket.close() for socket in sockets))


async def _opened(live: LiveHouse, agent: AgentOf) -> ClientConnection:
    url = f"{live.sockets_url}/api/clusters/{agent.cluster_id}/stream"
    socket = await connect(url, additional_headers=dict(agent.headers), open_timeout=20)
    await socket.send(RESUME)
    assert (await next_of(socket))["type"] == "resumed"
    return socket
