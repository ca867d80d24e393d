"""Figures follow snapshots, plans and prices; hours follow figures; answers that are out of date are dropped."""

from datetime import timedelta
from uuid import UUID

import orjson
import pytest

from actors.insight.fleets import REPRICED_AFTER, FleetKeeper
from adapters.redis.keys import cluster_events
from domain.commands import PlanStatus
from domain.fleet import Heartbeat
from domain.spend import ClusterFleet
from domain.work import StoredSnapshot
from tests.unit.insight.objects import Object, node, packed, pod
from tests.unit.platform_world import CLUSTER, ORGANIZATION, World
from tests.unit.postgres.builders import make_cluster, make_plan

FIVE_PODS = [pod(f"p{n}", on="a") for n in range(5)]


async def take_snapshot(world: World, *objects: Object, cluster_id: UUID = CLUSTER) -> None:
    now, body = world.clock.now(), packed(*objects)
    snapshot = StoredSnapshot(
        cluster_id=cluster_id,
        organization_id=ORGANIZATION,
        body=body,
        hash=str(hash(body)),
        observed_at=now,
        stored_at=now,
    )
    async with world.services.database.platform() as tx:
        await tx.snapshots.put(snapshot)
        await tx.clusters.beat([Heartbeat(cluster_id=CLUSTER, organization_id=ORGANIZATION, at=now)])


async def put_price(world: World, micro_usd_per_h: int) -> None:
    prices = {name: {"use1-az1": micro_usd_per_h} for name in ("m5.large", "m5.xlarge")}
    await world.services.hub.prices.put("us-east-1", prices, ttl_s=86_400)


async def figured(world: World) -> ClusterFleet:
    await FleetKeeper(world.services).figure(world.clock.now())
    async with world.services.database.tenant(ORGANIZATION) as tx:
        fleet = await tx.fleets.get(CLUSTER)
    assert fleet is not None
    return fleet


async def test_the_first_nodes_are_the_baseline_and_nothing_is_saved_yet(world: World) -> None:
    await take_snapshot(world, node("a"), node("b", spot=False), *FIVE_PODS)
    fleet = await figured(world)
    assert (fleet.nodes, fleet.spot_nodes, fleet.pods) == (2, 1, 5)
    assert fleet.cost_micro_usd_per_h > 0
    assert (fleet.rates.saving_micro_usd_per_h, fleet.rates.spot_saving_micro_usd_per_h) == (0, 0)


async def test_a_baseline_of_no_nodes_is_not_one(world: World) -> None:
    await take_snapshot(world, *[pod("p0")])
    assert (await figured(world)).baseline_micro_usd_per_h == 0
    await world.clock.advance(60)
    await take_snapshot(world, node("a", spot=False), pod("p0"))
    assert (await figured(world)).baseline_micro_usd_per_h > 0


async def test_a_saving_comes_apart_into_spot_and_packing(world: World) -> None:
    await put_price(world, 30_000)
    await take_snapshot(world, *[node(name, spot=False) for name in "abcd"], *FIVE_PODS)
    before = await figured(world)
    on_demand = before.cost_micro_usd_per_h // 4
    await world.clock.advance(60)
    await take_snapshot(world, *[node(name) for name in "ab"], *FIVE_PODS)
    rates = (await figured(world)).rates
    assert rates.baseline_micro_usd_per_h == 4 * on_demand
    assert rates.saving_micro_usd_per_h == 4 * on_demand - 60_000
    assert rates.spot_saving_micro_usd_per_h == 2 * on_demand - 60_000


async def test_the_baseline_follows_the_workload_and_todays_prices(world: World) -> None:
    await put_price(world, 30_000)
    await take_snapshot(world, node("a"), *FIVE_PODS)
    assert (await figured(world)).baseline_micro_usd_per_h == 30_000
    await world.clock.advance(60)
    await put_price(world, 20_000)
    await take_snapshot(world, node("a"), *FIVE_PODS, *[pod(f"q{n}") for n in range(5)])
    fleet = await figured(world)
    assert (fleet.baseline_micro_usd_per_h, fleet.cost_micro_usd_per_h, fleet.pending_pods) == (40_000, 20_000, 5)


async def test_without_requests_the_baseline_stays_as_it_was(world: World) -> None:
    await take_snapshot(world, node("a"), node("b"), pod("p", on="a", requests={}))
    first = await figured(world)
    await world.clock.advance(60)
    await take_snapshot(world, node("a"), pod("p", on="a", requests={}))
    assert (await figured(world)).baseline_micro_usd_per_h == first.baseline_micro_usd_per_h


async def test_an_open_plan_tells_what_it_would_save_until_it_is_done(world: World) -> None:
    await put_price(world, 30_000)
    await take_snapshot(world, node("a", spot=False), node("b", spot=False), *FIVE_PODS)
    before = await figured(world)
    on_demand = before.cost_micro_usd_per_h // 2
    planned = {"instance_type": "m5.large", "zone_id": "use1-az1", "capacity_type": "spot"}
    plan = make_plan(make_cluster(ORGANIZATION, id=CLUSTER), 1, body={"nodes": [planned]})
    async with world.services.database.tenant(ORGANIZATION) as tx:
        await tx.plans.insert(plan)
    fleet = await figured(world)
    assert fleet.plan_saving_micro_usd_per_h == 2 * on_demand - 30_000
    assert fleet.plan_spot_saving_micro_usd_per_h == on_demand - 30_000
    async with world.services.database.tenant(ORGANIZATION) as tx:
        await tx.plans.set_status(CLUSTER, 1, status=PlanStatus.REJECTED, reason="", now=world.clock.now())
    assert (await figured(world)).plan_saving_micro_usd_per_h == 0


async def test_prices_are_read_anew_after_half_an_hour(world: World) -> None:
    await put_price(world, 30_000)
    await take_snapshot(world, node("a"), *FIVE_PODS)
    await figured(world)
    await put_price(world, 33_000)
    await world.clock.advance(60)
    assert (await figured(world)).cost_micro_usd_per_h == 30_000
    await world.clock.advance(REPRICED_AFTER.total_seconds())
    assert (await figured(world)).cost_micro_usd_per_h == 33_000


async def test_an_hour_is_closed_with_what_each_minute_of_it_cost(world: World) -> None:
    await put_price(world, 30_000)
    keeper = FleetKeeper(world.services)
    await take_snapshot(world, node("a"), node("b"), *FIVE_PODS)
    await keeper.figure(world.clock.now())
    await world.clock.advance(1_800)
    await take_snapshot(world, node("a"), *FIVE_PODS)
    await keeper.figure(world.clock.now())
    await world.clock.advance(1_800)
    await take_snapshot(world, node("a"), *FIVE_PODS)
    now = world.clock.now()
    for _ in range(2):
        assert await keeper.close_hour(now) == "savings of 1 clusters"
    async with world.services.database.tenant(ORGANIZATION) as tx:
        (hour,) = await tx.insights.savings(ORGANIZATION, since=now - timedelta(hours=1), until=now)
    assert (hour.actual_micro_usd, hour.baseline_micro_usd, hour.spot_node_minutes) == (45_000, 60_000, 90)


@pytest.mark.parametrize("changes", [True, False], ids=["another composition", "the same figures"])
async def test_answers_are_dropped_when_and_only_when_something_can_be_seen(world: World, *, changes: bool) -> None:
    answers = world.services.hub.answers
    await put_price(world, 30_000)
    await take_snapshot(world, node("a"), *FIVE_PODS)
    await figured(world)
    before = (await answers.get(str(ORGANIZATION), "kpi")).stamp
    await world.clock.advance(60)
    renamed = node("b")
    await take_snapshot(world, renamed, *([node("c")] if changes else []), *FIVE_PODS)
    async with world.services.hub.bus.subscribe(cluster_events(str(CLUSTER))) as pages:
        await figured(world)
        await world.services.hub.bus.publish(cluster_events(str(CLUSTER)), b"{}")
        told = orjson.loads((await anext(pages)).body)
    assert (told.get("topic") == "figures_changed") is changes
    assert ((await answers.get(str(ORGANIZATION), "kpi")).stamp != before) is changes


async def test_a_snapshot_that_cannot_be_read_holds_nobody_up(world: World) -> None:
    other = make_cluster(ORGANIZATION)
    async with world.services.database.platform() as tx:
        await tx.clusters.create(other)
        damaged = StoredSnapshot(
            cluster_id=other.id,
            organization_id=ORGANIZATION,
            body=b"nonsense",
            hash="x",
            observed_at=world.clock.now(),
            stored_at=world.clock.now(),
        )
        await tx.snapshots.put(damaged)
    await take_snapshot(world, node("a"), *FIVE_PODS)
    assert await FleetKeeper(world.services).figure(world.clock.now()) == "reckoned 1 clusters, 1 left"
