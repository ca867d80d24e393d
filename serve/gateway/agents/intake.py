"""Events on their way in: read one by one, stored in one statement, then offered to the stream."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from actors.hosting.ports import Clusters
from actors.services import Services
from adapters.redis.ports import Event, Offered
from domain.errors import SpotOptimizerError, TransientError
from domain.events import EVENT_MAX_AGE, AgentEvent, EventPriority, SpotInterruption
from domain.fleet import KeyHolder
from domain.market import Pool
from domain.wire.base import JsonObject
from domain.wire.events import EventSource, RefusedEvent, read_events
from domain.work import InboxEvent
from serve.gateway.problems import ProblemError

FULL_FOR_S = 1.0
"""After a priority was found full, its events are refused for so long without storing any."""

OFFER_WITHIN_S = 1.0
"""How long an agent waits for the stream after its events are safe in the inbox, where the sweep finds them."""

WARN_WITHIN_S, MOST_WARNED = 0.05, 8
"""Flags before storage are worth so much of the agent's time, and so many calls; the rest comes by the stream."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """How many events are kept durably (those that came before count too), and which cannot be."""

    queued: int
    refused: tuple[RefusedEvent, ...]


class Intake:
    """Accepts events. What is in PostgreSQL is never lost; the stream is the fast way to whoever handles it."""

    def __init__(self, services: Services, clusters: Clusters) -> None:
        self._services = services
        self._clusters = clusters
        self._full_until_s: dict[EventPriority, float] = {}

    async def accept(self, holder: KeyHolder, raw: Sequence[JsonObject]) -> Accepted:
        """Keep events.

        Raises
        ------
        ProblemError
            429 when the queue of one of their priorities is full.
        TransientError
            They could not be stored.
        """
        if not raw:
            return Accepted(queued=0, refused=())
        now = self._services.clock.now()
        source = EventSource(cluster=str(holder.cluster_id), region=holder.region, zone_ids=holder.zone_ids)
        read, refused = read_events(raw, source)
        wrong = {one.index for one in refused}
        indexed = zip((index for index in range(len(raw)) if index not in wrong), read, strict=True)
        fresh: dict[str, InboxEvent] = {}
        notices: list[SpotInterruption] = []
        late: list[RefusedEvent] = []
        for index, event in indexed:
            if event.is_stale(now):
                late.append(_late(index))
            else:
                fresh.setdefault(event.id, _inbox_event(holder, event, raw[index], now))
                if isinstance(event, SpotInterruption):
                    notices.append(event)
        if notices:
            await self._warn(holder, notices)
        await self._store(tuple(fresh.values()))
        return Accepted(queued=len(fresh), refused=tuple(sorted((*refused, *late), key=lambda one: one.index)))

    async def _warn(self, holder: KeyHolder, notices: Sequence[SpotInterruption]) -> None:
        """Have the pools of notices flagged before they are stored: nobody else waits for our disk.

        A notice that is then not stored is sent again by its agent; one that is comes to the registry twice, which
        counts it once.
        """
        try:
            async with asyncio.timeout(WARN_WITHIN_S):
                warned = (self._clusters.warn(holder.cluster_id, notice) for notice in notices[:MOST_WARNED])
                await asyncio.gather(*warned)
        except (SpotOptimizerError, TimeoutError) as err:
            _logger.warning("%d notices reach the registry by the stream alone: %s", len(notices), err)

    async def _store(self, events: Sequence[InboxEvent]) -> None:
        if not events:
            return
        self._refuse_when_full(events)
        async with self._services.database.single() as tx:
            await tx.inbox.accept(events)
        await self._offer(events)

    def _refuse_when_full(self, events: Sequence[InboxEvent]) -> None:
        now_s = self._services.clock.monotonic()
        if any(self._full_until_s.get(event.priority, 0.0) > now_s for event in events):
            raise queue_full()

    async def _offer(self, events: Sequence[InboxEvent]) -> None:
        """Offer those that were stored before, too: the answer to the first time may have been a full queue."""
        offers = [_stream_event(event) for event in events]
        try:
            async with asyncio.timeout(OFFER_WITHIN_S):
                answers = await self._services.hub.events.offer_many(offers)
        except (TransientError, TimeoutError) as err:
            _logger.warning("%d events wait in the inbox for the stream to come back: %s", len(offers), err)
            return
        full = {offer.priority for offer, answer in zip(offers, answers, strict=True) if answer is Offered.FULL}
        if full:
            until_s = self._services.clock.monotonic() + FULL_FOR_S
            self._full_until_s.update(dict.fromkeys(full, until_s))
            raise queue_full()


def queue_full() -> ProblemError:
    """The answer while events come faster than they are handled."""
    return ProblemError(
        429, "the queue of events is full; send them again", kind="queue-full", headers={"Retry-After": "2"}
    )


def _late(index: int) -> RefusedEvent:
    minutes = int(EVENT_MAX_AGE.total_seconds() // 60)
    return RefusedEvent(index=index, field="timestamp", problem=f"is more than {minutes} minutes ago: ignored")


def _inbox_event(holder: KeyHolder, event: AgentEvent, raw: Mapping[str, Any], now: datetime) -> InboxEvent:
    return InboxEvent(
        organization_id=holder.organization_id,
        cluster_id=holder.cluster_id,
        event_id=event.id,
        event_type=str(event.kind),
        priority=event.priority,
        body=_resolved(event, raw),
        occurred_at=event.at,
        accepted_at=now,
    )


def _resolved(event: AgentEvent, raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event as it came, with the region and zone id that were found for it: whoever reads it needs no map."""
    pool: Pool | None = getattr(event, "pool", None)
    return raw if pool is None else {**raw, "region": pool.region, "zone_id": pool.zone_id}


def _stream_event(event: InboxEvent) -> Event:
    return Event(
        event_id=event.event_id,
        cluster_id=str(event.cluster_id),
        priority=event.priority,
        occurred_at=event.occurred_at,
        body=orjson.dumps(dict(event.body)),
    )
