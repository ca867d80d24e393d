"""Instances that no plan owns are found every ten minutes, told once, and never ended."""

from dataclasses import replace
from datetime import timedelta

import pytest

from actors.execution.orphans import OrphanSweep
from actors.execution.ports import Where
from adapters.aws.memory.executor import MemoryExecutor
from adapters.aws.ports.executor import InstanceStatus
from domain.audit import AuditQuery
from domain.errors import RejectedError
from domain.paging import PageRequest
from domain.saga import TAG_CLUSTER, TAG_SAGA, InstanceState
from tests.unit.platform_world import CLUSTER, ORGANIZATION, World


def lose(world: World, name: str, *, minutes_ago: int = 60) -> None:
    """An instance of ours of which no saga knows."""
    world.sites.cloud.instances[name] = InstanceStatus(
        instance_id=name,
        state=InstanceState.RUNNING,
        launched_at=world.clock.now() - timedelta(minutes=minutes_ago),
        tags={TAG_CLUSTER: str(CLUSTER), TAG_SAGA: "lost"},
    )


async def audited(world: World) -> list[str]:
    async with world.services.database.tenant(ORGANIZATION) as tx:
        log = await tx.audit.page(ORGANIZATION, AuditQuery(event="orphan_found"), PageRequest())
    return sorted(row.entry.resource for row in log.items)


async def test_where_nothing_is_lost_a_sweep_says_nothing(world: World) -> None:
    assert await OrphanSweep(world.services, world.ec2).run(world.clock.now()) == ""
    assert await audited(world) == []


async def test_orphans_are_named_audited_once_and_left_running(world: World) -> None:
    lose(world, "i-lost")
    lose(world, "i-young", minutes_ago=5)
    sweep = OrphanSweep(world.services, world.ec2)
    for _ in range(2):
        with pytest.raises(RejectedError, match=r"1 instances run that no plan owns: i-lost$"):
            await sweep.run(world.clock.now())
    assert await audited(world) == ["i-lost"]
    assert world.sites.cloud.changes == []


async def test_many_orphans_are_counted_and_the_first_named(world: World) -> None:
    for number in range(7):
        lose(world, f"i-{number}")
    with pytest.raises(RejectedError, match="i-0, i-1, i-2, i-3, i-4 and 2 more"):
        await OrphanSweep(world.services, world.ec2).run(world.clock.now())


async def test_an_account_that_does_not_let_us_in_hides_only_its_own_clusters(world: World) -> None:
    lose(world, "i-lost")
    async with world.services.database.platform() as tx:
        cluster = await tx.clusters.get(CLUSTER)
        assert cluster is not None
        other = replace(cluster, id=ORGANIZATION, name="closed")
        await tx.clusters.create(other)

    async def executor(where: Where) -> MemoryExecutor:
        if where.cluster_id == other.id:
            raise RejectedError("the role was revoked")
        return MemoryExecutor(world.sites.cloud, world.clock)

    world.sites.executor = executor
    with pytest.raises(RejectedError, match="1 instances"):
        await OrphanSweep(world.services, world.ec2).run(world.clock.now())
