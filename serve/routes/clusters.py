"""Clusters: list, look at, connect, verify, install the agent, optimise."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID, uuid5

from fastapi import APIRouter, Header, Request, Response

from actors.cluster.inputs import AskedBy, OptimiseRequested
from actors.cluster.records import Mode
from actors.hosting.ports import ClusterView
from adapters.postgres.ids import new_id
from adapters.postgres.ports import Transaction
from adapters.settings import Settings
from domain.errors import RejectedError, TransientError
from domain.fleet import Cluster, ClusterStatus, PolicySection
from domain.work import Job, JobStatus, JobTrigger
from serve.auth.agents import make_key
from serve.auth.callers import Manager, Member, Operator, Viewer
from serve.gateway.answers import drop, kept
from serve.gateway.auditing import entry
from serve.gateway.context import Gateway, GatewayDep
from serve.gateway.problems import ProblemError, not_found, unavailable
from serve.gateway.tables import WhichClusters, is_first_look, name_of, table_answer
from serve.routes.connect import account_models
from serve.routes.responses import CHANGES, OF_CLUSTER, SIGNED_IN
from serve.schemas.clusters import (
    CheckModel,
    CheckState,
    ClusterDetail,
    ClusterModel,
    ClusterPageAnswer,
    ConnectCluster,
    InstallAgent,
    InstallAnswer,
    JobModel,
    LiveModel,
    VerifyAnswer,
)
from serve.schemas.connect import DiscoverAnswer, FoundClusterModel

router = APIRouter(prefix="/clusters", tags=["clusters"])

HEARTBEAT_FRESH = timedelta(seconds=90)
"""Three heartbeats of 30 s: an agent unheard of for longer is not there."""
SNAPSHOT_FRESH = timedelta(minutes=5)
LIST_KEPT_S = 60.0
"""A list of clusters is at most so old; it is made anew when one is seen to have changed."""
CHART = "spot-optimizer/spot-optimizer-agent"

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=128,
        pattern=r"^[\x21-\x7e]+$",
        description="repeating the request with the same key begins no second job",
    ),
]


@router.get("", responses=SIGNED_IN, response_model=ClusterPageAnswer)
async def list_clusters(caller: Viewer, query: WhichClusters, gateway: GatewayDep) -> Response:
    """Clusters of the organisation with what they run, cost and save; newest first unless asked otherwise."""

    async def make() -> ClusterPageAnswer:
        async with gateway.services.database.tenant(caller.home) as tx:
            table = await tx.overviews.table(caller.home, query)
        return table_answer(table, query)

    if not is_first_look(query):
        return Response((await make()).model_dump_json(), media_type="application/json")
    return await kept(gateway, caller.home, f"clusters {name_of(query)}", ttl_s=LIST_KEPT_S, make=make)


@router.get("/discover", responses=SIGNED_IN)
async def discover(caller: Viewer, gateway: GatewayDep) -> DiscoverAnswer:
    """EKS clusters found in all linked AWS accounts, connected or not, and how discovery stands."""
    async with gateway.services.database.tenant(caller.home) as tx:
        found = await tx.sites.of_organization(caller.home)
        accounts = await account_models(tx, caller.home)
    return DiscoverAnswer(clusters=[FoundClusterModel.model_validate(one) for one in found], accounts=accounts)


@router.post("/connect", status_code=201, responses=CHANGES)
async def connect(body: ConnectCluster, caller: Operator, request: Request, gateway: GatewayDep) -> ClusterModel:
    """Add a cluster. It is pending until its agent registers."""
    now = gateway.services.clock.now()
    cluster = Cluster(
        id=new_id(),
        organization_id=caller.home,
        name=body.name,
        region=body.region,
        status=ClusterStatus.PENDING,
        created_at=now,
        updated_at=now,
        account_id=body.account_id,
    )
    async with gateway.services.database.tenant(caller.home) as tx:
        await tx.clusters.create(cluster)
        if body.mode is not Mode.RECOMMEND:
            await tx.policies.set_section(cluster.id, PolicySection.STRATEGY, {"mode": str(body.mode)}, now=now)
        audited = entry(
            request,
            gateway.services.clock,
            actor=caller.email,
            organization_id=caller.home,
            event="cluster_connected",
            resource=("cluster", str(cluster.id)),
            after={"name": cluster.name, "region": cluster.region, "mode": str(body.mode)},
        )
        await tx.audit.append([audited])
    await drop(gateway, caller.home)
    return ClusterModel.model_validate(cluster)


@router.post("/install", responses=CHANGES)
async def install(body: InstallAgent, caller: Manager, request: Request, gateway: GatewayDep) -> InstallAnswer:
    """The Helm command that installs the agent, with a fresh key that is shown this once."""
    services = gateway.services
    made = make_key(
        services.keys,
        organization_id=caller.home,
        cluster_id=body.cluster_id,
        label=body.label,
        now=services.clock.now(),
        expires_at=None,
    )
    async with services.database.tenant(caller.home) as tx:
        cluster = await mine(tx, body.cluster_id)
        await tx.api_keys.create(made.key, made.signing)
        audited = entry(
            request,
            services.clock,
            actor=caller.email,
            organization_id=caller.home,
            event="api_key_created",
            resource=("api_key", str(made.key.id)),
            text=f"key {made.key.prefix}… to install the agent in cluster {cluster.name}",
        )
        await tx.audit.append([audited])
    return InstallAnswer(
        cluster_id=cluster.id,
        key_id=made.key.id,
        api_key=made.token,
        command=helm_command(services.settings, cluster.id, made.token),
    )


@router.get("/{cluster_id}", responses=OF_CLUSTER)
async def get_cluster(cluster_id: UUID, caller: Viewer, gateway: GatewayDep) -> ClusterDetail:
    """A cluster, and how it stands now."""
    async with gateway.services.database.tenant(caller.home) as tx:
        cluster = await mine(tx, cluster_id)
    return ClusterDetail(cluster=ClusterModel.model_validate(cluster), live=await _live(gateway, cluster_id))


@router.get("/{cluster_id}/verify", responses=OF_CLUSTER)
async def verify(cluster_id: UUID, caller: Viewer, gateway: GatewayDep) -> VerifyAnswer:
    """Whether the cluster is connected as it should be, check by check."""
    async with gateway.services.database.tenant(caller.home) as tx:
        cluster = await mine(tx, cluster_id)
        keys = await tx.api_keys.of_cluster(cluster_id)
    now = gateway.services.clock.now()
    valid = any(key.revoked_at is None and (key.expires_at is None or key.expires_at > now) for key in keys)
    heard = cluster.last_heartbeat_at
    live = await _live(gateway, cluster_id) if heard is not None else None
    seen = live.snapshot_at if live else None
    checks = [
        _check("API key", valid, done="a valid key is there", missing="make a key: POST /api/clusters/install"),
        _check(
            "agent registered",
            bool(cluster.kubernetes_version),
            done=f"Kubernetes {cluster.kubernetes_version}",
            missing="the agent has not registered yet",
        ),
        _fresh("heartbeat", heard is not None, heard is not None and now - heard <= HEARTBEAT_FRESH),
        _fresh("snapshot", seen is not None, seen is not None and now - seen <= SNAPSHOT_FRESH),
    ]
    return VerifyAnswer(ok=all(check.state is CheckState.OK for check in checks), checks=checks)


@router.post("/{cluster_id}/optimize", status_code=202, responses=CHANGES)
async def optimize(
    cluster_id: UUID,
    caller: Operator,
    request: Request,
    response: Response,
    gateway: GatewayDep,
    idempotency_key: IdempotencyKey = None,
) -> JobModel:
    """Have the cluster planned now. The answer is a job; its end is told on the WebSocket."""
    job_id = uuid5(cluster_id, f"{caller.home} {idempotency_key}") if idempotency_key else new_id()
    job, fresh = await queued_job(request, gateway, caller, cluster_id, job_id=job_id, reason="asked for by hand")
    if fresh:
        asked = OptimiseRequested(
            id=f"optimise-{job.id}", at=gateway.services.clock.now(), job=str(job.id), by=AskedBy.USER
        )
        try:
            await gateway.clusters.tell(cluster_id, asked)
        except (TransientError, RejectedError) as err:
            raise await given_up(gateway, job, err) from err
    response.headers["Location"] = f"/api/clusters/{cluster_id}/jobs/{job.id}"
    return JobModel.model_validate(job)


async def mine(tx: Transaction, cluster_id: UUID) -> Cluster:
    """A cluster of the tenant whose transaction this is; another's is not there."""
    cluster = await tx.clusters.get(cluster_id)
    if cluster is None:
        raise not_found("cluster")
    return cluster


async def queued_job(
    request: Request, gateway: Gateway, caller: Member, cluster_id: UUID, *, job_id: UUID, reason: str
) -> tuple[Job, bool]:
    """A job that somebody asked for, and whether it is new."""
    job = Job(
        id=job_id,
        organization_id=caller.home,
        cluster_id=cluster_id,
        trigger=JobTrigger.USER,
        status=JobStatus.QUEUED,
        created_at=gateway.services.clock.now(),
        reason=reason,
        requested_by=caller.user_id,
    )
    async with gateway.services.database.tenant(caller.home) as tx:
        cluster = await mine(tx, cluster_id)
        if cluster.status is ClusterStatus.DISCONNECTED:
            raise ProblemError(409, "the cluster is disconnected", kind="disconnected")
        fresh = await tx.jobs.create(job)
        kept = job if fresh else await tx.jobs.get(job_id)
        if fresh:
            audited = entry(
                request,
                gateway.services.clock,
                actor=caller.email,
                organization_id=caller.home,
                event="job_requested",
                resource=("cluster", str(cluster_id)),
                text=reason,
            )
            await tx.audit.append([audited])
    return kept or job, fresh


async def given_up(gateway: Gateway, job: Job, error: TransientError | RejectedError) -> ProblemError:
    """End a job whose cluster could not be told, and say so."""
    async with gateway.services.database.tenant(job.organization_id) as tx:
        await tx.jobs.fail(job.id, error=str(error), now=gateway.services.clock.now())
    return unavailable() if isinstance(error, TransientError) else ProblemError(409, str(error))


def helm_command(settings: Settings, cluster_id: UUID, token: str) -> str:
    """How to install the agent. URL, id and key hold no character that a shell reads."""
    return (
        f"helm upgrade --install spot-optimizer-agent {CHART} --namespace spot-optimizer --create-namespace "
        f"--set apiUrl={settings.url} --set clusterId={cluster_id} --set apiToken={token}"
    )


async def _live(gateway: Gateway, cluster_id: UUID) -> LiveModel | None:
    try:
        view: ClusterView = await gateway.clusters.view(cluster_id)
    except (TransientError, RejectedError):
        return None
    return LiveModel.model_validate(view)


def _check(name: str, passed: object, *, done: str, missing: str) -> CheckModel:
    state = CheckState.OK if passed else CheckState.WAITING
    return CheckModel(name=name, state=state, detail=done if passed else missing)


def _fresh(name: str, ever: object, fresh: object) -> CheckModel:
    if not ever:
        return CheckModel(name=name, state=CheckState.WAITING, detail="none has come yet")
    if fresh:
        return CheckModel(name=name, state=CheckState.OK, detail="fresh")
    return CheckModel(name=name, state=CheckState.FAILED, detail="the last one is too old")
