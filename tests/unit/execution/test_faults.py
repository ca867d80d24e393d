"""What goes wrong outside while a plan is carried out."""

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from actors.execution.backoff import PoolBackoff
from actors.execution.ports import Ruling, Where
from actors.execution.sweep import sweep
from adapters.postgres.ports import Transaction
from domain.audit import AuditQuery
from domain.commands import EvidenceKind
from domain.errors import RejectedError, TransientError
from domain.market import CapacityType
from domain.paging import PageRequest
from domain.saga import InstanceState, LaunchFailure, SagaSpec, SagaStatus, StepKind, StepStatus, StoredSaga
from tests.unit.execution.world import (
    POOLS,
    Instance,
    Outside,
    Service,
    World,
    launches_by_pool,
    make_order,
    make_service,
    make_spec,
    make_world,
    replacing,
    steps_of,
)

SPOT, ON_DEMAND = CapacityType.SPOT, CapacityType.ON_DEMAND


async def run(world: World, spec: SagaSpec, service: Service | None = None) -> StoredSaga:
    service = service or make_service(world)
    await service.runner.start(spec)
    ended = await service.until_ended(spec.id)
    await service.runner.close()
    assert ended is not None
    return ended


def no_spot(world: World, why: LaunchFailure = LaunchFailure.CAPACITY) -> None:
    world.no_room |= {(pool, SPOT): why for pool in POOLS}


async def test_throttling_is_waited_for() -> None:
    world = await make_world()
    world.throttled = 7
    assert (await run(world, replacing(world, "a"))).status is SagaStatus.DONE
    assert world.launched_ever() == 1


async def test_answers_that_are_lost_lead_to_nothing_twice() -> None:
    world = await make_world()
    spec = replacing(world, "a")
    world.instances["i-a"].asg = "workers"
    world.groups["workers"] = (0, 3)
    spec = replace(spec, removals=(replace(spec.removals[0], asg="workers"),))
    world.lost_answers = 3
    assert (await run(world, spec)).status is SagaStatus.DONE
    assert (world.launched_ever(), world.groups["workers"]) == (1, (0, 2))


async def test_without_spot_capacity_a_node_is_bought_on_demand_and_the_pools_are_told_of() -> None:
    world = await make_world()
    no_spot(world)
    service = make_service(world)
    assert (await run(world, replacing(world, "a"), service)).status is SagaStatus.DONE
    (new,) = world.ours()
    assert world.instances[new].market is ON_DEMAND
    assert {one.pool for one in world.evidence} == set(POOLS)
    assert all(one.kind is EvidenceKind.CAPACITY for one in world.evidence)
    assert service.backoff.resting(world.clock.now()) == {(pool, SPOT) for pool in POOLS}


async def test_a_quota_says_nothing_about_a_pool_and_ends_the_tries_in_its_market() -> None:
    world = await make_world()
    no_spot(world, LaunchFailure.QUOTA)
    service = make_service(world)
    assert (await run(world, replacing(world, "a"), service)).status is SagaStatus.DONE
    assert [call.capacity_type for call in world.launch_calls] == [SPOT, ON_DEMAND]
    assert (world.evidence, service.backoff.resting(world.clock.now())) == ([], frozenset())


async def test_without_any_capacity_nothing_is_touched() -> None:
    world = await make_world()
    no_spot(world)
    world.no_room |= {(pool, ON_DEMAND): LaunchFailure.CAPACITY for pool in POOLS}
    ended = await run(world, replacing(world, "a"))
    assert ended.status is SagaStatus.UNDONE
    assert "capacity" in ended.reason
    assert (world.running(), world.actions) == ({"i-a"}, {})


async def test_a_template_that_cannot_be_launched_from_is_not_tried_again() -> None:
    world = await make_world()
    no_spot(world, LaunchFailure.CONFIG)
    assert (await run(world, replacing(world, "a"))).status is SagaStatus.UNDONE
    assert len(world.launch_calls) == 1


async def test_a_partial_fleet_is_completed_by_another_request() -> None:
    world = await make_world()
    world.most_at_once = 2
    removal = replace(world.add_node("a"), after=("new",))
    spec = make_spec(world, launches=(make_order("new", count=5),), removals=(removal,))
    assert (await run(world, spec)).status is SagaStatus.DONE
    assert len(world.ours()) == 5
    assert [call.count for call in world.launch_calls] == [5, 3, 1]


async def test_a_storm_of_2700_launches_meets_one_bad_pool_a_few_times_only() -> None:
    world = await make_world()
    world.no_room[POOLS[0], SPOT] = LaunchFailure.CAPACITY
    backoff = PoolBackoff()
    calls = 0
    for number in range(2_700):
        now = world.clock.now() + timedelta(seconds=2 * number)
        if not backoff.try_all(POOLS, SPOT, now):
            calls += 1
            backoff.refused(POOLS[0], SPOT, now)
    assert calls <= 8
    backoff.gave(POOLS[0], SPOT)
    assert backoff.try_all(POOLS, SPOT, world.clock.now()) == ()


async def test_sagas_of_one_process_share_what_they_learn_of_pools() -> None:
    world = await make_world()
    world.no_room[POOLS[0], SPOT] = LaunchFailure.CAPACITY
    names = [f"n{n}" for n in range(20)]
    spec = replacing(world, *names, width=4)
    assert (await run(world, spec)).status is SagaStatus.DONE
    assert launches_by_pool(world)[POOLS[0]] <= 4
    assert world.launched_ever() == 20


async def test_a_node_that_never_joins_is_ended_and_nothing_was_touched() -> None:
    world = await make_world()
    world.joins, world.look_every_s = False, 60.0
    ended = await run(world, replacing(world, "a"))
    assert (ended.status, ended.reason) == (SagaStatus.UNDONE, "join new-a: no ready node after 600 s")
    assert (world.running(), world.actions) == ({"i-a"}, {})


async def test_a_new_node_that_is_taken_before_it_joins_is_launched_again() -> None:
    world = await make_world()
    service = make_service(world)
    spec = replacing(world, "a")
    await service.runner.start(spec)
    await world.clock.advance(20)
    world.instances["i-new-1"].state = InstanceState.ENDED
    ended = await service.until_ended(spec.id)
    await service.runner.close()
    assert ended is not None
    assert (ended.status, world.running()) == (SagaStatus.DONE, {"i-new-2"})


async def test_an_agent_that_disappears_in_mid_drain_leaves_a_saga_that_is_undone_when_it_is_back() -> None:
    world = await make_world()
    world.agent_s, world.look_every_s = 50.0, 30.0
    service = make_service(world)
    spec = replacing(world, "a")
    await service.runner.start(spec)
    await world.clock.advance(150)
    assert any(step.kind is StepKind.DRAIN for step in await steps_of(world, spec.id))
    world.agent_alive = False
    await world.clock.advance(3_600)
    world.agent_alive = True
    ended = await service.until_ended(spec.id)
    await service.runner.close()
    assert ended is not None
    assert ended.status is SagaStatus.UNDONE
    assert (world.running(), world.nodes["a"].cordoned) == ({"i-a"}, False)


async def test_an_agent_that_never_comes_back_is_told_with_what_still_runs() -> None:
    world = await make_world()
    world.look_every_s = 120.0
    world.agent_alive = False
    ended = await run(world, replacing(world, "a"))
    assert ended.status is SagaStatus.STOPPED
    assert "uncordon a: Action expired" in ended.reason
    assert "i-new-1 is left running" in ended.reason


async def test_a_drain_that_a_budget_forbids_is_given_up_and_undone() -> None:
    world = await make_world()
    world.drain_fails = True
    ended = await run(world, replacing(world, "a"))
    assert (ended.status, ended.reason) == (SagaStatus.UNDONE, "drain a: a budget forbids it")
    assert (world.running(), world.nodes["a"].cordoned, world.nodes["a"].pods) == ({"i-a"}, False, 3)


@pytest.mark.parametrize("skew", [timedelta(hours=1), timedelta(hours=-1)])
async def test_a_clock_that_jumps_leads_to_nothing_twice(skew: timedelta) -> None:
    world = await make_world()
    service = make_service(world)
    spec = replacing(world, "a")
    await service.runner.start(spec)
    await world.clock.advance(30)
    world.clock._start += skew
    ended = await service.until_ended(spec.id)
    await service.runner.close()
    assert ended is not None
    assert ended.status in (SagaStatus.DONE, SagaStatus.UNDONE)
    assert world.launched_ever() == 1
    assert len(world.running()) == 1


async def test_credentials_that_are_revoked_before_the_launch_stop_it_with_the_reason() -> None:
    world = await make_world()
    world.revoked = True
    ended = await run(world, replacing(world, "a"))
    assert ended.status is SagaStatus.UNDONE
    assert "not authorised" in ended.reason
    assert world.actions == {}


async def test_credentials_that_are_revoked_after_the_launch_are_told_with_what_still_runs() -> None:
    world = await make_world()
    world.joins, world.look_every_s = False, 120.0
    service = make_service(world)
    spec = replacing(world, "a")
    await service.runner.start(spec)
    await world.clock.advance(20)
    world.revoked = True
    ended = await service.until_ended(spec.id, most_s=40_000)
    await service.runner.close()
    assert ended is not None
    assert ended.status is SagaStatus.STOPPED
    assert "i-new-1" in ended.reason


async def test_safe_mode_in_the_middle_holds_everything_and_undoes_it_once_it_is_over() -> None:
    world = await make_world()
    world.agent_s = 20.0
    service = make_service(world)
    spec = replacing(world, "a")
    await service.runner.start(spec)
    await world.clock.advance(80)
    world.ruling = Ruling.STOP
    await world.clock.advance(600)
    queued = len(world.actions)
    await world.clock.advance(600)
    assert (len(world.actions), world.running()) == (queued, {"i-a", "i-new-1"})
    world.ruling = Ruling.GO
    ended = await service.until_ended(spec.id)
    await service.runner.close()
    assert ended is not None
    assert (ended.status, world.running()) == (SagaStatus.UNDONE, {"i-a"})
    assert not world.nodes["a"].cordoned


async def test_a_group_at_its_minimum_keeps_its_node() -> None:
    world = await make_world()
    spec = replacing(world, "a")
    world.groups["workers"] = (1, 1)
    spec = replace(spec, removals=(replace(spec.removals[0], asg="workers"),))
    ended = await run(world, spec)
    assert ended.status is SagaStatus.UNDONE
    assert "minimum" in ended.reason
    assert (world.running(), world.groups["workers"]) == ({"i-a"}, (1, 1))


async def test_a_plan_may_lower_the_minimum_first() -> None:
    world = await make_world()
    spec = replacing(world, "a")
    world.groups["workers"] = (1, 1)
    spec = replace(spec, removals=(replace(spec.removals[0], asg="workers", lower_min_to=0),))
    assert (await run(world, spec)).status is SagaStatus.DONE
    assert world.groups["workers"] == (0, 0)


async def test_a_volume_is_detached_only_after_it_is_unmounted() -> None:
    world = await make_world()
    service = make_service(world)
    spec = replacing(world, "a")
    world.nodes["a"].volumes_in_use = world.nodes["a"].volumes_attached = ("vol-1",)
    await service.runner.start(spec)
    await world.clock.advance(200)
    assert (world.detached, world.instances["i-a"].state) == ([], InstanceState.RUNNING)
    world.nodes["a"].volumes_in_use = ()
    ended = await service.until_ended(spec.id)
    await service.runner.close()
    assert ended is not None
    assert (ended.status, world.detached) == (SagaStatus.DONE, ["vol-1"])


async def test_a_saga_stops_when_less_is_saved_than_was_promised() -> None:
    world = await make_world()
    no_spot(world)
    ended = await run(world, replacing(world, "a", promised_micro_usd_per_h=70_000))
    assert ended.status is SagaStatus.UNDONE
    assert ended.reason == "it would save $0.0000 instead of $0.0700 an hour"
    assert world.running() == {"i-a"}


async def test_what_is_removed_stays_removed_when_a_later_node_fails() -> None:
    world = await make_world()
    service = make_service(world)
    spec = replacing(world, "a", "b", width=1)
    await service.runner.start(spec)
    for _ in range(100):
        if world.instances["i-a"].state is InstanceState.ENDING:
            break
        await world.clock.advance(5)
    world.drain_fails = True
    ended = await service.until_ended(spec.id)
    await service.runner.close()
    assert ended is not None
    assert ended.status is SagaStatus.STOPPED
    assert "removed before: a" in ended.reason
    assert "new nodes that stay: i-new-1" in ended.reason
    assert world.running() == {"i-new-1", "i-b"}
    assert not world.nodes["b"].cordoned


async def test_a_node_that_aws_takes_meanwhile_needs_no_more_of_us() -> None:
    world = await make_world()
    service = make_service(world)
    spec = replacing(world, "a")
    await service.runner.start(spec)
    await world.clock.advance(30)
    world.instances["i-a"].state = InstanceState.ENDED
    ended = await service.until_ended(spec.id)
    await service.runner.close()
    assert ended is not None
    assert (ended.status, world.running(), world.actions) == (SagaStatus.DONE, {"i-new-1"}, {})


async def test_a_replacement_that_is_taken_while_the_old_node_stands_saves_the_old_node() -> None:
    world = await make_world()
    world.agent_s = 30.0
    service = make_service(world)
    spec = replacing(world, "a")
    await service.runner.start(spec)
    await world.clock.advance(75)
    world.instances["i-new-1"].state = InstanceState.ENDED
    ended = await service.until_ended(spec.id)
    await service.runner.close()
    assert ended is not None
    assert (ended.status, ended.reason) == (SagaStatus.UNDONE, "i-new-1, which replaces node a, ends")
    assert (world.running(), world.nodes["a"].cordoned, world.nodes["a"].pods) == ({"i-a"}, False, 3)


async def test_the_database_may_go_away_for_a_while() -> None:
    world = await make_world()
    service = make_service(world)
    spec = replacing(world, "a")
    away = iter([False] * 6 + [True] * 5)
    tenant = service.runner._database.tenant

    def sometimes_away(organization_id: UUID) -> AbstractAsyncContextManager[Transaction]:
        if next(away, False):
            raise TransientError("the database is away")
        return tenant(organization_id)

    service.runner._database.tenant = sometimes_away  # type: ignore[method-assign]
    await service.runner.start(spec)
    ended = await service.until_ended(spec.id)
    assert ended is not None
    assert (ended.status, world.launched_ever(), world.running()) == (SagaStatus.DONE, 1, {"i-new-1"})
    with pytest.raises(RejectedError):
        await service.runner.wait(spec.id)


async def test_a_plan_for_nodes_that_are_gone_is_not_begun() -> None:
    world = await make_world()
    spec = replacing(world, "a")
    del world.nodes["a"]
    world.instances["i-a"].state = InstanceState.RUNNING
    ended = await run(world, spec)
    assert (ended.status, ended.reason) == (SagaStatus.UNDONE, "check check: node a is not there any more")
    assert world.launch_calls == []


async def test_a_stale_plan_is_not_begun() -> None:
    world = await make_world()
    spec = replacing(world, "a")
    await world.clock.advance(301)
    ended = await run(world, spec)
    assert (ended.status, world.launch_calls) == (SagaStatus.UNDONE, [])
    assert "stale" in ended.reason


async def test_every_change_was_permitted_directly_before() -> None:
    world = await make_world()
    await run(world, replacing(world, "a"))
    assert world.permit_asked == [
        "begin a saga",
        "launch 1 for general",
        "cordon_node a",
        "drain_node a",
        "terminate i-a",
    ]


async def test_an_abort_takes_everything_back() -> None:
    world = await make_world()
    world.agent_s = 20.0
    service = make_service(world)
    spec = replacing(world, "a")
    await service.runner.start(spec)
    await world.clock.advance(90)
    assert world.nodes["a"].cordoned
    assert service.runner.abort(spec.id, "the customer said so")
    ended = await service.until_ended(spec.id)
    assert ended is not None
    assert (ended.status, ended.reason) == (SagaStatus.UNDONE, "the customer said so")
    assert (world.running(), world.nodes["a"].cordoned) == ({"i-a"}, False)
    assert not service.runner.abort(spec.id, "again")
    await service.runner.close()


async def test_of_two_runners_one_is_fenced_off_and_nothing_happens_twice() -> None:
    world = await make_world()
    one, two = make_service(world), make_service(world)
    spec = replacing(world, "a")
    await one.runner.start(spec)
    await world.clock.advance(10)
    assert await two.runner.resume([spec.cluster_id]) == (spec.id,)
    ended = await one.until_ended(spec.id)
    assert ended is not None
    assert (ended.status, world.launched_ever(), world.running()) == (SagaStatus.DONE, 1, {"i-new-1"})
    for service in (one, two):
        await service.runner.close()


async def test_an_instance_that_no_saga_owns_is_reported_and_left_alone() -> None:
    world = await make_world()
    spec = replacing(world, "a")
    await run(world, spec)
    where = Where(organization_id=spec.organization_id, cluster_id=spec.cluster_id)
    tags = {"spotopt:cluster": str(spec.cluster_id), "spotopt:saga": "somebody else's"}
    stray = Instance(id="i-stray", pool=POOLS[0], market=SPOT, tags=tags, launched_at=world.clock.now())
    world.instances["i-stray"] = stray
    outside = Outside(world, make_service(world).life)
    assert await sweep(world.database, outside, where, now=world.clock.now()) == ()
    (orphan,) = await sweep(world.database, outside, where, now=world.clock.now() + timedelta(minutes=11))
    assert (orphan.instance_id, orphan.reason) == ("i-stray", "no saga that is known has launched it")
    assert "i-stray" in world.running()


async def test_what_happened_is_in_the_audit_log_and_in_the_steps() -> None:
    world = await make_world()
    spec = replacing(world, "a")
    await run(world, spec)
    steps = await steps_of(world, spec.id)
    assert all(step.status is StepStatus.DONE for step in steps)
    assert {step.track for step in steps} == {"check", "new-a", "a"}
    async with world.database.tenant(spec.organization_id) as tx:
        log = await tx.audit.page(spec.organization_id, AuditQuery(), PageRequest(limit=50))
    told = sorted(str(row.entry.event) for row in log.items)
    assert told == ["cordon", "detach", "drain", "launch", "saga_done", "terminate"]
