"""Actions for agents."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.rows import Row, columns_of, page, page_values, read, read_all, values_of
from domain.paging import Page, PageRequest
from domain.work import ACTION_EXPIRED, MAX_TAKEN_ACTIONS, ActionResult, AgentAction, RecordedResult

SQL = load("actions")


class PostgresActions(Repository):
    """`adapters.postgres.ports.Actions`."""

    __slots__ = ()

    async def queue(self, actions: Sequence[AgentAction]) -> tuple[UUID, ...]:
        """Keep many in one statement."""
        if not actions:
            return ()
        return tuple(row["id"] for row in await self._session.rows(SQL["queue"], columns_of(actions)))

    async def get(self, action_id: UUID) -> AgentAction | None:
        """One action."""
        return await self._session.one(AgentAction, SQL["get"], {"action_id": action_id})

    async def take_pending(self, cluster_id: UUID, now: datetime) -> tuple[AgentAction, ...]:
        """Hand out pending actions. Of two at once each gets others."""
        values = {"cluster_id": cluster_id, "now": now, "most": MAX_TAKEN_ACTIONS}
        return _oldest_first(await self._session.rows(SQL["take_pending"], values))

    async def have_pending(self, cluster_ids: Sequence[UUID], now: datetime) -> frozenset[UUID]:
        """Which of many clusters have something to take."""
        rows = await self._session.rows(SQL["have_pending"], {"cluster_ids": cluster_ids, "now": now})
        return frozenset(row["id"] for row in rows)

    async def record(self, result: ActionResult) -> RecordedResult | None:
        """Note a result once."""
        ended = await self._session.one(AgentAction, SQL["record"], values_of(result))
        if ended is not None:
            return RecordedResult(action=ended, first=True)
        known = await self._session.one(AgentAction, SQL["of_cluster_by_id"], values_of(result))
        return None if known is None else RecordedResult(action=known, first=False)

    async def withdraw(self, cluster_id: UUID, action_ids: Sequence[UUID], *, reason: str, now: datetime) -> int:
        """Fail those that are still pending."""
        values = {"cluster_id": cluster_id, "action_ids": action_ids, "error": reason, "now": now}
        return await self._session.run(SQL["withdraw"], values)

    async def expire(self, now: datetime, *, grace: timedelta, most: int = 1_000) -> tuple[AgentAction, ...]:
        """End overdue ones and return them."""
        values = {"now": now, "grace": grace, "most": most, "error": ACTION_EXPIRED}
        return _oldest_first(await self._session.rows(SQL["expire"], values))

    async def of_cluster(self, cluster_id: UUID, request: PageRequest) -> Page[AgentAction]:
        """Actions of a cluster, newest first."""
        rows = await self._session.rows(SQL["of_cluster"], {"cluster_id": cluster_id, **page_values(request)})
        return page(rows, request, to=partial(read, AgentAction))

    async def open_of_cluster(self, cluster_id: UUID) -> tuple[AgentAction, ...]:
        """Those that have not ended, oldest first."""
        return await self._session.all(AgentAction, SQL["open_of_cluster"], {"cluster_id": cluster_id})


def _oldest_first(rows: Sequence[Row]) -> tuple[AgentAction, ...]:
    return tuple(sorted(read_all(AgentAction, rows), key=lambda action: (action.created_at, action.id)))
