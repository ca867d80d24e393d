"""Plans and jobs of a cluster."""

from uuid import UUID, uuid5

from fastapi import APIRouter, Request, Response

from actors.cluster.inputs import PlanApproved
from adapters.postgres.ports import Transaction
from domain.commands import PlanStatus
from domain.errors import RejectedError, TransientError
from domain.work import StoredPlan
from serve.auth.callers import Operator, Viewer
from serve.gateway.context import GatewayDep
from serve.gateway.paging import Paging, to_answer
from serve.gateway.problems import ProblemError, not_found
from serve.routes.clusters import given_up, mine, queued_job
from serve.routes.responses import CHANGES, OF_CLUSTER
from serve.schemas.base import PageAnswer
from serve.schemas.clusters import JobModel, PlanDetail, PlanModel

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
    """A plan: nodes, actions in order, each with its reason, and the proof."""
    async with gateway.services.database.tenant(caller.home) as tx:
        plan = await _plan(tx, cluster_id, plan_id)
    return PlanDetail(plan=PlanModel.model_validate(plan), body=plan.body)


@router.post("/plans/{plan_id}/approve", status_code=202, responses=CHANGES)
async def approve(
    cluster_id: UUID, plan_id: UUID, caller: Operator, request: Request, response: Response, gateway: GatewayDep
) -> JobModel:
    """Have a plan carried out that awaits approval. The answer is the job; approving twice begins no second one."""
    async with gateway.services.database.tenant(caller.home) as tx:
        plan = await _plan(tx, cluster_id, plan_id)
    job_id = uuid5(plan.id, "approved")
    reason = f"plan {plan.generation} was approved"
    if plan.status is not PlanStatus.AWAITING_APPROVAL:
        async with gateway.services.database.tenant(caller.home) as tx:
            before = await tx.jobs.get(job_id)
        if before is None:
            raise ProblemError(409, f"plan {plan.generation} does not await approval: it is {plan.status}")
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
    response.headers["Location"] = f"/api/clusters/{cluster_id}/jobs/{job.id}"
    return JobModel.model_validate(job)


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
