"""What any database must do with models, comparisons and rounds."""

from dataclasses import replace
from typing import Any

import pytest

from adapters.postgres.failures import ConflictError
from adapters.postgres.ids import new_id
from adapters.postgres.ports import Database
from domain.errors import InvariantError
from domain.lab import (
    RISK_MODEL,
    ExperimentMode,
    ExperimentStatus,
    LabExperiment,
    MlModel,
    ModelRound,
    ModelStatus,
    ModelSwitch,
    RiskState,
)
from domain.paging import PageRequest
from tests.unit.postgres.builders import NOW, add_cluster, after, digest


def make_model(version: str = "1", **fields: Any) -> MlModel:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "name": RISK_MODEL,
        "version": version,
        "file": "risk.txt",
        "sha256": digest(version),
        "status": ModelStatus.TESTING,
        "created_at": NOW,
        "metrics": {"trees": 3},
        "uploaded_by": "admin@example.com",
    }
    return MlModel(**(defaults | fields))


def make_experiment(control: MlModel, variant: MlModel, **fields: Any) -> LabExperiment:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "name": "newer against older",
        "control_model_id": control.id,
        "variant_model_id": variant.id,
        "status": ExperimentStatus.RUNNING,
        "created_at": NOW,
        "telemetry": {"rounds": 0},
    }
    return LabExperiment(**(defaults | fields))


async def add_models(database: Database) -> tuple[MlModel, MlModel]:
    old, new = make_model("1", status=ModelStatus.PRODUCTION), make_model("2", created_at=after(1))
    async with database.platform() as tx:
        await tx.models.add(old, b"old")
        await tx.models.add(new, b"new")
    return old, new


async def test_a_model_comes_back_with_its_text(database: Database) -> None:
    old, new = await add_models(database)
    async with database.platform() as tx:
        assert await tx.models.get(new.id) == new
        assert await tx.models.body(new.id) == b"new"
        assert await tx.models.production(RISK_MODEL) == old
        assert (await tx.models.page(RISK_MODEL, PageRequest(limit=1))).items == (new,)
        assert await tx.models.get(new_id()) is None
        assert await tx.models.body(new_id()) is None


async def test_the_same_version_text_or_place_in_production_is_not_given_twice(database: Database) -> None:
    await add_models(database)
    twins = (
        make_model("2", sha256=digest("other")),
        make_model("3", sha256=digest("1")),
        make_model("3", status=ModelStatus.PRODUCTION),
    )
    for twin in twins:
        with pytest.raises(ConflictError):
            async with database.platform() as tx:
                await tx.models.add(twin, b"text")


async def test_promoting_a_model_retires_the_one_before(database: Database) -> None:
    old, new = await add_models(database)
    async with database.platform() as tx:
        await tx.models.promote(new)
    async with database.platform() as tx:
        assert await tx.models.production(RISK_MODEL) == replace(new, status=ModelStatus.PRODUCTION)
        assert (await tx.models.get(old.id)) == replace(old, status=ModelStatus.RETIRED)
        await tx.models.set_status(old.id, ModelStatus.TESTING)
        assert (await tx.models.get(old.id)) == replace(old, status=ModelStatus.TESTING)
        await tx.models.note_problem(new.id, "is damaged")
        assert (await tx.models.production(RISK_MODEL)).metrics == {"trees": 3, "problem": "is damaged"}


async def test_a_comparison_is_changed_until_it_has_ended(database: Database) -> None:
    one = make_experiment(*await add_models(database))
    async with database.platform() as tx:
        await tx.lab.add(one)
        shared = replace(one, mode=ExperimentMode.SHARE, share=0.25, telemetry={"rounds": 2})
        assert await tx.lab.put(shared)
        assert await tx.lab.running() == (shared,)
        ended = replace(shared, status=ExperimentStatus.STOPPED, stopped_at=after(60))
        assert await tx.lab.put(ended)
        assert not await tx.lab.put(replace(ended, share=0.5))
        assert await tx.lab.get(one.id) == ended
        assert await tx.lab.running() == ()
        assert (await tx.lab.page(PageRequest(limit=5))).items == (ended,)


async def test_a_round_is_kept_once_and_resolved_once(database: Database) -> None:
    old, _ = await add_models(database)
    made = ModelRound(model_id=old.id, decided_at=NOW, due_at=after(3600), pools=2, body=b"p", features={"age_h": 0.1})
    outcome = replace(made, body=None, outcome={"losses": 1}, resolved_at=after(3600))
    async with database.platform() as tx:
        assert await tx.lab.add_round(made)
        assert not await tx.lab.add_round(replace(made, pools=3))
        assert await tx.lab.due_rounds(after(3599)) == ()
        assert await tx.lab.due_rounds(after(3600)) == (made,)
        assert await tx.lab.resolve_round(outcome)
        assert not await tx.lab.resolve_round(outcome)
        assert await tx.lab.rounds(old.id, NOW) == (outcome,)
        assert await tx.lab.rounds(old.id, after(1)) == ()
        assert await tx.lab.prune_rounds(after(1)) == 1


async def test_a_switch_holds_until_it_is_taken_back(database: Database) -> None:
    old, new = await add_models(database)
    cluster = await add_cluster(database)
    mine: dict[str, Any] = {"organization_id": cluster.organization_id, "cluster_id": cluster.id, "switched_at": NOW}
    whole = ModelSwitch(model_id=old.id, **mine)
    single = ModelSwitch(model_id=new.id, instance_id="i-1", zone_id="use1-az1", instance_type="p3.2xlarge", **mine)
    async with database.tenant(cluster.organization_id) as tx:
        await tx.models.switch(whole)
        await tx.models.switch(replace(whole, model_id=new.id))
        await tx.models.switch(single)
    async with database.platform() as tx:
        assert await tx.models.switches() == (replace(whole, model_id=new.id), single)
        assert await tx.models.unswitch(cluster.id, "i-1")
        assert not await tx.models.unswitch(cluster.id, "i-1")


async def test_a_tenant_sees_nothing_of_the_lab_and_switches_no_other(database: Database) -> None:
    mine, other = await add_cluster(database), await add_cluster(database)
    old, _ = await add_models(database)
    switch = ModelSwitch(organization_id=mine.organization_id, cluster_id=mine.id, model_id=old.id, switched_at=NOW)
    async with database.platform() as tx:
        await tx.models.switch(switch)
    async with database.tenant(other.organization_id) as tx:
        assert not await tx.models.unswitch(mine.id, "")
        with pytest.raises(InvariantError):
            await tx.models.switches()


async def test_the_younger_state_of_the_features_is_kept(database: Database) -> None:
    state = RiskState(name="risk", body=b"later", as_of=after(600), stored_at=after(601))
    async with database.platform() as tx:
        assert await tx.lab.put_state(state)
        assert not await tx.lab.put_state(replace(state, body=b"earlier", as_of=NOW))
        assert await tx.lab.state("risk") == state
        assert await tx.lab.state("other") is None
        assert await tx.lab.pools_in_use(NOW) == ()
