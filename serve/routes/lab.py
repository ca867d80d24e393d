"""The model lab: compare, graduate, switch."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from actors.lab.experiments import summary
from actors.lab.instances import pool_of_instance
from domain.lab import ExperimentMode, LabExperiment, ModelSwitch
from serve.auth.callers import SuperAdmin
from serve.gateway.context import Gateway, GatewayDep
from serve.gateway.paging import Paging, to_answer
from serve.gateway.problems import invalid, not_found
from serve.routes.models import LabDep, ScribeDep
from serve.routes.responses import CHANGES, SIGNED_IN, problems
from serve.schemas.base import Done, PageAnswer
from serve.schemas.lab import ExperimentModel, GraduateBody, LiveSwitchBody, ParallelBody, ParallelConfigBody

router = APIRouter(prefix="/lab", tags=["lab"])


@router.post("/parallel", status_code=201, responses=CHANGES)
async def start(body: ParallelBody, scribe: ScribeDep, lab: LabDep) -> ExperimentModel:
    """Compare a model with the one in production: both speak of the same pools, one round an hour."""
    experiment = await lab.compare(
        body.name, body.model_id, mode=ExperimentMode(body.mode), share=body.share, false_rate=body.false_rate,
        by=scribe.caller.email, audit=scribe,
    )  # fmt: skip
    return _model(experiment)


@router.post("/parallel-config", responses=CHANGES)
async def configure(body: ParallelConfigBody, scribe: ScribeDep, lab: LabDep) -> ExperimentModel:
    """Change the share of clusters that a variant serves, or stop its comparison."""
    found = await lab.configure(
        body.experiment_id, share=body.share, stop=body.stop, by=scribe.caller.email, audit=scribe
    )
    return _model(found)


@router.get("/parallel-results", responses=SIGNED_IN | problems(404))
async def results(
    caller: SuperAdmin,
    paging: Paging,
    gateway: GatewayDep,
    experiment_id: Annotated[UUID | None, Query(description="one comparison instead of all")] = None,
) -> PageAnswer[ExperimentModel]:
    """How comparisons stand, newest first. Evidence may be looked at as often as one likes."""
    del caller
    async with gateway.services.database.platform() as tx:
        if experiment_id is None:
            return to_answer(await tx.lab.page(paging), _model)
        found = await tx.lab.get(experiment_id)
    if found is None:
        raise not_found("comparison")
    return PageAnswer(items=[_model(found)])


@router.post("/graduate", responses=CHANGES)
async def graduate(body: GraduateBody, scribe: ScribeDep, lab: LabDep) -> ExperimentModel:
    """Put a variant into production that was found better; refused (409) before that.

    From then on it is watched against the model that it replaces, and gives way by itself when it is found worse.
    """
    return _model(await lab.graduate(body.experiment_id, by=scribe.caller.email, audit=scribe))


@router.post("/live-switch", responses=CHANGES)
async def live_switch(body: LiveSwitchBody, scribe: ScribeDep, gateway: GatewayDep, lab: LabDep) -> Done:
    """Have a model serve one cluster or one instance, at once; without a model, as production does again."""
    switch = await _switch(body, gateway)
    if body.model_id is None:
        async with gateway.services.database.platform() as tx:
            known = [one for one in await tx.models.switches() if one.cluster_id == body.cluster_id]
        before = next((one for one in known if one.instance_id == body.instance_id), None)
        if before is None:
            raise invalid("body.model_id", "is needed: nothing is switched there")
        await lab.switch(before, on=False, by=scribe.caller.email, audit=scribe)
        return Done()
    await lab.switch(switch, on=True, by=scribe.caller.email, audit=scribe)
    return Done()


async def _switch(body: LiveSwitchBody, gateway: Gateway) -> ModelSwitch:
    async with gateway.services.database.platform() as tx:
        cluster = await tx.clusters.get(body.cluster_id)
        snapshot = await tx.snapshots.get(body.cluster_id) if body.instance_id else None
    if cluster is None:
        raise not_found("cluster")
    whole = ModelSwitch(
        organization_id=cluster.organization_id, cluster_id=cluster.id, model_id=body.model_id or UUID(int=0),
        switched_at=gateway.services.clock.now(),
    )  # fmt: skip
    if not body.instance_id or body.model_id is None:
        return whole
    pool = await asyncio.to_thread(pool_of_instance, snapshot, body.instance_id) if snapshot else None
    if pool is None:
        raise invalid("body.instance_id", "is no node of the cluster's last snapshot")
    return ModelSwitch(
        organization_id=whole.organization_id, cluster_id=whole.cluster_id, model_id=whole.model_id,
        switched_at=whole.switched_at, instance_id=body.instance_id, zone_id=pool.zone_id,
        instance_type=pool.instance_type,
    )  # fmt: skip


def _model(one: LabExperiment) -> ExperimentModel:
    names = ("id", "name", "control_model_id", "variant_model_id", "status", "mode", "share", "false_rate")
    more = ("created_by", "created_at", "stopped_at")
    return ExperimentModel(**{name: getattr(one, name) for name in (*names, *more)}, **summary(one))
