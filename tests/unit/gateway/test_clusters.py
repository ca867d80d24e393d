"""Clusters, keys, plans and jobs over HTTP."""

from typing import Any
from uuid import UUID

from actors.cluster.inputs import OptimiseRequested, PlanApproved
from domain.commands import PlanStatus
from domain.errors import TransientError
from domain.signing import derive_signing_key
from domain.work import StoredPlan
from tests.unit.gateway.house import AgentOf, House, Somebody


async def stored_plan(spot: House, agent: AgentOf, **fields: Any) -> StoredPlan:
    defaults: dict[str, Any] = {
        "id": UUID(int=77),
        "organization_id": agent.organization_id,
        "cluster_id": agent.cluster_id,
        "generation": 1,
        "parent": None,
        "status": PlanStatus.AWAITING_APPROVAL,
        "body": {"generation": 1},
        "cost_micro_usd_per_h": 2_000_000,
        "planned_cost_micro_usd_per_h": 1_000_000,
        "lower_bound_micro_usd_per_h": 900_000,
        "observed_at": spot.clock.now(),
        "created_at": spot.clock.now(),
    }
    plan = StoredPlan(**(defaults | fields))
    async with spot.database.tenant(agent.organization_id) as tx:
        await tx.plans.insert(plan)
    return plan


async def owner_and_agent(spot: House) -> tuple[Somebody, AgentOf]:
    owner = await spot.somebody()
    return owner, await spot.agent(owner)


async def test_a_name_is_taken_once_per_region(spot: House) -> None:
    owner, _ = await owner_and_agent(spot)
    body = {"name": "web-shop", "region": "us-east-1"}
    assert (await spot.http.post("/api/clusters/connect", json=body, headers=owner.headers)).status_code == 409


async def test_installing_shows_a_fresh_key_once_whose_signing_key_is_sealed(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    body = {"cluster_id": str(agent.cluster_id)}
    made = (await spot.http.post("/api/clusters/install", json=body, headers=owner.headers)).json()
    assert made["api_key"] in made["command"]
    assert made["command"].startswith("helm upgrade --install spot-optimizer-agent ")
    async with spot.database.platform() as tx:
        await tx.api_keys.touch({UUID(made["key_id"]): spot.clock.now()})
        sealed = await tx.api_keys.signing_key(agent.cluster_id, spot.clock.now())
    assert sealed is not None
    secret = spot.services.keys.decrypt(sealed.sealed)
    assert secret == derive_signing_key(made["api_key"], str(agent.cluster_id)).secret
    listed = await spot.http.get(f"/api/clusters/{agent.cluster_id}/keys", headers=owner.headers)
    assert made["api_key"] not in listed.text
    assert made["api_key"][:8] in listed.text


async def test_a_key_may_end_but_not_in_the_past(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    path = f"/api/clusters/{agent.cluster_id}/keys"
    past = {"label": "ci", "expires_at": "2020-01-01T00:00:00Z"}
    assert (await spot.http.post(path, json=past, headers=owner.headers)).status_code == 422
    future = {"label": "ci", "expires_at": "2026-06-01T00:00:00+02:00"}
    made = await spot.http.post(path, json=future, headers=owner.headers)
    assert made.json()["key"]["expires_at"] == "2026-05-31T22:00:00Z"


async def test_verify_says_what_is_missing(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    path = f"/api/clusters/{agent.cluster_id}/verify"
    answer = (await spot.http.get(path, headers=owner.headers)).json()
    assert not answer["ok"]
    assert {one["name"]: one["state"] for one in answer["checks"]} == {
        "API key": "ok",
        "agent registered": "waiting",
        "heartbeat": "waiting",
        "snapshot": "waiting",
    }


async def test_optimise_makes_a_job_and_tells_the_cluster(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    path = f"/api/clusters/{agent.cluster_id}/optimize"
    answer = await spot.http.post(path, headers=owner.headers)
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    (told,) = [event for _, event in spot.clusters.told if isinstance(event, OptimiseRequested)]
    assert told.job == answer.json()["id"]
    assert (await spot.http.get(answer.headers["location"], headers=owner.headers)).status_code == 200
    listed = await spot.http.get(f"/api/clusters/{agent.cluster_id}/jobs", headers=owner.headers)
    assert [one["id"] for one in listed.json()["items"]] == [told.job]


async def test_the_same_idempotency_key_begins_one_job(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    path = f"/api/clusters/{agent.cluster_id}/optimize"
    headers = {**owner.headers, "Idempotency-Key": "click-1"}
    jobs = {(await spot.http.post(path, headers=headers)).json()["id"] for _ in range(3)}
    assert len(jobs) == 1
    assert len(spot.clusters.told) == 1


async def test_a_job_whose_cluster_cannot_be_told_has_failed(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    spot.clusters.error = TransientError("host 1 is away")
    answer = await spot.http.post(f"/api/clusters/{agent.cluster_id}/optimize", headers=owner.headers)
    assert answer.status_code == 503
    listed = await spot.http.get(f"/api/clusters/{agent.cluster_id}/jobs", headers=owner.headers)
    assert [one["status"] for one in listed.json()["items"]] == ["failed"]


async def test_plans_are_listed_without_and_read_with_their_body(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    plan = await stored_plan(spot, agent)
    path = f"/api/clusters/{agent.cluster_id}/plans"
    (listed,) = (await spot.http.get(path, headers=owner.headers)).json()["items"]
    assert listed["id"] == str(plan.id)
    read = (await spot.http.get(f"{path}/{plan.id}", headers=owner.headers)).json()
    assert read["body"] == {"generation": 1}


async def test_a_plan_is_approved_once(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    plan = await stored_plan(spot, agent)
    path = f"/api/clusters/{agent.cluster_id}/plans/{plan.id}/approve"
    jobs = {(await spot.http.post(path, headers=owner.headers)).json()["id"] for _ in range(2)}
    (told,) = [event for _, event in spot.clusters.told if isinstance(event, PlanApproved)]
    assert jobs == {told.job}
    assert (told.generation, told.by) == (1, owner.user.email)


async def test_a_plan_that_awaits_no_approval_is_a_conflict(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    plan = await stored_plan(spot, agent, status=PlanStatus.NO_CHANGE)
    path = f"/api/clusters/{agent.cluster_id}/plans/{plan.id}/approve"
    answer = await spot.http.post(path, headers=owner.headers)
    assert answer.status_code == 409
    assert "no_change" in answer.json()["detail"]


async def test_a_policy_that_was_never_set_is_the_default(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    policy = (await spot.http.get(f"/api/policies/{agent.cluster_id}", headers=owner.headers)).json()
    assert policy["version"] == 0
    assert policy["sections"] == policy["defaults"]
    assert policy["sections"]["binpack"]["aggressiveness"] == 40
