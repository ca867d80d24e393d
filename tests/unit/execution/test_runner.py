"""A plan is carried out once, whatever happens on the way."""

from actors.execution.ports import Ruling
from domain.saga import SagaStatus
from tests.unit.execution.world import make_service, make_world, replacing


async def test_a_node_is_replaced_before_it_ends() -> None:
    world = await make_world()
    service = make_service(world)
    spec = replacing(world, "old")
    await service.runner.start(spec)
    ended = await service.until_ended(spec.id)
    assert ended is not None
    assert (ended.status, ended.reason) == (SagaStatus.DONE, "")
    assert world.running() == {"i-new-1"}
    assert world.nodes["node-of-i-new-1"].pods == 3
    assert world.pending_pods == 0
    await service.runner.close()


async def test_in_safe_mode_it_is_only_told_what_would_be_done() -> None:
    world = await make_world()
    world.ruling = Ruling.STOP
    service = make_service(world)
    spec = replacing(world, "old")
    await service.runner.start(spec)
    ended = await service.until_ended(spec.id)
    assert ended is not None
    assert ended.status is SagaStatus.DRY_RUN
    assert world.launch_calls == []
    assert world.actions == {}
    await service.runner.close()
