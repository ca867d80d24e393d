"""Twin of accepted events."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from adapters.postgres.memory.tables import MemoryRepository, page_of
from adapters.postgres.ports.work import EventKey
from domain.paging import Page, PageRequest
from domain.work import (
    MAX_EVENT_TRIES,
    InboxEvent,
    InboxStatus,
)

OPEN_EVENT = (InboxStatus.ACCEPTED, InboxStatus.CLAIMED)


class MemoryInbox(MemoryRepository):
    """Twin of `Inbox`."""

    async def accept(self, events: Sequence[InboxEvent]) -> tuple[EventKey, ...]:
        """Keep many."""
        return tuple(event.key for event in events if self._view.insert(event.key, event))

    async def get(self, key: EventKey) -> InboxEvent | None:
        """One event."""
        return self._view.get(InboxEvent, key)

    async def claim(self, key: EventKey, *, now: datetime, until: datetime) -> InboxEvent | None:
        """Take one event to work on."""
        found = self._view.get(InboxEvent, key)
        if found is None or not _is_free(found, now):
            return None
        claimed = replace(found, status=InboxStatus.CLAIMED, claimed_until=until)
        self._view.put(key, claimed)
        return claimed

    async def claim_next(self, *, now: datetime, until: datetime, most: int = 100) -> tuple[InboxEvent, ...]:
        """Take the most urgent ones."""
        self._view.platform_only()
        taken = self._free(now)[:most]
        claimed = [replace(event, status=InboxStatus.CLAIMED, claimed_until=until) for event in taken]
        for event in claimed:
            self._view.put(event.key, event)
        return tuple(claimed)

    async def done(self, keys: Sequence[EventKey], now: datetime) -> int:
        """These are handled."""
        return self._finish(keys, InboxStatus.DONE, reason="", now=now)

    async def ignore(self, keys: Sequence[EventKey], *, reason: str, now: datetime) -> int:
        """These need no handling."""
        return self._finish(keys, InboxStatus.IGNORED, reason=reason, now=now)

    async def failed(self, key: EventKey, *, error: str, now: datetime, retry_at: datetime) -> InboxEvent | None:
        """Count a try."""
        found = self._view.get(InboxEvent, key)
        if found is None or found.status not in OPEN_EVENT:
            return None
        counted = replace(found, tries=found.tries + 1, last_error=error, claimed_until=None)
        if counted.tries >= MAX_EVENT_TRIES:
            ended = replace(counted, status=InboxStatus.DEAD, done_at=now, next_try_at=None)
        else:
            ended = replace(counted, status=InboxStatus.ACCEPTED, next_try_at=retry_at)
        self._view.put(key, ended)
        return ended

    async def dead_letters(self, request: PageRequest) -> Page[InboxEvent]:
        """Dead events, newest first."""
        dead = self._view.all(InboxEvent, lambda event: event.status == InboxStatus.DEAD)
        return page_of(dead, request, by=("accepted_at", "cluster_id"))

    async def revive(self, key: EventKey, now: datetime) -> bool:
        """Give a dead event three more tries."""
        found = self._view.get(InboxEvent, key)
        if found is None or found.status != InboxStatus.DEAD:
            return False
        fresh = replace(found, status=InboxStatus.ACCEPTED, tries=0, done_at=None, next_try_at=None, accepted_at=now)
        self._view.put(key, fresh)
        return True

    async def unfinished(
        self, *, accepted_before: datetime, now: datetime, most: int = 1_000
    ) -> tuple[InboxEvent, ...]:
        """Events that have not ended and that nobody is at work on."""
        self._view.platform_only()
        return tuple(event for event in self._free(now) if event.accepted_at < accepted_before)[:most]

    async def count_unfinished(self) -> Mapping[int, int]:
        """How many have not ended, by priority."""
        self._view.platform_only()
        open_ = self._view.all(InboxEvent, lambda event: event.status in OPEN_EVENT)
        return Counter(int(event.priority) for event in open_)

    async def prune(self, done_before: datetime, *, most: int = 10_000) -> int:
        """Delete those handled or ignored before that time."""
        self._view.platform_only()
        ended = (InboxStatus.DONE, InboxStatus.IGNORED)
        old = self._view.all(
            InboxEvent, lambda e: e.status in ended and e.done_at is not None and e.done_at < done_before
        )
        return sum(self._view.drop(InboxEvent, event.key) for event in old[:most])

    def _finish(self, keys: Sequence[EventKey], status: InboxStatus, *, reason: str, now: datetime) -> int:
        open_ = self._view.all(InboxEvent, lambda event: event.key in keys and event.status in OPEN_EVENT)
        for event in open_:
            ended = replace(event, status=status, done_at=now, claimed_until=None, last_error=reason)
            self._view.put(event.key, ended)
        return len(open_)

    def _free(self, now: datetime) -> tuple[InboxEvent, ...]:
        free = self._view.all(InboxEvent, lambda event: _is_free(event, now))
        return tuple(sorted(free, key=lambda event: (event.priority, event.accepted_at, *event.key)))


def _is_free(event: InboxEvent, now: datetime) -> bool:
    if event.status not in OPEN_EVENT or (event.next_try_at is not None and event.next_try_at > now):
        return False
    return event.claimed_until is None or event.claimed_until <= now
