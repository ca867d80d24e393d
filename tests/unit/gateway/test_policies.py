"""Policies over HTTP: what may be set, what is refused, and who is told."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.hosting.policies import advising, cluster_settings, planning_policy
from adapters.redis import keys
from domain.audit import AuditQuery
from domain.errors import TransientError
from domain.fleet import DEFAULT_POLICY, ClusterPolicy, PolicySection
from domain.paging import PageRequest
from domain.tenancy import OrganizationRole
from serve.schemas.policies import BODIES
from tests.unit.gateway.house import AgentOf, House, Somebody
from tests.unit.gateway.test_clusters import owner_and_agent

OTHERWISE: Mapping[PolicySection, Mapping[str, Any]] = {
    PolicySection.KARPENTER: {"enabled": True},
    PolicySection.STRATEGY: {
        "mode": "automatic",
        "rebalance": "replace",
        "allocation": "lowest-price",
        "capacity": "spot",
    },
    PolicySection.BINPACK: {"aggressiveness": 60, "eviction_cost_usd": 0.01, "payback_h": 12.5},
    PolicySection.FALLBACK: {"on_demand": False, "interruption_cost_h": 24},
    PolicySection.SPREAD: {"max_pool_share": 0.3, "max_loss_share": 0.25, "max_loss_probability": 0.1},
    PolicySection.RIGHTSIZE: {"mode": "off"},
    PolicySection.BUFFER: {"percent": 35},
    PolicySection.CONSTRAINTS: {
        "families": ["m6i"],
        "architectures": ["arm64"],
        "allow_burstable": False,
        "allow_bare_metal": True,
        "max_concurrent_actions": 2,
        "dry_run": True,
    },
    PolicySection.EXCLUSIONS: {"namespaces": ["payments"]},
}
"""Every field of every section, set to what is not its default."""

WRONG: Mapping[str, tuple[PolicySection, Mapping[str, Any], str]] = {
    "unknown": (PolicySection.STRATEGY, {"mdoe": "approve"}, "mdoe"),
    "of another section": (PolicySection.BUFFER, {"mode": "approve"}, "mode"),
    "mode": (PolicySection.STRATEGY, {"mode": "yolo"}, "mode"),
    "below the least": (PolicySection.BINPACK, {"aggressiveness": -1}, "aggressiveness"),
    "above the most": (PolicySection.BINPACK, {"aggressiveness": 101}, "aggressiveness"),
    "no share at all": (PolicySection.SPREAD, {"max_pool_share": 0}, "max_pool_share"),
    "text for a number": (PolicySection.BUFFER, {"percent": "20"}, "percent"),
    "number for a switch": (PolicySection.KARPENTER, {"enabled": 1}, "enabled"),
    "part of a node": (PolicySection.CONSTRAINTS, {"max_concurrent_actions": 1.5}, "max_concurrent_actions"),
    "architecture": (PolicySection.CONSTRAINTS, {"architectures": ["sparc"]}, "architectures/0"),
    "family with a slip": (PolicySection.CONSTRAINTS, {"families": ["m6i", "m6l"]}, "families/1"),
    "no name": (PolicySection.EXCLUSIONS, {"namespaces": ["ok", "Not_OK"]}, "namespaces/1"),
}


async def patch(
    spot: House, whose: Somebody, cluster: UUID, section: PolicySection, fields: Mapping[str, Any], **headers: str
) -> Any:
    body = {"cluster_id": str(cluster), **fields}
    return await spot.http.patch(f"/api/policies/{section}", json=body, headers={**whose.headers, **headers})


async def read(spot: House, whose: Somebody, agent: AgentOf) -> Any:
    return await spot.http.get(f"/api/policies/{agent.cluster_id}", headers=whose.headers)


@pytest.mark.parametrize("section", PolicySection)
async def test_every_field_of_a_section_is_set_read_and_given_back(spot: House, section: PolicySection) -> None:
    owner, agent = await owner_and_agent(spot)
    fields = OTHERWISE[section]
    assert set(fields) == set(BODIES[section].model_fields) - {"cluster_id"}
    changed = await patch(spot, owner, agent.cluster_id, section, fields)
    assert changed.status_code == 200, changed.text
    assert changed.json() == (await read(spot, owner, agent)).json()
    assert changed.json()["sections"] == {**_plain(DEFAULT_POLICY), section: dict(fields)}
    back = await patch(spot, owner, agent.cluster_id, section, dict.fromkeys(fields))
    assert back.json()["sections"] == back.json()["defaults"]
    assert back.json()["version"] == 2


@pytest.mark.parametrize("case", sorted(WRONG))
async def test_what_cannot_be_meant_is_refused_by_name_and_nothing_is_stored(spot: House, case: str) -> None:
    owner, agent = await owner_and_agent(spot)
    section, fields, pointer = WRONG[case]
    answer = await patch(spot, owner, agent.cluster_id, section, fields)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"][0]["pointer"] == f"#/{pointer}"
    assert (await read(spot, owner, agent)).json()["version"] == 0


async def test_a_change_of_nothing_is_refused_and_one_to_what_is_there_is_no_change(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    assert (await patch(spot, owner, agent.cluster_id, PolicySection.BUFFER, {})).status_code == 422
    same = await patch(spot, owner, agent.cluster_id, PolicySection.BUFFER, {"percent": 20})
    assert (same.status_code, same.json()["version"], spot.clusters.refreshed) == (200, 0, [])


async def test_fields_that_are_not_named_stay_as_they_are(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    await patch(spot, owner, agent.cluster_id, PolicySection.STRATEGY, {"mode": "approve"})
    both = await patch(spot, owner, agent.cluster_id, PolicySection.STRATEGY, {"rebalance": "cordon"})
    strategy = both.json()["sections"]["strategy"]
    assert (strategy["mode"], strategy["rebalance"]) == ("approve", "cordon")


async def test_the_cluster_its_agent_and_its_pages_hear_of_a_change_at_once(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    before = await spot.gateway.configs.of(agent.cluster_id)
    listed = await spot.http.get("/api/clusters", headers=owner.headers)
    assert listed.json()["items"][0]["mode"] == "recommend"
    await patch(spot, owner, agent.cluster_id, PolicySection.STRATEGY, {"mode": "automatic"})
    await patch(spot, owner, agent.cluster_id, PolicySection.CONSTRAINTS, {"dry_run": True})
    assert spot.clusters.refreshed == [agent.cluster_id] * 2
    channel = keys.agent_command(str(agent.cluster_id))
    told = [json.loads(one.body) for one in spot.hub.bus.published if one.channel == channel]  # type: ignore[attr-defined]
    assert told == [{"type": "config"}] * 2
    after = await spot.gateway.configs.of(agent.cluster_id)
    assert (before.dry_run, after.dry_run, after.version - before.version) == (False, True, 2)
    listed = await spot.http.get("/api/clusters", headers=owner.headers)
    assert listed.json()["items"][0]["mode"] == "automatic"


async def test_a_change_is_stored_and_answered_though_its_host_is_away(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    spot.clusters.error = TransientError("the host is being restarted")
    answer = await patch(spot, owner, agent.cluster_id, PolicySection.STRATEGY, {"mode": "approve"})
    assert (answer.status_code, answer.json()["sections"]["strategy"]["mode"]) == (200, "approve")


async def test_a_change_is_audited_with_what_was_before_and_is_after(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    await patch(spot, owner, agent.cluster_id, PolicySection.STRATEGY, {"mode": "approve", "capacity": "spot"})
    async with spot.database.tenant(agent.organization_id) as tx:
        log = await tx.audit.page(agent.organization_id, AuditQuery(event="policy_changed"), PageRequest())
    (entry,) = [row.entry for row in log.items]
    assert (entry.actor, entry.resource) == (owner.user.email, str(agent.cluster_id))
    assert entry.before == {"strategy.mode": "recommend"}
    assert entry.after == {"strategy.mode": "approve", "strategy.capacity": "spot"}


async def test_a_change_meant_for_an_older_policy_is_refused(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    tag = (await read(spot, owner, agent)).headers["etag"]
    mine = await patch(spot, owner, agent.cluster_id, PolicySection.BUFFER, {"percent": 30}, **{"If-Match": tag})
    assert (tag, mine.status_code, mine.headers["etag"]) == ('"0"', 200, '"1"')
    late = await patch(spot, owner, agent.cluster_id, PolicySection.BUFFER, {"percent": 40}, **{"If-Match": tag})
    assert (late.status_code, late.json()["type"]) == (412, "urn:spotopt:problem:precondition-failed")
    assert (await read(spot, owner, agent)).json()["sections"]["buffer"]["percent"] == 30


async def test_another_tenants_policy_is_not_there_and_a_viewer_changes_none(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    stranger, viewer = await spot.somebody(), await spot.somebody(OrganizationRole.VIEWER, home=owner.home)
    for whose, status in ((stranger, 404), (viewer, 403)):
        answer = await patch(spot, whose, agent.cluster_id, PolicySection.STRATEGY, {"mode": "automatic"})
        assert answer.status_code == status, answer.text
    assert (await read(spot, viewer, agent)).json()["version"] == 0
    assert spot.clusters.refreshed == []


async def test_a_cluster_begins_with_the_mode_that_it_is_connected_with(spot: House) -> None:
    owner = await spot.somebody()
    body = {"name": "prod", "region": "us-east-1", "mode": "approve"}
    made = (await spot.http.post("/api/clusters/connect", json=body, headers=owner.headers)).json()
    policy = await spot.http.get(f"/api/policies/{made['id']}", headers=owner.headers)
    assert policy.json()["sections"]["strategy"]["mode"] == "approve"


async def test_sections_changed_at_once_are_all_changed(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    await asyncio.gather(*(patch(spot, owner, agent.cluster_id, *item) for item in OTHERWISE.items()))
    assert (await read(spot, owner, agent)).json()["sections"] == _plain(OTHERWISE)


NUMBERS = st.one_of(st.integers(-10, 10_000), st.floats(allow_nan=False), st.just(0), st.just(1))
VALUES = st.one_of(st.none(), st.booleans(), NUMBERS, st.sampled_from(["off", "approve", "spot", "cordon", "m6i"]))


@given(st.sampled_from(PolicySection), st.data())
def test_whatever_is_accepted_can_be_meant(section: PolicySection, data: st.DataObject) -> None:
    """Hosts read what is stored: nothing that a body lets through may stop them."""
    model = BODIES[section]
    names = sorted(set(model.model_fields) - {"cluster_id"})
    fields = data.draw(st.dictionaries(st.sampled_from(names), VALUES | st.lists(VALUES, max_size=2), min_size=1))
    try:
        body = model.model_validate_json(json.dumps({"cluster_id": str(UUID(int=1)), **fields}))
    except ValueError:
        return
    given_ = {name: value for name, value in body.changes.items() if value is not None}
    sections = {**DEFAULT_POLICY, section: {**DEFAULT_POLICY[section], **given_}}
    policy = ClusterPolicy(cluster_id=UUID(int=1), organization_id=UUID(int=2), sections=sections)
    planning_policy(policy, max_concurrent_actions=1)
    cluster_settings(policy, {}, max_snapshot_age_s=300)
    advising(policy)


def _plain(sections: Mapping[PolicySection, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {str(section): dict(fields) for section, fields in sections.items()}
