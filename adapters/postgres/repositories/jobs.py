"""Runs of the optimizer."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from uuid import UUID

from adapters.postgres.ports.clusters import ClusterKey
from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.rows import page, page_values, read, values_of
from domain.paging import Page, PageRequest
from domain.work import Job

SQL = load("jobs")


class PostgresJobs(Repository):
    """`adapters.postgres.ports.Jobs`."""

    __slots__ = ()

    async def create(self, job: Job) -> bool:
        """Add a job."""
        return await self._session.run(SQL["create"], values_of(job)) > 0

    async def get(self, job_id: UUID) -> Job | None:
        """One job."""
        return await self._session.one(Job, SQL["get"], {"job_id": job_id})

    async def of_cluster(self, cluster_id: UUID, request: PageRequest) -> Page[Job]:
        """Jobs of a cluster, newest first."""
        rows = await self._session.rows(SQL["of_cluster"], {"cluster_id": cluster_id, **page_values(request)})
        return page(rows, request, to=partial(read, Job))

    async def start(self, job_id: UUID, now: datetime) -> bool:
        """Queued becomes running."""
        return await self._session.run(SQL["start"], {"job_id": job_id, "now": now}) > 0

    async def complete(
        self, job_id: UUID, *, result: Mapping[str, object], plan_generation: int | None, now: datetime
    ) -> bool:
        """Queued or running becomes completed."""
        values = {"job_id": job_id, "result": result, "plan_generation": plan_generation, "now": now}
        return await self._session.run(SQL["complete"], values) > 0

    async def fail(self, job_id: UUID, *, error: str, now: datetime) -> bool:
        """Queued or running becomes failed."""
        return await self._session.run(SQL["fail"], {"job_id": job_id, "error": error, "now": now}) > 0

    async def unfinished(self, before: datetime) -> tuple[Job, ...]:
        """Jobs that have not ended."""
        return await self._session.all(Job, SQL["unfinished"], {"before": before})

    async def due(self, *, planned_before: datetime, open_since: datetime, most: int) -> tuple[ClusterKey, ...]:
        """Active clusters that nobody has had planned lately."""
        values = {"planned_before": planned_before, "open_since": open_since, "most": most}
        return await self._session.all(ClusterKey, SQL["due"], values)

    async def prune(self, finished_before: datetime, *, most: int = 1_000) -> int:
        """Delete jobs that ended before that time."""
        return await self._session.run(SQL["prune"], {"finished_before": finished_before, "most": most})
