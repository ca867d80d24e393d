"""Policies over a real server, PostgreSQL and Redis: nothing is lost, and the agent hears at once."""

import asyncio
from collections.abc import Mapping
from typing import Any

from domain.audit import AuditQuery
from domain.fleet import PolicySection
from domain.paging import PageRequest
from tests.integration.gateway.conftest import LiveHouse
from tests.integration.gateway.test_sockets import RESUME, next_of, stream
from tests.unit.gateway.house import AgentOf, Somebody
from tests.unit.gateway.test_policies import OTHERWISE, patch


async def changed_at_once(
    live: LiveHouse, owner: Somebody, agent: AgentOf, changes: list[tuple[PolicySection, Mapping[str, Any]]]
) -> Any:
    answers = await asyncio.gather(*(patch(live, owner, agent.cluster_id, *change) for change in changes))
    assert {answer.status_code for answer in answers} == {200}
    return (await live.http.get(f"/api/policies/{agent.cluster_id}", headers=owner.headers)).json()


async def test_sections_and_fields_of_one_section_that_are_changed_at_once_are_all_changed(live: LiveHouse) -> None:
    owner = await live.somebody()
    agent = await live.agent(owner)
    one_by_one = [(section, {name: value}) for section, fields in OTHERWISE.items() for name, value in fields.items()]
    policy = await changed_at_once(live, owner, agent, one_by_one)
    assert policy["sections"] == {str(section): fields for section, fields in OTHERWISE.items()}
    assert policy["version"] == len(one_by_one)


async def test_of_changes_at_once_the_audit_log_has_each_with_what_was_before(live: LiveHouse) -> None:
    owner = await live.somebody()
    agent = await live.agent(owner)
    policy = await changed_at_once(
        live, owner, agent, [(PolicySection.BUFFER, {"percent": percent}) for percent in (31, 32, 33, 34)]
    )
    async with live.database.tenant(agent.organization_id) as tx:
        log = await tx.audit.page(agent.organization_id, AuditQuery(event="policy_changed"), PageRequest())
    became = {row.entry.before["buffer.percent"]: row.entry.after["buffer.percent"] for row in log.items}
    percent, path = 20, []
    while percent in became:
        percent = became[percent]
        path.append(percent)
    assert sorted(path) == [31, 32, 33, 34]
    assert policy["sections"]["buffer"]["percent"] == percent


async def test_of_two_changes_meant_for_one_version_one_is_made(live: LiveHouse) -> None:
    owner = await live.somebody()
    agent = await live.agent(owner)
    changes = ((PolicySection.BUFFER, {"percent": 30}), (PolicySection.STRATEGY, {"mode": "approve"}))
    answers = await asyncio.gather(
        *(patch(live, owner, agent.cluster_id, *change, **{"If-Match": '"0"'}) for change in changes)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_an_agent_hears_at_once_of_a_changed_policy(live: LiveHouse) -> None:
    owner = await live.somebody()
    agent = await live.agent(owner)
    async with stream(live, agent) as socket:
        await socket.send(RESUME)
        assert (await next_of(socket))["type"] == "resumed"
        await patch(live, owner, agent.cluster_id, PolicySection.CONSTRAINTS, {"dry_run": True})
        message = await next_of(socket)
        assert (message["type"], message["config"]["dry_run"]) == ("config", True)
