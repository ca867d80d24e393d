"""The periodic jobs of the platform (SPEC 4, the parts that need no AWS)."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from actors.clock.clock import PeriodicJob
from actors.clock.schedule import Period
from actors.cluster.inputs import ActionFinished, AgentLost, Ended
from actors.execution.agents import ConfigPermit
from actors.execution.aws import AccountEc2
from actors.execution.orphans import orphan_job
from actors.execution.sites import AccountSites
from actors.hosting.ports import Clusters
from actors.insight.jobs import insight_jobs
from actors.scoring.client import judge_models
from actors.services import Services
from adapters.postgres.upkeep import upkeep
from domain.errors import RejectedError
from domain.work import ACTION_EXPIRED

HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_S = "HEARTBEAT_TIMEOUT", 60.0
"""Name and default of the configuration: seconds without a heartbeat after which an agent counts as lost."""

PICKED_UP_GRACE = timedelta(seconds=120)
"""Time that an agent has beyond the expiry of an action that it has picked up: a drain waits for pods to end."""

DAY_S = 86_400.0


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

    async def upkeep(self, _: datetime) -> str:
        """Delete what has served its time, and prepare the next months."""
        kept = timedelta(days=self._services.settings.saga_retention_days)
        done = await upkeep(self._services.database, self._services.clock.now(), sagas_kept=kept)
        return ", ".join(f"{number} {what}" for what, number in done.items())
