"""Plans over HTTP: what was decided, how far it is, approval that comes too late, plans that are thrown away."""

from datetime import timedelta
from uuid import UUID

import pytest

from actors.cluster.execution import saga_of
from actors.cluster.inputs import Input, PlanApproved, PlanRejected
from actors.planning.codec import decision_to_json
from domain.audit import AuditQuery
from domain.commands import PlanStatus
from domain.paging import PageRequest
from domain.saga import SagaStatus, SagaStep, StepKind, StepStatus, StoredSaga
from domain.work import StoredPlan
from solvers.decision import resolve
from tests.unit.decision.builders import NOW, make_facts, make_launch, make_policy, make_proposal
from tests.unit.gateway.house import AgentOf, House
from tests.unit.gateway.test_clusters import owner_and_agent, stored_plan


def path_of(plan: StoredPlan) -> str:
    return f"/api/clusters/{plan.cluster_id}/plans/{plan.id}"


async def store_saga(spot: House, agent: AgentOf) -> None:
    now = spot.clock.now()
    saga = UUID(saga_of(str(agent.cluster_id), 1))
    common = {"organization_id": agent.organization_id, "cluster_id": agent.cluster_id}
    running = StoredSaga(
        id=saga,
        status=SagaStatus.RUNNING,
        version=1,
        body={},
        created_at=now,
        updated_at=now,
        plan_generation=1,
        **common,
    )
    step = SagaStep(
        saga_id=saga,
        step_id="a/cordon/1",
        track="a",
        kind=StepKind.CORDON,
        subject="a",
        status=StepStatus.ASKED,
        attempt=1,
        token="t",
        asked_at=now,
        due_at=now + timedelta(minutes=5),
        **common,
    )
    async with spot.database.tenant(agent.organization_id) as tx:
        await tx.sagas.create(running)
        await tx.sagas.put_steps([step])


async def test_a_plan_is_read_with_what_was_decided_and_with_every_refusal(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    proposals = [
        make_proposal("good", removes=("a",), launches=(make_launch(),)),
        make_proposal("small", removes=("b",), saving_usd_per_h=0.0001),
    ]
    decision = resolve(proposals, facts=make_facts("a", "b"), policy=make_policy(), now=NOW)
    plan = await stored_plan(spot, agent, body={"generation": 1, "decision": decision_to_json(decision)})
    read = (await spot.http.get(path_of(plan), headers=owner.headers)).json()
    assert read["body"] == {"generation": 1}
    assert [one["proposal"] for one in read["decision"]["chosen"]] == ["good"]
    (refused,) = read["decision"]["refused"]
    assert (refused["proposal"], refused["rule"]) == ("small", "no_gain")
    assert "at least" in refused["reason"]
    assert read["saga"] is None


async def test_a_plan_of_an_older_program_is_read_without_a_decision(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    plan = await stored_plan(spot, agent, body={"generation": 1, "decision": {"old": True}})
    read = await spot.http.get(path_of(plan), headers=owner.headers)
    assert (read.status_code, read.json()["decision"]) == (200, None)


async def test_a_plan_that_is_carried_out_shows_its_steps_with_their_times(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    plan = await stored_plan(spot, agent)
    await store_saga(spot, agent)
    saga = (await spot.http.get(path_of(plan), headers=owner.headers)).json()["saga"]
    (step,) = saga["steps"]
    assert (saga["status"], step["kind"], step["subject"], step["status"]) == ("running", "cordon", "a", "asked")
    assert step["asked_at"]


async def test_a_plan_that_awaits_approval_says_until_when(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    plan = await stored_plan(spot, agent)
    read = (await spot.http.get(path_of(plan), headers=owner.headers)).json()
    assert read["stale_at"] == (plan.observed_at + timedelta(minutes=15)).isoformat().replace("+00:00", "Z")


async def test_an_approval_that_comes_too_late_is_a_conflict_that_says_so(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    plan = await stored_plan(spot, agent, observed_at=spot.clock.now() - timedelta(minutes=16))
    answer = await spot.http.post(f"{path_of(plan)}/approve", headers=owner.headers)
    assert (answer.status_code, spot.clusters.told) == (409, [])
    assert "went stale at" in answer.json()["detail"]


async def test_an_approval_that_the_cluster_refuses_is_a_conflict_with_its_reason(
    spot: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, agent = await owner_and_agent(spot)
    plan = await stored_plan(spot, agent)

    async def refusing(cluster_id: UUID, event: Input) -> None:
        assert isinstance(event, PlanApproved)
        async with spot.database.tenant(agent.organization_id) as tx:
            await tx.jobs.fail(UUID(event.job), error="it counts on node a, which goes", now=spot.clock.now())

    monkeypatch.setattr(spot.clusters, "tell", refusing)
    answer = await spot.http.post(f"{path_of(plan)}/approve", headers=owner.headers)
    assert (answer.status_code, answer.json()["detail"]) == (409, "it counts on node a, which goes")


async def test_a_plan_that_awaits_approval_is_discarded_once_with_an_entry_of_the_audit_log(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    plan = await stored_plan(spot, agent)
    for _ in range(2):
        answer = await spot.http.post(f"{path_of(plan)}/discard", headers=owner.headers)
        assert (answer.status_code, answer.json()["status"]) == (200, "rejected")
        assert answer.json()["status_reason"] == f"discarded by {owner.user.email}"
    (told,) = [event for _, event in spot.clusters.told if isinstance(event, PlanRejected)]
    assert (told.generation, told.by) == (1, owner.user.email)
    async with spot.database.tenant(agent.organization_id) as tx:
        log = await tx.audit.page(agent.organization_id, AuditQuery(event="plan_discarded"), PageRequest())
    assert [row.entry.actor for row in log.items] == [owner.user.email]


async def test_a_recommended_plan_is_discarded_without_asking_its_host(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    plan = await stored_plan(spot, agent, status=PlanStatus.RECOMMENDED)
    answer = await spot.http.post(f"{path_of(plan)}/discard", headers=owner.headers)
    assert (answer.json()["status"], spot.clusters.told) == ("rejected", [])


@pytest.mark.parametrize("status", [PlanStatus.ACCEPTED, PlanStatus.DONE, PlanStatus.FAILED])
async def test_a_plan_that_was_begun_cannot_be_discarded(spot: House, status: PlanStatus) -> None:
    owner, agent = await owner_and_agent(spot)
    plan = await stored_plan(spot, agent, status=status)
    answer = await spot.http.post(f"{path_of(plan)}/discard", headers=owner.headers)
    assert answer.status_code == 409
