"""The service is killed at every point of a saga: before and after each call, before and after each transaction."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from domain.market import CapacityType
from domain.saga import InstanceState, LaunchFailure, SagaSpec, SagaStatus, StoredSaga
from tests.unit.execution.world import POOLS, Mortal, World, make_service, make_world, replacing, saga_of

Scene = Callable[[World], SagaSpec]


def straight(world: World) -> SagaSpec:
    world.look_every_s = 20.0
    return replacing(world, "a")


def of_a_group(world: World) -> SagaSpec:
    world.look_every_s = 20.0
    spec = replacing(world, "a")
    world.instances["i-a"].asg = "workers"
    world.groups["workers"] = (0, 3)
    return replace(spec, removals=(replace(spec.removals[0], asg="workers"),))


def never_joins(world: World) -> SagaSpec:
    world.joins, world.look_every_s = False, 120.0
    return replacing(world, "a")


def never_drains(world: World) -> SagaSpec:
    world.drain_fails, world.look_every_s = True, 60.0
    return replacing(world, "a")


def partial_fleet(world: World) -> SagaSpec:
    world.most_at_once, world.look_every_s = 1, 20.0
    world.no_room[POOLS[0], CapacityType.SPOT] = LaunchFailure.CAPACITY
    spec = replacing(world, "a")
    return replace(spec, launches=(replace(spec.launches[0], count=2),))


async def live_on(world: World, spec: SagaSpec, *, dies_at: int) -> tuple[StoredSaga, Mortal]:
    """Run a saga in a service that dies at a point, and in another one after that."""
    service = make_service(world, dies_at=dies_at)
    first = service.life
    beginning = asyncio.create_task(service.runner.start(spec))
    ended = await service.until_ended(spec.id)
    beginning.cancel()
    await service.runner.close()
    if ended is None:
        service = make_service(world)
        if await saga_of(world, spec.id) is None:
            await service.runner.start(spec)
        else:
            await service.runner.resume([spec.cluster_id])
        ended = await service.until_ended(spec.id)
        await service.runner.close()
    assert ended is not None
    return ended, first


async def points_of(scene: Scene) -> int:
    world = await make_world()
    _, life = await live_on(world, scene(world), dies_at=-1)
    return life.points


@pytest.mark.parametrize("scene", [straight, of_a_group, partial_fleet])
async def test_killed_at_any_point_it_ends_as_it_would_have(scene: Scene) -> None:
    points = await points_of(scene)
    assert points > 20
    for point in range(points):
        world = await make_world()
        spec = scene(world)
        ended, life = await live_on(world, spec, dies_at=point)
        assert life.dead, point
        assert ended.status is SagaStatus.DONE, (point, ended.reason)
        assert world.launched_ever() == sum(order.count for order in spec.launches), point
        assert world.instances["i-a"].state is InstanceState.ENDING
        assert all(size == 2 for _, size in world.groups.values()), point


@pytest.mark.parametrize("scene", [never_joins, never_drains])
async def test_killed_at_any_point_of_a_saga_that_fails_it_is_undone(scene: Scene) -> None:
    points = await points_of(scene)
    for point in range(points):
        world = await make_world()
        ended, life = await live_on(world, scene(world), dies_at=point)
        assert life.dead, point
        assert ended.status is SagaStatus.UNDONE, (point, ended.reason)
        assert world.ours() == set(), point
        assert world.running() == {"i-a"}
        assert not world.nodes["a"].cordoned, point
