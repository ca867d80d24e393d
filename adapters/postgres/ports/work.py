"""Jobs, plans, actions and accepted events."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from adapters.postgres.ports.clusters import ClusterKey
from domain.commands import PlanStatus
from domain.errors import RejectedError
from domain.paging import Page, PageRequest
from domain.work import ActionResult, AgentAction, InboxEvent, Job, RecordedResult, StoredPlan

EventKey = tuple[UUID, str]
"""Cluster and event id."""


class StalePlanError(RejectedError):
    """A plan that does not follow from what is accepted: plan anew.

    Parameters
    ----------
    problem
        What it says and what it should say.
    last_generation, accepted_generation
        Of the plans that are kept; 0 and ``None`` when there are none.
    """

    def __init__(self, problem: str, last_generation: int, accepted_generation: int | None) -> None:
        super().__init__(problem, last_generation, accepted_generation)
        self.problem = problem
        self.last_generation = last_generation
        self.accepted_generation = accepted_generation

    def __str__(self) -> str:
        return self.problem


def refuse_stale(plan: StoredPlan, *, last: int, accepted: int | None) -> None:
    """Refuse a plan that does not follow from the ``last`` generation and the ``accepted`` one."""
    if plan.generation <= last:
        raise StalePlanError(f"plan {plan.generation} must come after plan {last} of its cluster", last, accepted)
    if plan.parent != accepted:
        found, wanted = plan.parent or "no plan", accepted or "no plan"
        raise StalePlanError(f"plan {plan.generation} builds on {found}, accepted is {wanted}", last, accepted)


class Jobs(Protocol):
    """Runs of the optimizer. A job that has ended never changes again."""

    async def create(self, job: Job) -> bool:
        """Add a job; false when it is there already."""

    async def get(self, job_id: UUID) -> Job | None:
        """One job."""

    async def of_cluster(self, cluster_id: UUID, request: PageRequest) -> Page[Job]:
        """Jobs of a cluster, newest first."""

    async def start(self, job_id: UUID, now: datetime) -> bool:
        """Queued becomes running."""

    async def complete(
        self, job_id: UUID, *, result: Mapping[str, object], plan_generation: int | None, now: datetime
    ) -> bool:
        """Queued or running becomes completed."""

    async def fail(self, job_id: UUID, *, error: str, now: datetime) -> bool:
        """Queued or running becomes failed."""

    async def unfinished(self, before: datetime) -> tuple[Job, ...]:
        """Jobs made before that time that have not ended, oldest first, at most 1 000 (platform scope)."""

    async def due(self, *, planned_before: datetime, open_since: datetime, most: int) -> tuple[ClusterKey, ...]:
        """Active clusters with no job since ``planned_before``, those that wait longest first (platform scope).

        At most so many less the scheduled jobs made after ``open_since`` that have not ended.
        """

    async def prune(self, finished_before: datetime, *, most: int = 1_000) -> int:
        """Delete jobs that ended before that time; says how many (platform scope)."""


class Plans(Protocol):
    """Plans: never changed, save their status."""

    async def insert(self, plan: StoredPlan) -> bool:
        """Keep a plan; false when this very plan is kept already.

        Raises
        ------
        StalePlanError
            It does not come after the last generation, or its parent is not the accepted plan. Numbers may be
            skipped: not every plan that was asked for is made.
        """

    async def set_status(
        self, cluster_id: UUID, generation: int, *, status: PlanStatus, reason: str, now: datetime
    ) -> bool:
        """Note how a plan stands; ``ACCEPTED`` is for `accept`."""

    async def accept(self, cluster_id: UUID, generation: int, *, reason: str, now: datetime) -> StoredPlan | None:
        """Make a plan the accepted one, ``None`` when there is no such plan. Accepting it again changes nothing.

        Raises
        ------
        StalePlanError
            Its parent is no longer the accepted plan.
        """

    async def get(self, plan_id: UUID) -> StoredPlan | None:
        """One plan."""

    async def by_generation(self, cluster_id: UUID, generation: int) -> StoredPlan | None:
        """One plan by its number."""

    async def accepted(self, cluster_id: UUID) -> StoredPlan | None:
        """The accepted plan: the youngest that ever was."""

    async def last_generation(self, cluster_id: UUID) -> int:
        """Number of the youngest plan, 0 when there is none."""

    async def of_cluster(self, cluster_id: UUID, request: PageRequest) -> Page[StoredPlan]:
        """Plans of a cluster, newest first, their bodies left empty."""

    async def prune(self, made_before: datetime, *, most: int = 1_000) -> int:
        """Delete plans made before that time that nobody has accepted; says how many (platform scope).

        The newest of each cluster stays, and what awaits approval.
        """


class Actions(Protocol):
    """Actions for agents."""

    async def queue(self, actions: Sequence[AgentAction]) -> tuple[UUID, ...]:
        """Keep many in one statement; ids of those that were not there before."""

    async def get(self, action_id: UUID) -> AgentAction | None:
        """One action."""

    async def take_pending(self, cluster_id: UUID, now: datetime) -> tuple[AgentAction, ...]:
        """Hand out at most 10 pending actions, oldest first, expired left out. None is ever handed out twice."""

    async def have_pending(self, cluster_ids: Sequence[UUID], now: datetime) -> frozenset[UUID]:
        """Which of many clusters have something to take (platform scope)."""

    async def record(self, result: ActionResult) -> RecordedResult | None:
        """Note a result once; ``None`` when the cluster has no such action.

        Only an action that was picked up can end by a result. What has ended stays as it ended.
        """

    async def withdraw(self, cluster_id: UUID, action_ids: Sequence[UUID], *, reason: str, now: datetime) -> int:
        """Fail those that are still pending."""

    async def expire(self, now: datetime, *, grace: timedelta, most: int = 1_000) -> tuple[AgentAction, ...]:
        """End overdue ones and return them (platform scope).

        Pending ones are overdue at their expiry, those picked up ``grace`` later: the agent may be at work.
        """

    async def of_cluster(self, cluster_id: UUID, request: PageRequest) -> Page[AgentAction]:
        """Actions of a cluster, newest first."""

    async def open_of_cluster(self, cluster_id: UUID) -> tuple[AgentAction, ...]:
        """Those that have not ended, oldest first: for a host that rebuilds itself."""


class Inbox(Protocol):
    """Accepted events. What is here is never lost; the stream in Redis is the fast copy."""

    async def accept(self, events: Sequence[InboxEvent]) -> tuple[EventKey, ...]:
        """Keep many in one statement; keys of those that were not there before."""

    async def get(self, key: EventKey) -> InboxEvent | None:
        """One event."""

    async def claim(self, key: EventKey, *, now: datetime, until: datetime) -> InboxEvent | None:
        """Take one event to work on; ``None`` when it has ended or somebody is at work on it."""

    async def claim_next(self, *, now: datetime, until: datetime, most: int = 100) -> tuple[InboxEvent, ...]:
        """Take the most urgent ones, oldest first within a priority: for work without the stream."""

    async def done(self, keys: Sequence[EventKey], now: datetime) -> int:
        """These are handled."""

    async def ignore(self, keys: Sequence[EventKey], *, reason: str, now: datetime) -> int:
        """These need no handling."""

    async def failed(self, key: EventKey, *, error: str, now: datetime, retry_at: datetime) -> InboxEvent | None:
        """Count a try: the event waits for ``retry_at``, or is dead after the third. ``None`` when it has ended."""

    async def dead_letters(self, request: PageRequest) -> Page[InboxEvent]:
        """Dead events, newest first. The cursor's id is that of the cluster."""

    async def revive(self, key: EventKey, now: datetime) -> bool:
        """Give a dead event three more tries."""

    async def unfinished(
        self, *, accepted_before: datetime, now: datetime, most: int = 1_000
    ) -> tuple[InboxEvent, ...]:
        """Events that have not ended, nobody is at work on, and whose time to try has come; most urgent first."""

    async def count_unfinished(self) -> Mapping[int, int]:
        """How many have not ended, by priority."""

    async def prune(self, done_before: datetime, *, most: int = 10_000) -> int:
        """Delete those handled or ignored before that time; dead ones stay."""
