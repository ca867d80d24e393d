"""Cards, charts, what happened, and the table of clusters over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from adapters.redis.memory.answers import MemoryAnswers
from domain.commands import PlanStatus
from domain.errors import TransientError
from domain.insight import SavingsHour
from domain.overview import Activity, ActivityKind
from domain.spend import BASELINE_SENTENCE, ClusterFleet
from serve.routes.activity import sentence
from tests.unit.gateway.house import AgentOf, House, Somebody
from tests.unit.gateway.test_clusters import owner_and_agent, stored_plan
from tests.unit.postgres.builders import make_cluster
from tests.unit.postgres.contract_fleets import make_fleet, put_fleet

MONTH_H = 730


async def run_fleet(spot: House, agent: AgentOf, **fields: Any) -> ClusterFleet:
    """The agent's cluster runs something, as a snapshot has shown."""
    now = spot.clock.now()
    cluster = make_cluster(agent.organization_id, id=agent.cluster_id)
    fleet = make_fleet(cluster, **({"figured_at": now, "observed_at": now} | fields))
    await put_fleet(spot.database, fleet, heard_at=now + timedelta(days=1))
    return fleet


async def ask(spot: House, somebody: Somebody, path: str, **params: Any) -> Any:
    answer = await spot.http.get(f"/api{path}", headers=somebody.headers, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_cards_tell_spend_savings_health_and_what_savings_are_told_against(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    await run_fleet(spot, agent, pending_pods=0)
    await spot.clock.advance(36)
    kpi = await ask(spot, owner, "/metrics/kpi")
    assert kpi["monthly_spend_micro_usd"] == 186_000 * MONTH_H
    assert kpi["monthly_net_savings_micro_usd"] == 214_000 * MONTH_H
    assert kpi["savings_share"] == pytest.approx(214 / 400)
    assert (kpi["spent_micro_usd"], kpi["net_savings_micro_usd"]) == (1_860, 2_140)
    assert (kpi["active_nodes"], kpi["spot_share"], kpi["fleet"]["light"]) == (4, 0.75, "green")
    assert kpi["baseline"] == BASELINE_SENTENCE


@pytest.mark.parametrize(
    ("fields", "light"),
    [
        ({"pending_pods": 0}, "green"),
        ({"pending_pods": 1}, "amber"),
        ({"pending_pods": 0, "unpriced_nodes": 1}, "amber"),
        ({"ready_nodes": 3}, "red"),
    ],
    ids=["all is well", "a pod waits", "a price is not known", "a quarter is not ready"],
)
async def test_the_fleets_light_is_as_bad_as_its_worst_part(spot: House, fields: dict[str, int], light: str) -> None:
    owner, agent = await owner_and_agent(spot)
    await run_fleet(spot, agent, **fields)
    assert (await ask(spot, owner, "/metrics/kpi"))["fleet"]["light"] == light


async def test_nothing_connected_costs_and_saves_nothing(spot: House) -> None:
    owner = await spot.somebody()
    kpi = await ask(spot, owner, "/metrics/kpi")
    assert (kpi["monthly_spend_micro_usd"], kpi["savings_share"], kpi["active_nodes"]) == (0, 0, 0)
    assert (await ask(spot, owner, "/metrics/composition"))["families"] == []
    assert all(month["spend_micro_usd"] == 0 for month in (await ask(spot, owner, "/metrics/projection"))["months"])


async def test_the_projection_is_what_was_spent_and_what_runs_now_and_adds_up(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    await run_fleet(spot, agent, plan_saving_micro_usd_per_h=10, plan_spot_saving_micro_usd_per_h=4)
    past = SavingsHour(
        organization_id=agent.organization_id,
        cluster_id=agent.cluster_id,
        hour=datetime(2025, 11, 3, tzinfo=UTC),
        baseline_micro_usd=100,
        actual_micro_usd=40,
        spot_node_minutes=0,
        on_demand_node_minutes=60,
        spot_saving_micro_usd=70,
    )
    async with spot.database.platform() as tx:
        await tx.insights.add_savings([past])
    await spot.clock.advance(36)
    months = (await ask(spot, owner, "/metrics/projection", back=2, ahead=1))["months"]
    assert [(month["month"], month["kind"]) for month in months] == [
        ("2025-11-01", "past"),
        ("2025-12-01", "past"),
        ("2026-01-01", "running"),
        ("2026-02-01", "ahead"),
    ]
    november, december, january, february = months
    assert (november["spot_saving_micro_usd"], november["packing_saving_micro_usd"]) == (70, -10)
    assert december["baseline_micro_usd"] == 0
    assert january["spend_micro_usd"] == pytest.approx(186_000 * MONTH_H, abs=2)
    assert february["spot_saving_micro_usd"] == (384_000 - 186_000 - 80_000) * MONTH_H
    assert (february["plan_spot_saving_micro_usd"], february["plan_packing_saving_micro_usd"]) == (2_920, 4_380)
    for month in months:
        parts = ("spend_micro_usd", "spot_saving_micro_usd", "packing_saving_micro_usd")
        assert month["baseline_micro_usd"] == sum(month[part] for part in parts)


async def test_the_composition_tells_families_capacity_types_and_zones_by_cost(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    await run_fleet(spot, agent)
    parts = await ask(spot, owner, "/metrics/composition")
    assert [(one["name"], one["nodes"]) for one in parts["capacity_types"]] == [("on-demand", 1), ("spot", 3)]
    assert parts["capacity_types"][0]["share"] == pytest.approx(96 / 186)
    assert [one["name"] for one in parts["families"]] == ["m5"]
    assert [one["name"] for one in parts["zones"]] == ["use1-az1"]


async def test_answers_are_kept_for_their_organisation_alone_and_made_anew_when_dropped(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    stranger = await spot.somebody()
    assert (await ask(spot, owner, "/metrics/kpi"))["active_nodes"] == 0
    await run_fleet(spot, agent)
    assert (await ask(spot, owner, "/metrics/kpi"))["active_nodes"] == 0
    await spot.hub.answers.drop(str(owner.home))
    assert (await ask(spot, owner, "/metrics/kpi"))["active_nodes"] == 4
    assert (await ask(spot, stranger, "/metrics/kpi"))["active_nodes"] == 0


async def test_the_whole_table_is_kept_and_searches_are_asked_anew(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    for params in ({}, {"q": "web"}):
        assert (await ask(spot, owner, "/clusters", **params))["items"][0]["fleet"] is None
    await run_fleet(spot, agent)
    assert (await ask(spot, owner, "/clusters"))["items"][0]["fleet"] is None
    assert (await ask(spot, owner, "/clusters", q="web"))["items"][0]["fleet"]["nodes"] == 4


async def test_cards_are_there_without_redis(spot: House, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, agent = await owner_and_agent(spot)
    await run_fleet(spot, agent)

    async def away(*_: object, **__: object) -> None:
        raise TransientError("redis is away")

    for name in ("get", "put", "drop"):
        monkeypatch.setattr(MemoryAnswers, name, away)
    for _ in range(2):
        assert (await ask(spot, owner, "/metrics/kpi"))["active_nodes"] == 4


async def test_the_table_has_figures_and_plan_and_is_made_anew_when_a_cluster_is_connected(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    await run_fleet(spot, agent)
    await stored_plan(spot, agent)
    (row,) = (await ask(spot, owner, "/clusters"))["items"]
    assert (row["name"], row["mode"], row["fleet"]["saving_micro_usd_per_h"]) == ("web-shop", "recommend", 214_000)
    assert (row["plan"]["generation"], row["plan"]["saving_micro_usd_per_h"]) == (1, 1_000_000)
    await spot.agent(owner, name="batch")
    assert (await ask(spot, owner, "/clusters"))["total"] == 2


async def test_the_table_is_filtered_sorted_and_paged(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    await run_fleet(spot, agent)
    for name in ("batch", "batch-2", "ml"):
        await spot.agent(owner, name=name)
    first = await ask(spot, owner, "/clusters", sort="cost", order="desc", limit=3)
    assert (first["items"][0]["name"], first["total"]) == ("web-shop", 4)
    second = await ask(spot, owner, "/clusters", sort="cost", order="desc", limit=3, cursor=first["next"])
    assert (len(second["items"]), second["next"]) == (1, None)
    found = await ask(spot, owner, "/clusters", q="BATCH", sort="name", order="asc", status=["pending", "active"])
    assert [row["name"] for row in found["items"]] == ["batch", "batch-2"]
    assert (await ask(spot, owner, "/clusters", mode="automatic"))["items"] == []


async def test_admins_see_sums_over_all_tenants_and_tenants_do_not(spot: House) -> None:
    for _ in range(2):
        _, agent = await owner_and_agent(spot)
        await run_fleet(spot, agent)
    owner, admin = await spot.somebody(), await spot.somebody(None)
    stats = await ask(spot, admin, "/admin/stats")
    assert (stats["organizations"], stats["clusters_active"], stats["nodes"]) == (3, 2, 8)
    assert (await spot.http.get("/api/admin/stats", headers=owner.headers)).status_code == 403
    clients = (await ask(spot, admin, "/admin/clients"))["items"]
    assert sorted((one["clusters"], one["nodes"]) for one in clients) == [(0, 0), (1, 4), (1, 4)]
    assert (await spot.http.get("/api/admin/clients", headers=owner.headers)).status_code == 403


@pytest.mark.parametrize("params", [{"cursor": "bm8="}, {"cursor": "!"}, {"q": "a\x00"}, {"sort": "luck"}], ids=str)
async def test_what_a_table_cannot_be_asked_is_refused(spot: House, params: dict[str, str]) -> None:
    owner = await spot.somebody()
    answer = await spot.http.get("/api/clusters", headers=owner.headers, params=params)
    assert answer.status_code == 422


async def test_what_happened_is_told_in_sentences_and_pages(spot: House) -> None:
    owner, agent = await owner_and_agent(spot)
    await stored_plan(spot, agent)
    await spot.clock.advance(60)
    async with spot.database.tenant(agent.organization_id) as tx:
        now = spot.clock.now()
        await tx.plans.set_status(agent.cluster_id, 1, status=PlanStatus.REJECTED, reason="by Ada", now=now)
    first = await ask(spot, owner, "/activity/live", limit=1)
    second = await ask(spot, owner, "/activity/live", limit=1, cursor=first["next"])
    (ended,), (made,) = first["items"], second["items"]
    assert (ended["text"], ended["reason"], ended["cluster_name"]) == ("Plan 1 was discarded", "by Ada", "web-shop")
    assert (made["text"], second["next"]) == ("Plan 1 was made", None)
    assert made["saving_micro_usd_per_h"] is None
    stranger = await spot.somebody()
    assert (await ask(spot, stranger, "/activity/live"))["items"] == []


@pytest.mark.parametrize(
    ("kind", "what", "status", "said"),
    [
        (ActivityKind.EVENT, "spot_interruption_warning", "done", "AWS takes n1"),
        (ActivityKind.EVENT, "unheard_of", "done", "unheard of: n1"),
        (ActivityKind.ACTION, "drain_node", "completed", "Empty n1"),
        (ActivityKind.ACTION, "drain_node", "expired", "Empty n1: expired"),
        (ActivityKind.AWS, "launch", "failed", "Launch n1: failed"),
        (ActivityKind.FLAG, "pool_flagged", "flagged", "Everybody avoids n1: AWS takes nodes there"),
        (ActivityKind.PLAN_MADE, "awaiting_approval", "awaiting_approval", "Plan 7 awaits approval"),
        (ActivityKind.PLAN_MADE, "no_change", "no_change", "Plan 7 changes nothing"),
        (ActivityKind.PLAN_ENDED, "dry_run", "dry_run", "Plan 7 was tried without changing anything"),
        (ActivityKind.PLAN_APPROVED, "accepted", "accepted", "Plan 7 is carried out"),
    ],
    ids=str,
)
def test_each_kind_has_a_sentence(kind: ActivityKind, what: str, status: str, said: str) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    one = Activity(id=UUID(int=1), at=at, kind=kind, what=what, subject="n1", status=status, generation=7)
    assert sentence(one) == said
