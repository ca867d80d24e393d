"""Accepted events."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from adapters.postgres.ports.work import EventKey
from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.rows import columns_of, page, page_values, read
from domain.paging import Page, PageRequest
from domain.work import MAX_EVENT_TRIES, InboxEvent, InboxStatus

SQL = load("inbox")


class PostgresInbox(Repository):
    """`adapters.postgres.ports.Inbox`."""

    __slots__ = ()

    async def accept(self, events: Sequence[InboxEvent]) -> tuple[EventKey, ...]:
        """Keep many in one statement."""
        if not events:
            return ()
        rows = await self._session.rows(SQL["accept"], columns_of(events))
        return tuple((row["cluster_id"], row["event_id"]) for row in rows)

    async def get(self, key: EventKey) -> InboxEvent | None:
        """One event."""
        return await self._session.one(InboxEvent, SQL["get"], _values(key))

    async def claim(self, key: EventKey, *, now: datetime, until: datetime) -> InboxEvent | None:
        """Take one event to work on."""
        return await self._session.one(InboxEvent, SQL["claim"], {**_values(key), "now": now, "until": until})

    async def claim_next(self, *, now: datetime, until: datetime, most: int = 100) -> tuple[InboxEvent, ...]:
        """Take the most urgent ones."""
        values = {"now": now, "until": until, "most": most}
        return await self._session.all(InboxEvent, SQL["claim_next"], values)

    async def done(self, keys: Sequence[EventKey], now: datetime) -> int:
        """These are handled."""
        return await self._finish(keys, InboxStatus.DONE, reason="", now=now)

    async def ignore(self, keys: Sequence[EventKey], *, reason: str, now: datetime) -> int:
        """These need no handling."""
        return await self._finish(keys, InboxStatus.IGNORED, reason=reason, now=now)

    async def failed(self, key: EventKey, *, error: str, now: datetime, retry_at: datetime) -> InboxEvent | None:
        """Count a try."""
        values = {**_values(key), "error": error, "now": now, "retry_at": retry_at, "max_tries": MAX_EVENT_TRIES}
        return await self._session.one(InboxEvent, SQL["failed"], values)

    async def dead_letters(self, request: PageRequest) -> Page[InboxEvent]:
        """Dead events, newest first."""
        rows = await self._session.rows(SQL["dead_letters"], page_values(request))
        return page(rows, request, to=partial(read, InboxEvent), by=("accepted_at", "cluster_id"))

    async def revive(self, key: EventKey, now: datetime) -> bool:
        """Give a dead event three more tries."""
        return await self._session.run(SQL["revive"], {**_values(key), "now": now}) > 0

    async def unfinished(
        self, *, accepted_before: datetime, now: datetime, most: int = 1_000
    ) -> tuple[InboxEvent, ...]:
        """Events that have not ended and that nobody is at work on."""
        values = {"accepted_before": accepted_before, "now": now, "most": most}
        return await self._session.all(InboxEvent, SQL["unfinished"], values)

    async def count_unfinished(self) -> Mapping[int, int]:
        """How many have not ended, by priority."""
        return {row["priority"]: row["number"] for row in await self._session.rows(SQL["count_unfinished"])}

    async def prune(self, done_before: datetime, *, most: int = 10_000) -> int:
        """Delete those handled or ignored before that time."""
        return await self._session.run(SQL["prune"], {"done_before": done_before, "most": most})

    async def _finish(self, keys: Sequence[EventKey], status: InboxStatus, *, reason: str, now: datetime) -> int:
        values = {
            "cluster_ids": [cluster for cluster, _ in keys],
            "event_ids": [event for _, event in keys],
            "status": status,
            "reason": reason,
            "now": now,
        }
        return await self._session.run(SQL["finish"], values)


def _values(key: EventKey) -> dict[str, object]:
    cluster_id, event_id = key
    return {"cluster_id": cluster_id, "event_id": event_id}
