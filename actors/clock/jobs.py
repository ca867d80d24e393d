"""The periodic jobs of the platform (SPEC 4, the parts that need no AWS)."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import uuid5

from actors.clock.clock import PeriodicJob
from actors.clock.schedule import Period
from actors.cluster.inputs import ActionFinished, AgentLost, AskedBy, Ended, OptimiseRequested
from actors.execution.agents import ConfigPermit
from actors.execution.aws import AccountEc2
from actors.execution.orphans import orphan_job
from actors.execution.sites import AccountSites
from actors.hosting.ports import Clusters
from actors.insight.jobs import insight_jobs
from actors.scoring.client import judge_models
from actors.services import Services
from adapters.postgres.ports.clusters import ClusterKey
from adapters.postgres.upkeep import upkeep
from domain.errors import RejectedError, TransientError
from domain.work import ACTION_EXPIRED, Job, JobStatus, JobTrigger

HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_S = "HEARTBEAT_TIMEOUT", 60.0
"""Name and default of the configuration: seconds without a heartbeat after which an agent counts as lost."""

PICKED_UP_GRACE = timedelta(seconds=120)
"""Time that an agent has beyond the expiry of an action that it has picked up: a drain waits for pods to end."""

DAY_S = 86_400.0

ROUTINE_AT_ONCE = 32
"""Routine plans that are asked for and not made yet, over all clusters."""

PLANNED_WITHIN = timedelta(minutes=3)
"""A routine plan that was asked for longer ago is being carried out, or was lost: it takes nobody's place."""


def platform_jobs(
    services: Services, clusters: Clusters, *, sweep_events: Callable[[], Awaitable[int]]
) -> tuple[PeriodicJob, ...]:
    """All jobs; ``sweep_events`` handles events that the stream has lost."""
    jobs = Jobs(services, clusters)

    async def sweep(_: datetime) -> str:
        count = await sweep_events()
        return f"handled {count} events from the inbox" if count else ""

    return (
        PeriodicJob(name="expire actions", period=Period(every_s=60), run=jobs.expire_actions),
        PeriodicJob(name="find silent agents", period=Period(every_s=15), run=jobs.find_silent_agents),
        PeriodicJob(name="sweep events", period=Period(every_s=10), run=sweep),
        PeriodicJob(name="judge risk models", period=Period(every_s=600), run=judge_models),
        PeriodicJob(name="plan routinely", period=Period(every_s=10), run=jobs.plan_routinely),
        PeriodicJob(name="upkeep", period=Period(every_s=DAY_S), run=jobs.upkeep),
        *insight_jobs(services),
        orphan_job(services, AccountEc2(AccountSites(services), ConfigPermit(services))),
    )


class Jobs:
    """What the jobs do."""

    def __init__(self, services: Services, clusters: Clusters) -> None:
        self._services = services
        self._clusters = clusters

    async def expire_actions(self, _: datetime) -> str:
        """End actions past their time, and tell their clusters."""
        now = self._services.clock.now()
        async with self._services.database.platform() as tx:
            expired = await tx.actions.expire(now, grace=PICKED_UP_GRACE)
        for action in expired:
            event = ActionFinished(
                id=f"end of {action.id}", at=now, action_id=str(action.id), ended=Ended.EXPIRED, error=ACTION_EXPIRED
            )
            try:
                await self._clusters.tell(action.cluster_id, event)
            except RejectedError:
                continue
        return f"expired {len(expired)} actions" if expired else ""

    async def find_silent_agents(self, _: datetime) -> str:
        """Note which clusters have not been heard of, and tell them."""
        now = self._services.clock.now()
        async with self._services.database.platform() as tx:
            timeout_s = float(await tx.config.get(HEARTBEAT_TIMEOUT) or HEARTBEAT_TIMEOUT_S)
            silent = await tx.clusters.silence(now - timedelta(seconds=timeout_s), now)
        for cluster in silent:
            event = AgentLost(id=f"silent {cluster.cluster_id} {now.isoformat()}", at=now)
            try:
                await self._clusters.tell(cluster.cluster_id, event)
            except RejectedError:
                continue
        return f"{len(silent)} agents have fallen silent" if silent else ""

    async def plan_routinely(self, due: datetime) -> str:
        """Have clusters planned that nobody has had planned for a while (WORK-OPT-01), those that wait longest first.

        Only so many at once: a plan that waits for long is made from what the cluster no longer is.
        """
        now, every_s = self._services.clock.now(), self._services.settings.optimization_interval_s
        if not every_s:
            return ""
        async with self._services.database.platform() as tx:
            waiting = await tx.jobs.due(
                planned_before=now - timedelta(seconds=every_s), open_since=now - PLANNED_WITHIN, most=ROUTINE_AT_ONCE
            )
            wanted = [_routine_job(cluster, now, due) for cluster in waiting]
            jobs = [job for job in wanted if await tx.jobs.create(job)]
        for job in jobs:
            await self._ask_for_plan(job)
        return f"{len(jobs)} clusters are to be planned" if jobs else ""

    async def _ask_for_plan(self, job: Job) -> None:
        now = self._services.clock.now()
        event = OptimiseRequested(id=f"optimise-{job.id}", at=now, job=str(job.id), by=AskedBy.SCHEDULE)
        try:
            await self._clusters.tell(job.cluster_id, event)
        except (RejectedError, TransientError) as err:
            async with self._services.database.platform() as tx:
                await tx.jobs.fail(job.id, error=str(err), now=now)

    async def upkeep(self, _: datetime) -> str:
        """Delete what has served its time, and prepare the next months."""
        settings = self._services.settings
        done = await upkeep(
            self._services.database,
            self._services.clock.now(),
            sagas_kept=timedelta(days=settings.saga_retention_days),
            plans_kept=timedelta(days=settings.plan_retention_days),
        )
        return ", ".join(f"{number} {what}" for what, number in done.items())


def _routine_job(cluster: ClusterKey, now: datetime, due: datetime) -> Job:
    """The same for the same due time, so that a run that is made up for asks no second time."""
    return Job(
        id=uuid5(cluster.cluster_id, f"routine {due.isoformat()}"),
        organization_id=cluster.organization_id,
        cluster_id=cluster.cluster_id,
        trigger=JobTrigger.SCHEDULE,
        status=JobStatus.QUEUED,
        created_at=now,
        reason="routine",
    )
