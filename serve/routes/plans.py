"""Plans and jobs of a cluster."""

from datetime import datetime
from uuid import UUID, uuid5

from fastapi import APIRouter, Request, Response

from actors.cluster.execution import saga_of
from actors.cluster.inputs import PlanApproved, PlanRejected
from actors.cluster.planning import stale_at
from actors.cluster.records import ClusterSettings
from actors.hosting.briefs import DECISION
from adapters.postgres.ports import Transaction
from domain.commands import PlanStatus
from domain.errors import RejectedError, TransientError
from domain.work import Job, JobStatus, StoredPlan
from serve.auth.callers import Operator, Viewer
from serve.gateway.auditing import entry
from serve.gateway.context import Gateway, GatewayDep
from serve.gateway.paging import Paging, to_answer
from serve.gateway.problems import ProblemError, not_found, unavailable
from serve.routes.clusters import given_up, mine, queued_job
from serve.routes.decisions import decision_of, saga_model
from serve.routes.responses import CHANGES, OF_CLUSTER
from serve.schemas.base import PageAnswer
from serve.schemas.clusters import JobModel, PlanModel
from serve.schemas.plans import PlanDetail

router = APIRouter(prefix="/clusters/{cluster_id}", tags=["plans"])


@router.get("/plans", responses=OF_CLUSTER)
async def list_plans(cluster_id: UUID, caller: Viewer, paging: Paging, gateway: GatewayDep) -> PageAnswer[PlanModel]:
    """Plans of a cluster, newest first, without their bodies."""
    async with gateway.services.database.tenant(caller.home) as tx:
        await mine(tx, cluster_id)
        page = await tx.plans.of_cluster(cluster_id, paging)
    return to_answer(page, PlanModel.model_validate)


@router.get("/plans/{plan_id}", responses=OF_CLUSTER)
async def get_plan(cluster_id: UUID, plan_id: UUID, caller: Viewer, gateway: GatewayDep) -> PlanDetail:
    """A plan: nodes, actions in order, each with its reason, the proof; what was decided on it, and how far it is."""
    async with gateway.services.database.tenant(caller.home) as tx:
        plan = await _plan(tx, cluster_id, plan_id)
        saga_id = UUID(saga_of(str(cluster_id), plan.generation))
        saga = await tx.sagas.get(saga_id)
        steps = await tx.sagas.steps(saga_id) if saga is not None else ()
    waits = plan.status is PlanStatus.AWAITING_APPROVAL
    return PlanDetail(
        plan=PlanModel.model_validate(plan),
        stale_at=_stale_at(plan) if waits else None,
        body={key: value for key, value in plan.body.items() if key != DECISION},
        decision=decision_of(plan),
        saga=saga_model(saga, steps) if saga is not None else None,
    )


@router.post("/plans/{plan_id}/approve", status_code=202, responses=CHANGES)
async def approve(
    cluster_id: UUID, plan_id: UUID, caller: Operator, request: Request, response: Response, gateway: GatewayDep
) -> JobModel:
    """Have a plan carried out that awaits approval. The answer is the job; approving twice begins no second one.

    A plan that has gone stale, or that does not fit the cluster any more, is a conflict that says why.
    """
    async with gateway.services.database.tenant(caller.home) as tx:
        plan = await _plan(tx, cluster_id, plan_id)
    job_id = uuid5(plan.id, "approved")
    reason = f"plan {plan.generation} was approved"
    if plan.status is not PlanStatus.AWAITING_APPROVAL:
        async with gateway.services.database.tenant(caller.home) as tx:
            before = await tx.jobs.get(job_id)
        if before is None:
            raise _not_waiting(plan)
    elif gateway.services.clock.now() >= _stale_at(plan):
        stale_at = _stale_at(plan).isoformat(timespec="seconds")
        raise ProblemError(409, f"plan {plan.generation} went stale at {stale_at}: ask for a new one", kind="stale")
    job, fresh = await queued_job(request, gateway, caller, cluster_id, job_id=job_id, reason=reason)
    if fresh:
        approved = PlanApproved(
            id=f"approve-{plan.id}",
            at=gateway.services.clock.now(),
            generation=plan.generation,
            job=str(job.id),
            by=caller.email,
        )
        try:
            await gateway.clusters.tell(cluster_id, approved)
        except (TransientError, RejectedError) as err:
            raise await given_up(gateway, job, err) from err
        job = await _as_it_stands(gateway, job)
        if job.status is JobStatus.FAILED:
            raise ProblemError(409, job.error, kind="stale")
    response.headers["Location"] = f"/api/clusters/{cluster_id}/jobs/{job.id}"
    return JobModel.model_validate(job)


@router.post("/plans/{plan_id}/discard", responses=CHANGES)
async def discard(
    cluster_id: UUID, plan_id: UUID, caller: Operator, request: Request, gateway: GatewayDep
) -> PlanModel:
    """Throw a plan away that awaits approval or is recommended. Discarding it again changes nothing."""
    services, now = gateway.services, gateway.services.clock.now()
    async with services.database.tenant(caller.home) as tx:
        plan = await _plan(tx, cluster_id, plan_id)
    if plan.status is PlanStatus.REJECTED:
        return PlanModel.model_validate(plan)
    if plan.status not in (PlanStatus.AWAITING_APPROVAL, PlanStatus.RECOMMENDED):
        raise _not_waiting(plan)
    reason = f"discarded by {caller.email}"
    if plan.status is PlanStatus.AWAITING_APPROVAL:
        event = PlanRejected(id=f"discard-{plan.id}", at=now, generation=plan.generation, by=caller.email)
        try:
            await gateway.clusters.tell(cluster_id, event)
        except TransientError as err:
            raise unavailable() from err
    async with services.database.tenant(caller.home) as tx:
        status = PlanStatus.REJECTED
        await tx.plans.set_status(cluster_id, plan.generation, status=status, reason=reason, now=now)
        audited = entry(
            request,
            services.clock,
            actor=caller.email,
            organization_id=caller.home,
            event="plan_discarded",
            resource=("cluster", str(cluster_id)),
            text=f"plan {plan.generation} was discarded",
            before={"status": str(plan.status)},
            after={"status": str(status)},
        )
        await tx.audit.append([audited])
        return PlanModel.model_validate(await _plan(tx, cluster_id, plan_id))


@router.get("/jobs", responses=OF_CLUSTER)
async def list_jobs(cluster_id: UUID, caller: Viewer, paging: Paging, gateway: GatewayDep) -> PageAnswer[JobModel]:
    """Jobs of a cluster, newest first."""
    async with gateway.services.database.tenant(caller.home) as tx:
        await mine(tx, cluster_id)
        page = await tx.jobs.of_cluster(cluster_id, paging)
    return to_answer(page, JobModel.model_validate)


@router.get("/jobs/{job_id}", responses=OF_CLUSTER)
async def get_job(cluster_id: UUID, job_id: UUID, caller: Viewer, gateway: GatewayDep) -> JobModel:
    """One job."""
    async with gateway.services.database.tenant(caller.home) as tx:
        job = await tx.jobs.get(job_id)
    if job is None or job.cluster_id != cluster_id:
        raise not_found("job")
    return JobModel.model_validate(job)


async def _plan(tx: Transaction, cluster_id: UUID, plan_id: UUID) -> StoredPlan:
    plan = await tx.plans.get(plan_id)
    if plan is None or plan.cluster_id != cluster_id:
        raise not_found("plan")
    return plan


async def _as_it_stands(gateway: Gateway, job: Job) -> Job:
    """The job after its cluster was told: one that was refused has failed by now."""
    async with gateway.services.database.tenant(job.organization_id) as tx:
        return await tx.jobs.get(job.id) or job


def _stale_at(plan: StoredPlan) -> datetime:
    return stale_at(plan.observed_at, ClusterSettings())


def _not_waiting(plan: StoredPlan) -> ProblemError:
    reason = f", {plan.status_reason}" if plan.status_reason else ""
    return ProblemError(409, f"plan {plan.generation} does not await approval: it is {plan.status}{reason}")
