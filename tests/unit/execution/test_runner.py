"""A plan is carried out once, whatever happens on the way."""

from dataclasses import replace
from uuid import UUID

import pytest

from actors.execution.ports import Ruling
from domain.audit import AuditQuery
from domain.errors import RejectedError
from domain.paging import PageRequest
from domain.saga import SagaStatus
from tests.unit.execution.world import make_service, make_world, replacing, saga_of


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
    async with world.database.tenant(spec.organization_id) as tx:
        log = await tx.audit.page(spec.organization_id, AuditQuery(event="rehearsed"), PageRequest(limit=50))
    assert {row.entry.text for row in log.items} == {
        "would launch 1 of m5.large in use1-az1 for new-old",
        "would cordon, drain and terminate old (i-old), directly",
    }
    assert world.launch_calls == []
    assert world.actions == {}
    await service.runner.close()


async def test_no_node_is_in_two_sagas() -> None:
    world = await make_world()
    service = make_service(world)
    spec = replacing(world, "old")
    await service.runner.start(spec)
    other = replace(spec, id=UUID(int=8))
    with pytest.raises(RejectedError, match="node old"):
        await service.runner.start(other)
    await service.until_ended(spec.id)
    assert await saga_of(world, other.id) is None
    await service.runner.close()


async def test_a_look_that_is_asked_for_finds_at_once_what_has_changed() -> None:
    world = await make_world()
    world.look_every_s = 1_000.0
    service = make_service(world)
    spec = replacing(world, "old")
    await service.runner.start(spec)
    for _ in range(100):
        await world.clock.advance(1)
        service.runner.poke(spec.cluster_id)
    await world.clock.advance(1)
    ended = await saga_of(world, spec.id)
    assert ended is not None
    assert ended.status is SagaStatus.DONE
    assert service.runner.running() == ()
    await service.runner.close()
