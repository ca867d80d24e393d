"""Twins of jobs, plans and actions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from adapters.postgres.memory.tables import MemoryRepository, by_age, page_of
from adapters.postgres.ports.clusters import ClusterKey
from adapters.postgres.ports.work import refuse_stale
from domain.commands import PlanStatus
from domain.errors import InvariantError
from domain.fleet import Cluster, ClusterStatus
from domain.paging import Page, PageRequest
from domain.work import (
    ACTION_EXPIRED,
    MAX_TAKEN_ACTIONS,
    ActionResult,
    ActionStatus,
    AgentAction,
    Job,
    JobStatus,
    JobTrigger,
    RecordedResult,
    StoredPlan,
)

OPEN_JOB = (JobStatus.QUEUED, JobStatus.RUNNING)
OPEN_ACTION = (ActionStatus.PENDING, ActionStatus.PICKED_UP)


class MemoryJobs(MemoryRepository):
    """Twin of `Jobs`."""

    async def create(self, job: Job) -> bool:
        """Add a job."""
        return self._view.insert(job.id, job)

    async def get(self, job_id: UUID) -> Job | None:
        """One job."""
        return self._view.get(Job, job_id)

    async def of_cluster(self, cluster_id: UUID, request: PageRequest) -> Page[Job]:
        """Jobs of a cluster, newest first."""
        return page_of(self._view.all(Job, lambda job: job.cluster_id == cluster_id), request)

    async def start(self, job_id: UUID, now: datetime) -> bool:
        """Queued becomes running."""
        found = self._view.get(Job, job_id)
        if found is None or found.status != JobStatus.QUEUED:
            return False
        self._view.put(job_id, replace(found, status=JobStatus.RUNNING, started_at=now))
        return True

    async def complete(
        self, job_id: UUID, *, result: Mapping[str, object], plan_generation: int | None, now: datetime
    ) -> bool:
        """Queued or running becomes completed."""
        found = self._view.get(Job, job_id)
        if found is None or found.status not in OPEN_JOB:
            return False
        done = replace(found, status=JobStatus.COMPLETED, finished_at=now, result=dict(result))
        self._view.put(job_id, replace(done, plan_generation=plan_generation or found.plan_generation))
        return True

    async def fail(self, job_id: UUID, *, error: str, now: datetime) -> bool:
        """Queued or running becomes failed."""
        found = self._view.get(Job, job_id)
        if found is None or found.status not in OPEN_JOB:
            return False
        self._view.put(job_id, replace(found, status=JobStatus.FAILED, finished_at=now, error=error))
        return True

    async def unfinished(self, before: datetime) -> tuple[Job, ...]:
        """Jobs that have not ended."""
        self._view.platform_only()
        return tuple(by_age(self._view.all(Job, lambda job: job.status in OPEN_JOB and job.created_at < before)))

    async def due(self, *, planned_before: datetime, open_since: datetime, most: int) -> tuple[ClusterKey, ...]:
        """Active clusters that nobody has had planned lately."""
        self._view.platform_only()
        last: dict[UUID, datetime] = {}
        for job in self._view.all(Job):
            last[job.cluster_id] = max(job.created_at, last.get(job.cluster_id, job.created_at))
        waiting = sorted(
            (last.get(cluster.id, cluster.created_at), cluster.id, cluster.organization_id)
            for cluster in self._view.all(Cluster, lambda cluster: cluster.status == ClusterStatus.ACTIVE)
        )
        under_way = self._view.all(
            Job,
            lambda job: job.status in OPEN_JOB and job.trigger == JobTrigger.SCHEDULE and job.created_at > open_since,
        )
        due = [ClusterKey(cluster_id=id_, organization_id=home) for at, id_, home in waiting if at < planned_before]
        return tuple(due[: max(0, most - len(under_way))])

    async def prune(self, finished_before: datetime, *, most: int = 1_000) -> int:
        """Delete jobs that ended before that time."""
        self._view.platform_only()
        ended = self._view.all(Job, lambda job: job.finished_at is not None and job.finished_at < finished_before)
        doomed = sorted(ended, key=lambda job: (job.finished_at, job.id))[:most]
        for job in doomed:
            self._view.drop(Job, job.id)
            for plan in self._view.all(StoredPlan, lambda plan, gone=job.id: plan.job_id == gone):  # type: ignore[misc]
                self._view.put(plan.id, replace(plan, job_id=None))
        return len(doomed)


class MemoryPlans(MemoryRepository):
    """Twin of `Plans`."""

    async def insert(self, plan: StoredPlan) -> bool:
        """Keep a plan that follows from the accepted one."""
        same = await self.by_generation(plan.cluster_id, plan.generation)
        if same is not None and same.id == plan.id:
            return False
        last, accepted = await self.last_generation(plan.cluster_id), await self._accepted(plan.cluster_id)
        refuse_stale(plan, last=last, accepted=accepted)
        self._view.insert_new(plan.id, plan)
        return True

    async def set_status(
        self, cluster_id: UUID, generation: int, *, status: PlanStatus, reason: str, now: datetime
    ) -> bool:
        """Note how a plan stands."""
        if status == PlanStatus.ACCEPTED:
            raise InvariantError("a plan is accepted by accept, which checks its parent")
        found = await self.by_generation(cluster_id, generation)
        if found is not None:
            self._view.put(found.id, replace(found, status=status, status_reason=reason, updated_at=now))
        return found is not None

    async def accept(self, cluster_id: UUID, generation: int, *, reason: str, now: datetime) -> StoredPlan | None:
        """Make a plan the accepted one."""
        found = await self.by_generation(cluster_id, generation)
        if found is None or found.accepted_at is not None:
            return found
        refuse_stale(found, last=generation - 1, accepted=await self._accepted(cluster_id))
        changed = replace(found, status=PlanStatus.ACCEPTED, status_reason=reason, accepted_at=now, updated_at=now)
        self._view.put(found.id, changed)
        return changed

    async def get(self, plan_id: UUID) -> StoredPlan | None:
        """One plan."""
        return self._view.get(StoredPlan, plan_id)

    async def by_generation(self, cluster_id: UUID, generation: int) -> StoredPlan | None:
        """One plan by its number."""
        return next((plan for plan in self._of(cluster_id) if plan.generation == generation), None)

    async def accepted(self, cluster_id: UUID) -> StoredPlan | None:
        """The accepted plan."""
        ever = [plan for plan in self._of(cluster_id) if plan.accepted_at is not None]
        return max(ever, key=lambda plan: plan.generation, default=None)

    async def last_generation(self, cluster_id: UUID) -> int:
        """Number of the youngest plan."""
        return max((plan.generation for plan in self._of(cluster_id)), default=0)

    async def of_cluster(self, cluster_id: UUID, request: PageRequest) -> Page[StoredPlan]:
        """Plans of a cluster, newest first."""
        return page_of([replace(plan, body={}) for plan in self._of(cluster_id)], request)

    async def prune(self, made_before: datetime, *, most: int = 1_000) -> int:
        """Delete plans that nobody has accepted."""
        self._view.platform_only()
        old = self._view.all(StoredPlan, lambda plan: plan.accepted_at is None and plan.created_at < made_before)
        doomed = [
            plan
            for plan in sorted(old, key=lambda plan: plan.created_at)
            if plan.status != PlanStatus.AWAITING_APPROVAL
            and plan.generation < await self.last_generation(plan.cluster_id)
        ][:most]
        for plan in doomed:
            self._view.drop(StoredPlan, plan.id)
        return len(doomed)

    async def _accepted(self, cluster_id: UUID) -> int | None:
        plan = await self.accepted(cluster_id)
        return None if plan is None else plan.generation

    def _of(self, cluster_id: UUID) -> tuple[StoredPlan, ...]:
        return self._view.all(StoredPlan, lambda plan: plan.cluster_id == cluster_id)


class MemoryActions(MemoryRepository):
    """Twin of `Actions`."""

    async def queue(self, actions: Sequence[AgentAction]) -> tuple[UUID, ...]:
        """Keep many."""
        return tuple(action.id for action in actions if self._view.insert(action.id, action))

    async def get(self, action_id: UUID) -> AgentAction | None:
        """One action."""
        return self._view.get(AgentAction, action_id)

    async def take_pending(self, cluster_id: UUID, now: datetime) -> tuple[AgentAction, ...]:
        """Hand out pending actions."""
        fresh = [a for a in self._open(cluster_id) if a.status == ActionStatus.PENDING and a.expires_at > now]
        taken = [replace(a, status=ActionStatus.PICKED_UP, picked_up_at=now) for a in by_age(fresh)]
        for action in taken[:MAX_TAKEN_ACTIONS]:
            self._view.put(action.id, action)
        return tuple(taken[:MAX_TAKEN_ACTIONS])

    async def have_pending(self, cluster_ids: Sequence[UUID], now: datetime) -> frozenset[UUID]:
        """Which of many clusters have something to take."""
        self._view.platform_only()
        fresh = self._view.all(AgentAction, lambda a: a.status == ActionStatus.PENDING and a.expires_at > now)
        return frozenset(cluster_ids) & {action.cluster_id for action in fresh}

    async def record(self, result: ActionResult) -> RecordedResult | None:
        """Note a result once."""
        found = self._view.get(AgentAction, result.action_id)
        if found is None or found.cluster_id != result.cluster_id:
            return None
        if found.status != ActionStatus.PICKED_UP:
            return RecordedResult(action=found, first=False)
        ended = replace(found, status=result.status, completed_at=result.at, result=result.result, error=result.error)
        self._view.put(found.id, ended)
        return RecordedResult(action=ended, first=True)

    async def withdraw(self, cluster_id: UUID, action_ids: Sequence[UUID], *, reason: str, now: datetime) -> int:
        """Fail those that are still pending."""
        pending = [a for a in self._open(cluster_id) if a.status == ActionStatus.PENDING and a.id in action_ids]
        for action in pending:
            self._view.put(action.id, replace(action, status=ActionStatus.FAILED, completed_at=now, error=reason))
        return len(pending)

    async def expire(self, now: datetime, *, grace: timedelta, most: int = 1_000) -> tuple[AgentAction, ...]:
        """End overdue ones and return them."""
        self._view.platform_only()
        allowed = {ActionStatus.PENDING: timedelta(0), ActionStatus.PICKED_UP: grace}
        overdue = self._view.all(AgentAction, lambda a: a.status in allowed and a.expires_at <= now - allowed[a.status])
        first = sorted(overdue, key=lambda action: action.expires_at)[:most]
        ended = [replace(a, status=ActionStatus.EXPIRED, completed_at=now, error=ACTION_EXPIRED) for a in by_age(first)]
        for action in ended:
            self._view.put(action.id, action)
        return tuple(ended)

    async def of_cluster(self, cluster_id: UUID, request: PageRequest) -> Page[AgentAction]:
        """Actions of a cluster, newest first."""
        return page_of(self._view.all(AgentAction, lambda action: action.cluster_id == cluster_id), request)

    async def open_of_cluster(self, cluster_id: UUID) -> tuple[AgentAction, ...]:
        """Those that have not ended, oldest first."""
        return tuple(by_age(self._open(cluster_id)))

    def _open(self, cluster_id: UUID) -> tuple[AgentAction, ...]:
        return self._view.all(AgentAction, lambda a: a.cluster_id == cluster_id and a.status in OPEN_ACTION)
