"""Health, risk map, safe mode, audit."""

from datetime import timedelta

import pytest

from actors.execution.orphans import SWEEP_ORPHANS
from adapters.postgres.ids import new_id
from adapters.redis import keys
from domain.commands import EvidenceKind
from domain.market import Pool
from domain.work import PoolEvidence
from tests.unit.gateway.house import House, Somebody

POOL = Pool(region="us-east-1", zone_id="use1-az6", instance_type="c5.xlarge")


@pytest.fixture
async def admin(spot: House) -> Somebody:
    return await spot.somebody(None)


async def test_the_health_page_shows_a_light_for_each_part(spot: House, admin: Somebody) -> None:
    answer = (await spot.http.get("/api/admin/health", headers=admin.headers)).json()
    assert answer["light"] == "green"
    assert [part["name"] for part in answer["parts"]] == [
        "postgresql", "redis", "events", "instances without a plan",
    ]  # fmt: skip


async def test_instances_that_no_plan_owns_turn_the_light_amber(spot: House, admin: Somebody) -> None:
    now = spot.clock.now()
    async with spot.database.platform() as tx:
        await tx.clock_runs.begin(SWEEP_ORPHANS, now, now=now, stale_before=now)
        await tx.clock_runs.finish(SWEEP_ORPHANS, now, now=now, error="1 instances run that no plan owns: i-1")
    answer = (await spot.http.get("/api/admin/health", headers=admin.headers)).json()
    (part,) = [one for one in answer["parts"] if one["name"] == "instances without a plan"]
    assert (answer["light"], part["detail"]) == ("amber", "1 instances run that no plan owns: i-1")


async def test_the_workers_page_counts_answers_and_the_queue(spot: House, admin: Somebody) -> None:
    await spot.http.get("/api/nothing")
    answer = (await spot.http.get("/api/admin/health/workers", headers=admin.headers)).json()
    assert answer["gateway"]["answers_by_status"]["404"] == 1
    assert answer["queue"]["waiting"] == {"interruption": 0, "oom_killed": 0, "rest": 0}


async def test_the_risk_map_shows_flags_with_their_evidence_until_they_end(spot: House, admin: Somebody) -> None:
    owner = await spot.somebody()
    agent = await spot.agent(owner)
    seen = PoolEvidence(
        id=new_id(),
        organization_id=agent.organization_id,
        cluster_id=agent.cluster_id,
        pool=POOL,
        kind=EvidenceKind.INTERRUPTION,
        instance_id="i-1",
        known=True,
        at=spot.clock.now(),
    )
    async with spot.database.platform() as tx:
        await tx.pools.add_evidence([seen])
    await spot.hub.risk.flag(POOL, {"interruptions": 1})
    await spot.clock.advance(0)
    (flag,) = (await spot.http.get("/api/admin/risk", headers=admin.headers)).json()["flags"]
    assert (flag["zone_id"], flag["reason"]) == ("use1-az6", {"interruptions": 1})
    assert flag["evidence"][0]["instance_id"] == "i-1"
    await spot.clock.advance(1_801)
    admin = await spot.somebody(None)
    assert (await spot.http.get("/api/admin/risk", headers=admin.headers)).json()["flags"] == []


async def test_the_local_copy_hears_of_changes_and_heals_after_a_gap(spot: House) -> None:
    risk = spot.gateway.risk
    await spot.hub.risk.flag(POOL, {})
    await spot.clock.advance(0)
    assert [flag.pool for flag in risk.for_all()] == [POOL]
    await spot.hub.risk.clear(POOL)
    await spot.clock.advance(0)
    assert risk.for_all() == ()
    await spot.hub.risk.flag(POOL, {})
    spot.hub.bus.interrupt()  # type: ignore[attr-defined]
    await spot.clock.advance(0)
    assert [flag.pool for flag in risk.for_all()] == [POOL]


async def test_safe_mode_is_switched_audited_and_told_to_agents(spot: House, admin: Somebody) -> None:
    agent = await spot.agent(await spot.somebody())
    before = await spot.gateway.configs.of(agent.cluster_id)
    assert (await spot.http.get("/api/admin/safe-mode", headers=admin.headers)).json() == {"on": False}
    body = {"on": True, "reason": "incident 12"}
    switched = await spot.http.post("/api/admin/safe-mode", json=body, headers=admin.headers)
    assert switched.json() == {"on": True}
    await spot.clock.advance(0)
    after = await spot.gateway.configs.of(agent.cluster_id)
    assert after.safe_mode
    assert after.version > before.version
    audited = (await spot.http.get("/api/audit", headers=admin.headers)).json()["items"][0]
    assert (audited["event"], audited["text"], audited["actor"]) == (
        "safe_mode_switched",
        "incident 12",
        admin.user.email,
    )
    diff = (await spot.http.get(f"/api/audit/{audited['id']}/diff", headers=admin.headers)).json()
    assert diff["changes"] == [{"field": "on", "before": False, "after": True}]


async def test_the_audit_log_is_filtered(spot: House) -> None:
    owner = await spot.somebody()
    await spot.agent(owner)
    listed = await spot.http.get("/api/audit", params={"event": "cluster_connected"}, headers=owner.headers)
    assert [one["event"] for one in listed.json()["items"]] == ["cluster_connected"]
    later = (spot.clock.now() + timedelta(days=1)).isoformat()
    none = await spot.http.get("/api/audit", params={"since": later}, headers=owner.headers)
    assert none.json()["items"] == []
    naive = await spot.http.get("/api/audit", params={"since": "2026-01-01T00:00:00"}, headers=owner.headers)
    assert naive.json()["errors"][0]["field"] == "query.since"


async def test_log_lines_of_all_processes_are_kept_for_whoever_opens_the_log(spot: House) -> None:
    await spot.hub.bus.publish(keys.SYSTEM_LOGS, b'{"event":"hello"}')
    await spot.clock.advance(0)
    assert spot.gateway.recent_logs.lines() == (b'{"event":"hello"}',)
