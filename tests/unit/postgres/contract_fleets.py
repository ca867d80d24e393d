"""What any database must do with what clusters run and cost, and what people look at."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from adapters.postgres.ports import Database
from domain.commands import PlanStatus
from domain.fleet import Cluster, ClusterStatus, Heartbeat, PolicySection
from domain.insight import SavingsHour
from domain.market import CapacityType, Pool
from domain.overview import Activity, ActivityKind, ClusterQuery, ClusterSort, Spent
from domain.paging import PageRequest
from domain.spend import Baseline, ClusterFleet, NodeGroup
from domain.work import PoolFlag, StoredSnapshot
from tests.unit.postgres.builders import (
    NOW,
    add_cluster,
    add_organization,
    after,
    make_action,
    make_event,
    make_plan,
)

HOUR = timedelta(hours=1)
TOMORROW, AN_HOUR_AGO = after(86_400), after(-3_600)
SPOT = NodeGroup(
    instance_type="m5.large",
    zone_id="use1-az1",
    capacity_type=CapacityType.SPOT,
    nodes=3,
    cost_micro_usd_per_h=90_000,
    on_demand_micro_usd_per_h=288_000,
)
ON_DEMAND = replace(
    SPOT, capacity_type=CapacityType.ON_DEMAND, nodes=1, cost_micro_usd_per_h=96_000, on_demand_micro_usd_per_h=96_000
)


def make_fleet(cluster: Cluster, **fields: Any) -> ClusterFleet:
    defaults: dict[str, Any] = {
        "cluster_id": cluster.id,
        "organization_id": cluster.organization_id,
        "observed_at": NOW,
        "figured_at": NOW,
        "snapshot_hash": "a",
        "nodes": 4,
        "spot_nodes": 3,
        "ready_nodes": 4,
        "unpriced_nodes": 0,
        "pods": 40,
        "pending_pods": 1,
        "workload_mcpu": 8_000,
        "cost_micro_usd_per_h": 186_000,
        "on_demand_micro_usd_per_h": 384_000,
        "baseline_micro_usd_per_h": 400_000,
        "baseline_on_demand_micro_usd_per_h": 480_000,
        "groups": (SPOT, ON_DEMAND),
    }
    return ClusterFleet(**(defaults | fields))


def make_snapshot(cluster: Cluster, content: str = "a", at: datetime = NOW) -> StoredSnapshot:
    return StoredSnapshot(
        cluster_id=cluster.id,
        organization_id=cluster.organization_id,
        body=b"packed",
        hash=content,
        observed_at=at,
        stored_at=at,
    )


async def put_fleet(database: Database, fleet: ClusterFleet, *, heard_at: datetime = TOMORROW) -> None:
    """Figures with their rates, of a cluster that is heard of."""
    beat = Heartbeat(cluster_id=fleet.cluster_id, organization_id=fleet.organization_id, at=heard_at)
    async with database.platform() as tx:
        await tx.fleets.put(fleet)
        await tx.fleets.add_rates(fleet)
        await tx.clusters.beat([beat])


async def due_ids(database: Database, before: datetime = AN_HOUR_AGO) -> list[object]:
    async with database.platform() as tx:
        return [due.cluster_id for due in await tx.fleets.due(before=before, most=10)]


async def test_a_cluster_is_due_while_its_figures_lack_its_snapshot_or_its_plan(database: Database) -> None:
    cluster = await add_cluster(database)
    assert await due_ids(database) == []
    async with database.platform() as tx:
        await tx.snapshots.put(make_snapshot(cluster))
    assert await due_ids(database) == [cluster.id]
    await put_fleet(database, make_fleet(cluster))
    assert await due_ids(database) == []
    async with database.tenant(cluster.organization_id) as tx:
        await tx.plans.insert(make_plan(cluster, 1))
    assert await due_ids(database) == [cluster.id]
    await put_fleet(database, make_fleet(cluster, plan_mark="1 recommended", figured_at=after(1)))
    assert await due_ids(database) == []
    async with database.platform() as tx:
        await tx.snapshots.put(make_snapshot(cluster, "b", after(2)))
    assert await due_ids(database) == [cluster.id]
    await put_fleet(database, make_fleet(cluster, plan_mark="1 recommended", snapshot_hash="b", figured_at=after(3)))
    assert await due_ids(database, before=after(4)) == [cluster.id]


async def test_those_without_figures_are_due_first_and_disconnected_ones_never(database: Database) -> None:
    old, fresh, gone = [await add_cluster(database) for _ in range(3)]
    for cluster in (old, fresh, gone):
        async with database.platform() as tx:
            await tx.snapshots.put(make_snapshot(cluster, "b"))
    await put_fleet(database, make_fleet(old))
    async with database.tenant(gone.organization_id) as tx:
        await tx.clusters.set_status(gone.id, ClusterStatus.DISCONNECTED, after(1))
    assert await due_ids(database) == [fresh.id, old.id]


async def test_figures_are_kept_and_older_ones_do_not_replace_them(database: Database) -> None:
    cluster = await add_cluster(database)
    fleet = make_fleet(cluster)
    await put_fleet(database, fleet)
    await put_fleet(database, make_fleet(cluster, nodes=9, figured_at=after(-1)))
    async with database.tenant(cluster.organization_id) as tx:
        assert await tx.fleets.get(cluster.id) == fleet
    stranger = await add_organization(database)
    async with database.tenant(stranger.id) as tx:
        assert await tx.fleets.get(cluster.id) is None


async def test_a_baseline_is_set_once(database: Database) -> None:
    cluster = await add_cluster(database)
    first = Baseline(
        cluster_id=cluster.id,
        organization_id=cluster.organization_id,
        set_at=NOW,
        groups=(SPOT, ON_DEMAND),
        workload_mcpu=8_000,
    )
    async with database.platform() as tx:
        assert await tx.fleets.baseline(cluster.id) is None
        assert await tx.fleets.set_baseline(first)
        assert not await tx.fleets.set_baseline(replace(first, workload_mcpu=1))
        assert await tx.fleets.baseline(cluster.id) == first


async def test_the_nodes_of_a_plan_are_counted_while_it_is_open(database: Database) -> None:
    cluster = await add_cluster(database)
    node = {"instance_type": "m5.large", "zone_id": "use1-az1", "capacity_type": "spot"}
    plan = make_plan(cluster, 1, body={"nodes": [node, node, node | {"capacity_type": "on-demand"}]})
    async with database.tenant(cluster.organization_id) as tx:
        await tx.plans.insert(plan)
        planned = await tx.fleets.planned(plan.id)
        await tx.plans.set_status(cluster.id, 1, status=PlanStatus.DONE, reason="", now=after(9))
        done = await tx.fleets.planned(plan.id)
    assert [(group.capacity_type, group.nodes) for group in planned] == [("on-demand", 1), ("spot", 2)]
    assert done == ()


async def test_an_hour_is_made_of_the_rates_that_held_in_it(database: Database) -> None:
    cluster = await add_cluster(database)
    await put_fleet(database, make_fleet(cluster, figured_at=after(-7_200)))
    dearer = make_fleet(cluster, cost_micro_usd_per_h=386_000, spot_nodes=0, figured_at=after(1_800))
    await put_fleet(database, dearer)
    async with database.platform() as tx:
        assert await tx.fleets.fill_hour(NOW) == 1
        assert await tx.fleets.fill_hour(NOW) == 1
        hours = await tx.insights.savings(cluster.organization_id, since=NOW, until=after(3_600))
    assert hours == (
        SavingsHour(
            organization_id=cluster.organization_id,
            cluster_id=cluster.id,
            hour=NOW,
            baseline_micro_usd=400_000,
            actual_micro_usd=286_000,
            spot_node_minutes=90,
            on_demand_node_minutes=150,
            spot_saving_micro_usd=(384_000 - 286_000) - 80_000,
        ),
    )


async def test_an_hour_ends_five_minutes_after_the_last_heartbeat(database: Database) -> None:
    cluster = await add_cluster(database)
    await put_fleet(database, make_fleet(cluster), heard_at=after(600))
    async with database.platform() as tx:
        await tx.fleets.fill_hour(NOW)
        assert await tx.fleets.fill_hour(NOW + HOUR) == 0
        (hour,) = await tx.insights.savings(cluster.organization_id, since=NOW, until=after(7_200))
    assert hour.actual_micro_usd == 186_000 // 4


async def test_the_rate_that_holds_outlives_pruning(database: Database) -> None:
    cluster = await add_cluster(database)
    for hours in range(4):
        await put_fleet(database, make_fleet(cluster, figured_at=NOW + hours * HOUR))
    async with database.platform() as tx:
        assert await tx.fleets.prune(NOW + 2 * HOUR) == 1
        assert await tx.fleets.prune(NOW + 9 * HOUR) == 2
        assert await tx.fleets.fill_hour(NOW + 9 * HOUR) == 1


async def test_the_table_shows_figures_and_last_plan_of_each_cluster(database: Database) -> None:
    organization = await add_organization(database)
    cluster = await add_cluster(database, organization)
    await put_fleet(database, make_fleet(cluster))
    async with database.tenant(organization.id) as tx:
        await tx.plans.insert(make_plan(cluster, 1))
        await tx.plans.insert(make_plan(cluster, 2))
        await tx.policies.set_section(cluster.id, PolicySection.STRATEGY, {"mode": "approve"}, now=NOW)
        table = await tx.overviews.table(organization.id, ClusterQuery())
    (row,) = table.rows
    assert (table.total, row.id, row.mode, row.last_heartbeat_at) == (1, cluster.id, "approve", after(86_400))
    assert row.fleet is not None
    assert (row.fleet.spot_share, row.fleet.saving_micro_usd_per_h) == (0.75, 214_000)
    assert row.plan is not None
    assert (row.plan.generation, row.plan.saving_micro_usd_per_h) == (2, 1_000_000)


@pytest.mark.parametrize("sort", list(ClusterSort), ids=str)
@pytest.mark.parametrize("descending", [True, False], ids=["descending", "ascending"])
async def test_the_table_is_sorted_with_what_is_not_known_last(
    database: Database, sort: ClusterSort, *, descending: bool
) -> None:
    organization = await add_organization(database)
    regions = ("eu-west-1", "us-east-1", "us-west-2")
    small, large, empty = [
        await add_cluster(database, organization, name=name, region=region, created_at=after(n))
        for n, (name, region) in enumerate(zip(("alpha", "Beta", "gamma"), regions, strict=True))
    ]
    await put_fleet(database, make_fleet(small), heard_at=after(1))
    more = {"nodes": 8, "spot_nodes": 8, "pods": 80, "cost_micro_usd_per_h": 200_000}
    await put_fleet(database, make_fleet(large, **more, baseline_micro_usd_per_h=900_000), heard_at=after(2))
    async with database.tenant(organization.id) as tx:
        await tx.clusters.set_status(empty.id, ClusterStatus.SILENT, NOW)
        table = await tx.overviews.table(organization.id, ClusterQuery(sort=sort, descending=descending))
    shown = [row.name for row in table.rows]
    if sort is ClusterSort.STATUS:
        assert shown == (["gamma", "Beta", "alpha"] if descending else ["Beta", "alpha", "gamma"])
    elif sort in (ClusterSort.NAME, ClusterSort.REGION, ClusterSort.CREATED):
        assert shown == (["gamma", "Beta", "alpha"] if descending else ["alpha", "Beta", "gamma"])
    else:
        assert shown == (["Beta", "alpha", "gamma"] if descending else ["alpha", "Beta", "gamma"])


async def test_the_table_is_filtered_and_paged_and_says_how_many_there_are(database: Database) -> None:
    organization = await add_organization(database)
    for n in range(5):
        await add_cluster(database, organization, name=f"Shop-{n}", created_at=after(n))
    await add_cluster(database, organization, name="batch", region="eu-west-1")
    await add_cluster(database, name="Shop-of-others")
    query = ClusterQuery(words="shop", regions=("us-east-1",), statuses=(ClusterStatus.ACTIVE,), limit=2)
    async with database.tenant(organization.id) as tx:
        pages = [await tx.overviews.table(organization.id, replace(query, skip=skip)) for skip in (0, 2, 4, 6)]
        none = await tx.overviews.table(organization.id, replace(query, modes=("automatic",)))
    assert [[row.name for row in page.rows] for page in pages] == [
        ["Shop-4", "Shop-3"],
        ["Shop-2", "Shop-1"],
        ["Shop-0"],
        [],
    ]
    assert [page.total for page in pages] == [5, 5, 5, 5]
    assert (none.rows, none.total) == ((), 0)


async def test_totals_and_groups_add_up_and_leave_disconnected_clusters_out(database: Database) -> None:
    organization = await add_organization(database)
    first, second, gone = [await add_cluster(database, organization) for _ in range(3)]
    await put_fleet(database, make_fleet(first, plan_saving_micro_usd_per_h=5, plan_spot_saving_micro_usd_per_h=3))
    for cluster in (second, gone):
        await put_fleet(database, make_fleet(cluster))
    await put_fleet(database, make_fleet(await add_cluster(database)))
    async with database.tenant(organization.id) as tx:
        await tx.clusters.set_status(gone.id, ClusterStatus.DISCONNECTED, NOW)
        totals = await tx.overviews.totals(organization.id)
        groups = await tx.overviews.groups(organization.id)
    assert totals.clusters == {ClusterStatus.ACTIVE: 2, ClusterStatus.DISCONNECTED: 1}
    assert (totals.nodes, totals.spot_nodes, totals.cost_micro_usd_per_h, totals.open_plans) == (8, 6, 372_000, 1)
    assert (totals.plan_saving_micro_usd_per_h, totals.plan_spot_saving_micro_usd_per_h) == (5, 3)
    assert groups == (
        replace(ON_DEMAND, nodes=2, cost_micro_usd_per_h=192_000, on_demand_micro_usd_per_h=192_000),
        replace(SPOT, nodes=6, cost_micro_usd_per_h=180_000, on_demand_micro_usd_per_h=576_000),
    )


async def test_months_add_up_the_hours_that_are_over(database: Database) -> None:
    cluster = await add_cluster(database)

    def hour(at: datetime) -> SavingsHour:
        return SavingsHour(
            organization_id=cluster.organization_id,
            cluster_id=cluster.id,
            hour=at,
            baseline_micro_usd=10,
            actual_micro_usd=4,
            spot_node_minutes=60,
            on_demand_node_minutes=0,
            spot_saving_micro_usd=5,
        )

    async with database.platform() as tx:
        await tx.insights.add_savings([hour(NOW - timedelta(days=n)) for n in (0, 1, 2, 70)])
    async with database.tenant(cluster.organization_id) as tx:
        months = await tx.overviews.months(cluster.organization_id, since=date(2026, 5, 17), until=NOW)
    assert [(one.month, one.spent.saving_micro_usd, one.spent.spot_saving_micro_usd) for one in months] == [
        (date(2026, 5, 1), 12, 10)
    ]


async def test_the_hour_that_runs_is_counted_by_its_rates(database: Database) -> None:
    cluster = await add_cluster(database)
    await put_fleet(database, make_fleet(cluster, figured_at=after(-60)))
    await put_fleet(database, make_fleet(await add_cluster(database), figured_at=after(-60)))
    async with database.tenant(cluster.organization_id) as tx:
        spent = await tx.overviews.running(cluster.organization_id, hour=NOW, now=after(900))
    assert spent == Spent(actual_micro_usd=46_500, baseline_micro_usd=100_000, spot_saving_micro_usd=29_500)


async def test_what_happened_is_told_newest_first_in_pages_and_only_to_its_tenant(database: Database) -> None:
    organization = await add_organization(database)
    cluster = await add_cluster(database, organization, name="shop")
    plan = make_plan(cluster, 1)
    flag = PoolFlag(
        pool=Pool(region="us-east-1", zone_id="use1-az1", instance_type="c5.large"),
        flagged_at=after(40),
        until=after(900),
    )
    far = replace(flag, pool=replace(flag.pool, region="eu-west-1", zone_id="euw1-az1"))
    async with database.platform() as tx:
        await tx.pools.flag([flag, far])
        await tx.inbox.accept(
            [
                make_event(
                    cluster,
                    "e",
                    event_type="spot_interruption_warning",
                    accepted_at=after(50),
                    body={"instance_id": "i-1", "instance_type": "m5.large", "availability_zone": "us-east-1a"},
                )
            ]
        )
    async with database.tenant(organization.id) as tx:
        await tx.plans.insert(plan)
        await tx.plans.accept(cluster.id, 1, reason="", now=after(10))
        await tx.actions.queue([make_action(cluster, created_at=after(20), reason="empty", plan_generation=1)])
        await tx.plans.set_status(cluster.id, 1, status=PlanStatus.DONE, reason="all done", now=after(30))
    told: list[Activity] = []
    request = PageRequest(limit=2)
    async with database.tenant(organization.id) as tx:
        while True:
            page = await tx.overviews.activity(organization.id, request)
            told += page.items
            if page.next is None:
                break
            request = PageRequest(limit=2, after=page.next)
    assert [(one.kind, one.what, one.subject, one.reason) for one in told] == [
        (ActivityKind.EVENT, "spot_interruption_warning", "i-1", "m5.large in us-east-1a"),
        (ActivityKind.FLAG, "pool_flagged", "c5.large in use1-az1", ""),
        (ActivityKind.PLAN_ENDED, "done", "", "all done"),
        (ActivityKind.ACTION, "cordon_node", "node-1", "empty"),
        (ActivityKind.PLAN_APPROVED, "done", "", "all done"),
        (ActivityKind.PLAN_MADE, "done", "", "all done"),
    ]
    assert {one.cluster_name for one in told} == {"shop", ""}
    stranger = await add_cluster(database, region="ap-south-1")
    async with database.tenant(stranger.organization_id) as tx:
        assert (await tx.overviews.activity(stranger.organization_id, PageRequest())).items == ()


async def test_clients_are_listed_newest_first_with_how_much_each_runs(database: Database) -> None:
    older = await add_organization(database, name="Older")
    newer = await add_organization(database, name="Newer", created_at=after(5))
    for _ in range(2):
        await put_fleet(database, make_fleet(await add_cluster(database, older)))
    async with database.platform() as tx:
        first = await tx.overviews.clients(PageRequest(limit=1))
        second = await tx.overviews.clients(PageRequest(limit=1, after=first.next))
    (new,), (old,) = first.items, second.items
    assert (new.id, new.users, new.clusters, new.nodes, new.cost_micro_usd_per_h) == (newer.id, 1, 0, 0, 0)
    assert (old.name, old.users, old.clusters, old.nodes) == ("Older", 1, 2, 8)
    assert (old.cost_micro_usd_per_h, old.baseline_micro_usd_per_h, second.next) == (372_000, 800_000, None)


async def test_the_platform_is_counted_over_all_tenants(database: Database) -> None:
    clusters = [await add_cluster(database) for _ in range(2)]
    for cluster in clusters:
        await put_fleet(database, make_fleet(cluster))
    async with database.platform() as tx:
        counted = await tx.overviews.platform(NOW)
    assert (counted["organizations"], counted["clusters_active"], counted["nodes"]) == (2, 2, 8)
    assert counted["cost_micro_usd_per_h"] == 372_000
