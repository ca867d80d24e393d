"""Plans."""

from datetime import datetime
from functools import partial
from uuid import UUID

from adapters.postgres.ports.work import refuse_stale
from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.rows import Row, page, page_values, read, values_of
from domain.commands import PlanStatus
from domain.errors import InvariantError
from domain.paging import Page, PageRequest
from domain.work import StoredPlan

SQL = load("plans")


class PostgresPlans(Repository):
    """`adapters.postgres.ports.Plans`."""

    __slots__ = ()

    async def insert(self, plan: StoredPlan) -> bool:
        """Keep a plan that follows from the accepted one."""
        standing = await self._standing(plan.cluster_id, plan.generation)
        if standing["same_generation"] == str(plan.id):
            return False
        refuse_stale(plan, last=standing["last"], accepted=standing["accepted"])
        await self._session.run(SQL["insert"], values_of(plan))
        return True

    async def set_status(
        self, cluster_id: UUID, generation: int, *, status: PlanStatus, reason: str, now: datetime
    ) -> bool:
        """Note how a plan stands."""
        if status == PlanStatus.ACCEPTED:
            raise InvariantError("a plan is accepted by accept, which checks its parent")
        values = {"cluster_id": cluster_id, "generation": generation, "status": status, "reason": reason, "now": now}
        return await self._session.run(SQL["set_status"], values) > 0

    async def accept(self, cluster_id: UUID, generation: int, *, reason: str, now: datetime) -> StoredPlan | None:
        """Make a plan the accepted one."""
        standing = await self._standing(cluster_id, generation)
        plan = await self.by_generation(cluster_id, generation)
        if plan is None or plan.accepted_at is not None:
            return plan
        refuse_stale(plan, last=plan.generation - 1, accepted=standing["accepted"])
        values = {"cluster_id": cluster_id, "generation": generation, "reason": reason, "now": now}
        return await self._session.one(StoredPlan, SQL["accept"], values)

    async def get(self, plan_id: UUID) -> StoredPlan | None:
        """One plan."""
        return await self._session.one(StoredPlan, SQL["get"], {"plan_id": plan_id})

    async def by_generation(self, cluster_id: UUID, generation: int) -> StoredPlan | None:
        """One plan by its number."""
        return await self._session.one(
            StoredPlan, SQL["by_generation"], {"cluster_id": cluster_id, "generation": generation}
        )

    async def accepted(self, cluster_id: UUID) -> StoredPlan | None:
        """The accepted plan."""
        return await self._session.one(StoredPlan, SQL["accepted"], {"cluster_id": cluster_id})

    async def last_generation(self, cluster_id: UUID) -> int:
        """Number of the youngest plan."""
        (row,) = await self._session.rows(SQL["standing"], {"cluster_id": cluster_id, "generation": 0})
        return int(row["last"])

    async def of_cluster(self, cluster_id: UUID, request: PageRequest) -> Page[StoredPlan]:
        """Plans of a cluster, newest first."""
        rows = await self._session.rows(SQL["of_cluster"], {"cluster_id": cluster_id, **page_values(request)})
        return page(rows, request, to=partial(read, StoredPlan))

    async def prune(self, made_before: datetime, *, most: int = 1_000) -> int:
        """Delete plans that nobody has accepted."""
        return await self._session.run(SQL["prune"], {"made_before": made_before, "most": most})

    async def _standing(self, cluster_id: UUID, generation: int) -> Row:
        await self._session.run(SQL["lock"], {"cluster_id": cluster_id})
        (row,) = await self._session.rows(SQL["standing"], {"cluster_id": cluster_id, "generation": generation})
        return row
