"""What any database must do with sagas and their steps."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from adapters.postgres.ids import new_id
from adapters.postgres.ports import Database
from domain.errors import InvariantError, RejectedError
from domain.fleet import Cluster, Instance, Lifecycle
from domain.paging import PageRequest
from domain.saga import SagaStatus, SagaStep, StepKind, StepStatus, StoredSaga
from tests.unit.postgres.builders import NOW, add_cluster, after


def make_saga(cluster: Cluster, **fields: Any) -> StoredSaga:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "organization_id": cluster.organization_id,
        "cluster_id": cluster.id,
        "status": SagaStatus.RUNNING,
        "version": 1,
        "body": {"launches": []},
        "created_at": NOW,
        "updated_at": NOW,
    }
    return StoredSaga(**(defaults | fields))


def make_step(saga: StoredSaga, step_id: str = "new-1/launch/1", **fields: Any) -> SagaStep:
    defaults: dict[str, Any] = {
        "saga_id": saga.id,
        "step_id": step_id,
        "organization_id": saga.organization_id,
        "cluster_id": saga.cluster_id,
        "track": "new-1",
        "kind": StepKind.LAUNCH,
        "subject": "new-1",
        "status": StepStatus.ASKED,
        "attempt": 1,
        "token": "token",
        "asked_at": NOW,
        "due_at": after(60),
    }
    return SagaStep(**(defaults | fields))


def ended(saga: StoredSaga, at: datetime, **fields: Any) -> StoredSaga:
    return replace(saga, status=SagaStatus.DONE, version=saga.version + 1, updated_at=at, ended_at=at, **fields)


async def test_a_saga_is_kept_once_and_read_as_it_was(database: Database) -> None:
    cluster = await add_cluster(database)
    saga = make_saga(cluster, plan_generation=3, reason="cheaper")
    async with database.tenant(cluster.organization_id) as tx:
        assert await tx.sagas.create(saga)
        assert not await tx.sagas.create(saga)
        assert await tx.sagas.get(saga.id) == saga
        assert await tx.sagas.many([saga.id, new_id()]) == (saga,)


async def test_of_two_runners_of_a_saga_the_second_is_fenced_off(database: Database) -> None:
    cluster = await add_cluster(database)
    saga = make_saga(cluster)
    second = replace(saga, version=2, status=SagaStatus.UNDOING, reason="no node joined", updated_at=after(1))
    async with database.tenant(cluster.organization_id) as tx:
        await tx.sagas.create(saga)
        assert await tx.sagas.advance(second)
        assert not await tx.sagas.advance(replace(second, reason="another runner"))
        assert await tx.sagas.get(saga.id) == second


async def test_what_a_saga_is_to_do_never_changes(database: Database) -> None:
    cluster = await add_cluster(database)
    saga = make_saga(cluster)
    async with database.tenant(cluster.organization_id) as tx:
        await tx.sagas.create(saga)
        await tx.sagas.advance(replace(saga, version=2, body={"launches": ["more"]}))
        found = await tx.sagas.get(saga.id)
    assert found is not None
    assert found.body == saga.body


async def test_steps_are_added_and_replaced_in_one_go(database: Database) -> None:
    cluster = await add_cluster(database)
    saga = make_saga(cluster)
    first, second = make_step(saga), make_step(saga, "old/cordon/1", asked_at=after(1), kind=StepKind.CORDON)
    answered = replace(
        first, status=StepStatus.DONE, tries=2, ended_at=after(2), result={"instances": ["i-1"]}, retry_at=after(1)
    )
    async with database.tenant(cluster.organization_id) as tx:
        await tx.sagas.create(saga)
        await tx.sagas.put_steps([])
        await tx.sagas.put_steps([first])
        await tx.sagas.put_steps([second, answered])
        assert await tx.sagas.steps(saga.id) == (answered, second)
        assert await tx.sagas.launches(cluster.id) == (answered,)


async def test_a_step_without_its_saga_is_refused(database: Database) -> None:
    cluster = await add_cluster(database)
    with pytest.raises(RejectedError):
        async with database.tenant(cluster.organization_id) as tx:
            await tx.sagas.put_steps([make_step(make_saga(cluster))])


async def test_open_sagas_are_found_oldest_first_and_ended_ones_are_not(database: Database) -> None:
    cluster, other = await add_cluster(database), await add_cluster(database)
    old, young = make_saga(cluster), make_saga(cluster, created_at=after(1), updated_at=after(1))
    over, foreign = make_saga(cluster), make_saga(other)
    async with database.platform() as tx:
        for saga in (young, old, over, foreign):
            await tx.sagas.create(saga)
        await tx.sagas.advance(ended(over, after(5)))
        assert [saga.id for saga in await tx.sagas.open_of_cluster(cluster.id)] == [old.id, young.id]
        both = await tx.sagas.open_of_clusters([cluster.id, other.id])
        assert {saga.id for saga in both} == {old.id, young.id, foreign.id}
        assert await tx.sagas.open_clusters() == tuple(sorted({cluster.id, other.id}))
        page = await tx.sagas.of_cluster(cluster.id, PageRequest(limit=1))
        assert ([saga.id for saga in page.items], page.next is not None) == ([young.id], True)


async def test_sagas_of_another_tenant_are_neither_seen_nor_changed(database: Database) -> None:
    mine, foreign = await add_cluster(database), await add_cluster(database)
    saga = make_saga(foreign)
    async with database.platform() as tx:
        await tx.sagas.create(saga)
        await tx.sagas.put_steps([make_step(saga)])
    async with database.tenant(mine.organization_id) as tx:
        assert await tx.sagas.get(saga.id) is None
        assert await tx.sagas.steps(saga.id) == ()
        assert await tx.sagas.launches(foreign.id) == ()
        assert await tx.sagas.open_of_cluster(foreign.id) == ()
        assert await tx.sagas.many([saga.id]) == ()
        assert not await tx.sagas.advance(replace(saga, version=2))
    with pytest.raises((InvariantError, RejectedError)):
        async with database.tenant(mine.organization_id) as tx:
            await tx.sagas.open_of_clusters([foreign.id])


async def test_sagas_that_ended_long_ago_go_with_their_steps(database: Database) -> None:
    cluster = await add_cluster(database)
    old, young, running = make_saga(cluster), make_saga(cluster), make_saga(cluster)
    async with database.platform() as tx:
        for saga in (old, young, running):
            await tx.sagas.create(saga)
            await tx.sagas.put_steps([make_step(saga)])
        await tx.sagas.advance(ended(old, after(1)))
        await tx.sagas.advance(ended(young, after(9)))
        assert await tx.sagas.prune(after(5)) == 1
        assert await tx.sagas.prune(after(5)) == 0
        assert {saga.id for saga in await tx.sagas.many([old.id, young.id, running.id])} == {young.id, running.id}
        assert await tx.sagas.steps(old.id) == ()


async def test_a_saga_is_kept_while_an_instance_runs_that_it_launched(database: Database) -> None:
    cluster = await add_cluster(database)
    owner, other = make_saga(cluster), make_saga(cluster)
    launched = {"instances": [{"id": "i-gone", "pool": "x"}, {"id": "i-runs", "pool": "x"}]}
    async with database.platform() as tx:
        for saga, result in ((owner, launched), (other, {"instances": [{"id": "i-gone", "pool": "x"}]})):
            await tx.sagas.create(saga)
            done = {"status": StepStatus.DONE, "ended_at": after(1)}
            await tx.sagas.put_steps(
                [make_step(saga, result=result, **done), make_step(saga, "old/gone/1", kind=StepKind.GONE)]
            )
            await tx.sagas.advance(ended(saga, after(1)))
        await tx.clusters.put_instances(cluster.id, [running(cluster, "i-runs")], NOW)
        assert await tx.sagas.prune(after(5)) == 1
        assert await tx.sagas.get(owner.id) is not None
        assert len(await tx.sagas.launches(cluster.id)) == 1
        await tx.clusters.put_instances(cluster.id, [], after(2))
        assert await tx.sagas.prune(after(5)) == 1
        assert await tx.sagas.get(owner.id) is None


async def test_old_sagas_go_in_batches_the_oldest_first(database: Database) -> None:
    cluster = await add_cluster(database)
    sagas = [make_saga(cluster) for _ in range(3)]
    async with database.platform() as tx:
        for number, saga in enumerate(sagas):
            await tx.sagas.create(saga)
            await tx.sagas.advance(ended(saga, after(number)))
        assert await tx.sagas.prune(after(9), most=2) == 2
        assert [one.id for one in await tx.sagas.many([saga.id for saga in sagas])] == [sagas[2].id]


def running(cluster: Cluster, instance_id: str) -> Instance:
    return Instance(
        organization_id=cluster.organization_id,
        cluster_id=cluster.id,
        instance_id=instance_id,
        instance_type="m5.large",
        lifecycle=Lifecycle.SPOT,
        zone_name="us-east-1a",
        zone_id="use1-az6",
        seen_at=NOW,
    )


@pytest.mark.parametrize("wrong", [{"status": SagaStatus.DONE}, {"ended_at": NOW}])
async def test_a_saga_that_has_ended_says_when_and_an_open_one_does_not(
    database: Database, wrong: dict[str, Any]
) -> None:
    cluster = await add_cluster(database)
    with pytest.raises(ValueError, match="ended_at"):
        make_saga(cluster, **wrong)
