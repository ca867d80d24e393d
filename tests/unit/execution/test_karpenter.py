"""Sagas in which Karpenter launches: its NodePools are narrowed first and set back in the end, however it goes."""

from typing import Any

from actors.execution.ports import Ruling
from domain.commands import AgentActionKind
from domain.market import CapacityType
from domain.saga import NodePoolRequirement, SagaSpec, SagaStatus, StepKind, StepStatus, StoredSaga
from tests.unit.execution.test_kills import live_on, points_of
from tests.unit.execution.world import (
    Service,
    World,
    make_service,
    make_spec,
    make_world,
    steps_of,
)

WANTED = NodePoolRequirement(
    node_pool="general",
    template="general",
    instance_types=("m5.large",),
    zones=("us-east-1a",),
    capacity_types=(CapacityType.SPOT,),
    at_once=1,
)


def spec_of(world: World, *names: str, **fields: Any) -> SagaSpec:
    removals = tuple(world.add_node(name) for name in names or ("a",))
    return make_spec(world, **({"removals": removals, "karpenter": (WANTED,)} | fields))


async def ended(service: Service, spec: SagaSpec) -> StoredSaga:
    found = await service.until_ended(spec.id)
    await service.runner.close()
    assert found is not None
    return found


async def test_node_pools_are_narrowed_nodes_end_once_no_pod_is_pending_and_node_pools_are_set_back() -> None:
    world = await make_world()
    service, spec = make_service(world), spec_of(world)
    await service.runner.start(spec)
    await world.clock.advance(60)
    (payload,) = world.held.values()
    assert (
        payload["node_pools"][0] | {"node_pool": "general", "instance_types": ["m5.large"]} == payload["node_pools"][0]
    )
    assert (world.pending_pods, world.running()) == (3, {"i-a"}), "its pods have no place yet"
    world.pending_pods = 0
    saga = await ended(service, spec)
    assert (saga.status, world.running(), world.launch_calls, world.held) == (SagaStatus.DONE, set(), [], {})


async def test_pods_that_had_no_place_before_are_not_waited_for() -> None:
    world = await make_world()
    world.waiting = frozenset({"shop/too-large"})
    world.add_node("home")
    service, spec = make_service(world), spec_of(world)
    await service.runner.start(spec)
    assert (await ended(service, spec)).status is SagaStatus.DONE


async def test_too_many_pods_without_a_place_and_nothing_is_begun() -> None:
    world = await make_world()
    world.waiting = frozenset(f"shop/p-{number}" for number in range(501))
    service, spec = make_service(world), spec_of(world)
    await service.runner.start(spec)
    saga = await ended(service, spec)
    assert saga.status is SagaStatus.UNDONE
    assert "501 pods have no place" in saga.reason
    assert world.actions == {}


async def test_undone_node_pools_are_set_back_and_nodes_take_pods_again() -> None:
    world = await make_world()
    world.drain_fails = True
    service, spec = make_service(world), spec_of(world)
    await service.runner.start(spec)
    saga = await ended(service, spec)
    assert (saga.status, world.held, world.nodes["a"].cordoned) == (SagaStatus.UNDONE, {}, False)


async def test_what_a_node_pool_refuses_ends_the_plan_with_its_reason_before_any_node_is_touched() -> None:
    world = await make_world()
    world.node_pools_refuse = "NodePool general is left as it is: its limits allow 10 of cpu"
    service, spec = make_service(world), spec_of(world)
    await service.runner.start(spec)
    saga = await ended(service, spec)
    assert saga.status is SagaStatus.UNDONE
    assert "its limits allow 10 of cpu" in saga.reason
    kinds = {queued.order.kind for queued in world.actions.values()}
    assert kinds == {AgentActionKind.NARROW_NODE_POOLS, AgentActionKind.RESTORE_NODE_POOLS}


async def test_a_plan_that_is_done_is_not_over_before_its_node_pools_are_set_back() -> None:
    world = await make_world()
    service, spec = make_service(world), spec_of(world)
    await service.runner.start(spec)
    await world.clock.advance(60)
    world.pending_pods = 0
    while world.running():
        await world.clock.advance(1)
    world.agent_alive = False
    await world.clock.advance(600)
    assert world.held
    world.agent_alive = True
    saga = await ended(service, spec)
    assert (saga.status, world.held) == (SagaStatus.DONE, {})


async def test_safe_mode_before_anything_was_asked_leaves_node_pools_alone() -> None:
    world = await make_world()
    service, spec = make_service(world), spec_of(world)
    world.ruling = Ruling.GO
    await service.runner.start(spec)
    world.ruling = Ruling.STOP
    await service.until_ended(spec.id)
    steps = await steps_of(world, spec.id)
    await service.runner.close()
    assert all(step.kind is not StepKind.RESTORE for step in steps)
    assert world.actions == {}


async def test_a_saga_stopped_while_the_agent_is_at_its_node_pools_waits_for_it_and_sets_them_back() -> None:
    world = await make_world()
    world.agent_s = 40
    service, spec = make_service(world), spec_of(world)
    await service.runner.start(spec)
    await world.clock.advance(20)
    service.runner.abort(spec.id, "the customer has changed her mind")
    saga = await ended(service, spec)
    steps = await steps_of(world, spec.id)
    assert (saga.status, world.held, world.running()) == (SagaStatus.UNDONE, {}, {"i-a"})
    assert [step.status for step in steps if step.kind is StepKind.RESTORE] == [StepStatus.DONE]


def narrowed(world: World) -> SagaSpec:
    world.look_every_s = 20.0
    world.add_node("home")
    return spec_of(world)


async def test_killed_at_any_point_nothing_stays_narrowed() -> None:
    points = await points_of(narrowed)
    assert points > 20
    for point in range(points):
        world = await make_world()
        saga, life = await live_on(world, narrowed(world), dies_at=point)
        assert life.dead, point
        assert (saga.status, world.held, world.running()) == (SagaStatus.DONE, {}, {"i-home"}), point
