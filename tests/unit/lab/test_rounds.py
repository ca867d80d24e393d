"""Rounds of prediction and outcome: bets, drift, and a model that is taken back."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from actors.lab.experiments import standing, summary
from actors.lab.rounds import ModelJudge
from actors.scoring.registry import MODEL_CHANGES
from adapters.postgres.ids import new_id
from adapters.redis import keys
from domain.audit import AuditQuery
from domain.lab import RISK_MODEL, ExperimentMode, ExperimentStatus, LabExperiment, MlModel, ModelStatus
from domain.paging import PageRequest
from solvers.interruption.drift import judged
from solvers.interruption.sequential import PairedRound, Wealth
from tests.unit.scoring.world import CLUSTER, P3, P3_NEXT_DOOR, ScoringWorld, scoring_world, text_of


@pytest.fixture
async def world():
    async with scoring_world() as made:
        yield made


async def started(world: ScoringWorld, *, control: float, variant: float, mode: str = "shadow") -> LabExperiment:
    """Two models under comparison; pools of theirs have been watched for so long that the trees speak."""
    old = await world.add_model("old", text_of(control), status=ModelStatus.PRODUCTION)
    new = await world.add_model("new", text_of(variant))
    if mode == "watch":
        async with world.services.database.platform() as tx:
            await tx.models.promote(new)
    experiment = LabExperiment(
        id=new_id(), name="x", control_model_id=old.id, variant_model_id=new.id, status=ExperimentStatus.RUNNING,
        created_at=world.clock.now(), mode=ExperimentMode(mode),
    )  # fmt: skip
    async with world.services.database.platform() as tx:
        await tx.lab.add(experiment)
    await world.scoring.start()
    for _ in range(14):
        await runs(world)
        await world.later(minutes=30)
    return experiment


async def runs(world: ScoringWorld) -> None:
    """Somebody runs nodes in two pools."""
    world.scoring.risk("us-east-1", cluster_id=CLUSTER, running=[P3, P3_NEXT_DOOR])


async def hour(world: ScoringWorld, judge: ModelJudge) -> str:
    for _ in range(2):
        await world.later(minutes=30)
        await runs(world)
    return await judge.run()


async def found(world: ScoringWorld, experiment: LabExperiment) -> LabExperiment:
    async with world.services.database.platform() as tx:
        one = await tx.lab.get(experiment.id)
    assert one is not None
    return one


async def model(world: ScoringWorld, model_id: Any) -> MlModel:
    async with world.services.database.platform() as tx:
        one = await tx.models.get(model_id)
    assert one is not None
    return one


async def test_a_round_is_played_an_hour_after_both_models_have_spoken(world: ScoringWorld) -> None:
    experiment = await started(world, control=0.0, variant=-3.0)
    judge = ModelJudge(world.services, world.scoring)
    await runs(world)
    assert await judge.run() == "2 models have spoken of 2 pools"
    assert await judge.run() == ""
    async with world.services.hub.bus.subscribe(keys.lab_telemetry(str(experiment.id))) as told:
        assert await hour(world, judge) == "2 rounds resolved, 2 models have spoken of 2 pools"
        body = orjson.loads((await anext(told)).body)
    one = await found(world, experiment)
    assert standing(one).rounds == 1
    assert standing(one).mean_difference == pytest.approx(0.25 - (1 / (1 + 2.718281828**3)) ** 2, abs=1e-3)
    assert body == {"experiment_id": str(experiment.id), **summary(one)}


async def test_a_pool_that_was_lost_within_the_hour_counts_against_the_model_that_did_not_see_it(
    world: ScoringWorld,
) -> None:
    experiment = await started(world, control=0.0, variant=-3.0)
    judge = ModelJudge(world.services, world.scoring)
    await runs(world)
    await judge.run()
    await world.clock.advance(60)
    for pool in (P3, P3_NEXT_DOOR):
        await world.saw(pool)
    await hour(world, judge)
    assert standing(await found(world, experiment)).mean_difference < 0
    async with world.services.database.platform() as tx:
        rounds = await tx.lab.rounds(experiment.variant_model_id, experiment.created_at)
    outcomes = [one.outcome for one in rounds if one.outcome is not None]
    assert (judged(outcomes)["drops"], judged(outcomes)["pools"]) == (2, 2)


async def test_losses_outside_of_the_hour_and_of_strangers_do_not_count(world: ScoringWorld) -> None:
    experiment = await started(world, control=0.0, variant=-3.0)
    judge = ModelJudge(world.services, world.scoring)
    await runs(world)
    await judge.run()
    await world.clock.advance(60)
    await world.saw(P3, known=False)
    await world.later(minutes=61)
    await world.saw(P3_NEXT_DOOR)
    await judge.run()
    assert standing(await found(world, experiment)).mean_difference > 0


async def test_where_nobody_runs_a_node_nobody_is_judged(world: ScoringWorld) -> None:
    await started(world, control=0.0, variant=-3.0)
    await world.later(hours=1)
    assert await ModelJudge(world.services, world.scoring).run() == ""


async def test_production_that_predicts_worse_gives_way_to_the_model_before(world: ScoringWorld) -> None:
    watch = await started(world, control=-3.0, variant=0.0, mode="watch")
    wealth = Wealth()
    for _ in range(200):
        wealth = wealth.after(PairedRound(difference=-0.3, bound=1.0, pools=2))
    async with world.services.database.platform() as tx:
        await tx.lab.put(replace(watch, telemetry=wealth.to_json()))
    judge = ModelJudge(world.services, world.scoring)
    await runs(world)
    await judge.run()
    async with world.services.hub.bus.subscribe(MODEL_CHANGES) as told:
        assert "new gave way to old" in await hour(world, judge)
        assert (await anext(told)).channel == MODEL_CHANGES
    assert (await model(world, watch.control_model_id)).status is ModelStatus.PRODUCTION
    assert (await model(world, watch.variant_model_id)).status is ModelStatus.RETIRED
    assert (await found(world, watch)).status is ExperimentStatus.STOPPED
    async with world.services.database.platform() as tx:
        page = await tx.audit.page(None, AuditQuery(event="model_demoted"), PageRequest(limit=5))
        assert await tx.models.production(RISK_MODEL) is not None
    assert [row.entry.actor for row in page.items] == ["System"]
    assert (await world.scoring.models.refresh()).production.version == "old"


async def test_a_comparison_that_began_later_does_not_play_an_earlier_round(world: ScoringWorld) -> None:
    experiment = await started(world, control=0.0, variant=-3.0)
    judge = ModelJudge(world.services, world.scoring)
    await runs(world)
    await judge.run()
    later = replace(experiment, id=new_id(), created_at=world.clock.now().replace(microsecond=1))
    async with world.services.database.platform() as tx:
        await tx.lab.add(later)
    await hour(world, judge)
    assert (standing(await found(world, experiment)).rounds, standing(await found(world, later)).rounds) == (1, 0)
