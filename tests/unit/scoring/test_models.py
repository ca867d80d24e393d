"""Which models a process serves with: changes heard, missed, broken."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

import pytest

from actors.scoring.assign import Share, place_of, variant_of
from actors.scoring.models import ModelCopy
from actors.scoring.registry import mark_changed, register_carried, tell_changed
from adapters.postgres.ids import new_id
from domain.lab import ExperimentMode, ExperimentStatus, LabExperiment, MlModel, ModelStatus, ModelSwitch
from tests.unit.scoring.world import CLUSTER, ORGANIZATION, ScoringWorld, text_of


@asynccontextmanager
async def following(world: ScoringWorld):
    copy = ModelCopy(world.services)
    task = asyncio.create_task(copy.run())
    await settled(world, copy, lambda: copy.served is not None)
    yield copy
    task.cancel()


async def settled(world: ScoringWorld, copy: ModelCopy, reached) -> None:
    """Turn the clock by one second at most: what is promised."""
    for _ in range(10):
        for _ in range(200):
            if reached():
                return
            await asyncio.sleep(0.001)
        await world.clock.advance(0.1)
    raise AssertionError(f"not reached within a second: {copy.served}")


async def promote(world: ScoringWorld, model: MlModel) -> None:
    async with world.services.database.platform() as tx:
        await tx.models.promote(model)
        await mark_changed(tx, services=world.services, by="admin@example.com")


async def test_the_carried_model_serves_and_is_registered_where_there_is_none(world: ScoringWorld) -> None:
    async with world.services.database.platform() as tx:
        first = await register_carried(tx, services=world.services)
        assert await register_carried(tx, services=world.services) == first
    assert first.status is ModelStatus.PRODUCTION
    served = await ModelCopy(world.services).current()
    assert (served.production.version, served.production.trees) == (first.version, True)


async def test_a_promoted_model_serves_within_a_second_whether_or_not_its_news_arrives(world: ScoringWorld) -> None:
    one, other = await world.add_model("v1", text_of(0.0)), await world.add_model("v2", text_of(1.0))
    async with following(world) as copy:
        await promote(world, one)
        await tell_changed(world.services)
        await settled(world, copy, lambda: copy.served.production.version == "v1")
        await promote(world, other)  # nobody is told
        await settled(world, copy, lambda: copy.served.production.version == "v2")


async def test_a_text_that_is_not_the_registered_one_serves_nobody_and_is_told(world: ScoringWorld) -> None:
    model = await world.add_model("v1", text_of(0.0))
    damaged = replace(model, id=new_id(), version="v3", sha256=bytes(32))
    async with world.services.database.platform() as tx:
        await tx.models.add(damaged, text_of(2.0))
    async with following(world) as copy:
        await promote(world, damaged)
        await settled(world, copy, lambda: copy.served.production.version == "v3")
        assert not copy.served.production.trees
        assert "not the one that was registered" in copy.served.problems["v3"]
    async with world.services.database.platform() as tx:
        shown = await tx.models.get(damaged.id)
    assert "not the one that was registered" in shown.metrics["problem"]


async def test_a_cluster_is_served_by_switch_then_by_share_then_by_production(world: ScoringWorld) -> None:
    main = await world.add_model("main", text_of(0.0), status=ModelStatus.PRODUCTION)
    variant, chosen = await world.add_model("variant", text_of(1.0)), await world.add_model("chosen", text_of(2.0))
    experiment = LabExperiment(
        id=new_id(), name="x", control_model_id=main.id, variant_model_id=variant.id,
        status=ExperimentStatus.RUNNING, created_at=world.clock.now(), mode=ExperimentMode.SHARE, share=1.0,
    )  # fmt: skip
    switch = ModelSwitch(
        organization_id=ORGANIZATION, cluster_id=CLUSTER, model_id=chosen.id, switched_at=world.clock.now()
    )
    async with world.services.database.platform() as tx:
        await tx.lab.add(experiment)
        await tx.models.switch(switch)
    served = await ModelCopy(world.services).current()
    assert served.of(CLUSTER).version == "chosen"
    assert served.of(UUID(int=77)).version == "variant"
    assert served.of(None).version == "main"


def test_a_growing_share_moves_no_cluster_back() -> None:
    experiment, model = new_id(), new_id()
    clusters = [UUID(int=at) for at in range(2_000)]

    def served(share: float) -> set[UUID]:
        shares = [Share(experiment_id=experiment, model_id=model, share=share)]
        return {one for one in clusters if variant_of(one, shares)}

    assert served(0.1) < served(0.3) < served(1.0) == set(clusters)
    assert len(served(0.3)) == pytest.approx(600, abs=80)
    assert place_of(clusters[0], experiment) != place_of(clusters[0], new_id())
