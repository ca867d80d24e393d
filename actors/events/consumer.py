"""A consumer of agents' events.

The stream in Redis is the fast way, the inbox in PostgreSQL the sure one: an event is done when its cluster has stored
what it led to, and only then is it marked done in the inbox and acknowledged in the stream. What the stream has lost is
found in the inbox by the sweep. A cluster handles an event id once, so coming twice does no harm.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import orjson
import structlog

from actors.cluster.inputs import AgentReported
from actors.hosting.ports import Clusters
from actors.services import Services
from adapters.postgres.ports.work import EventKey
from adapters.redis.ports.events import Delivery
from domain.errors import RejectedError, SpotOptimizerError
from domain.events import EventPriority
from domain.fleet import Cluster
from domain.wire.events import EventSource, read_event
from domain.work import InboxEvent

EVENT_TIMEOUT_S = 30.0
"""Longest handling of one event (SPEC 5)."""

TAKE_WAIT_S = 2.0
"""How long the stream is waited on before the loop looks around."""

BATCH = 64
"""Events taken and handled side by side."""

INBOX_AFTER_S = 20.0
"""An event that lies in the inbox for so long has been lost by the stream: it is taken from there."""

RETRY_BASE_S = 1.0
"""Wait before the second try of an event from the inbox; doubles with each."""

STREAM_RETRIES_S = 60.0
"""For so long after a failure the stream tries again by itself, and the inbox keeps out of it."""

log = structlog.get_logger(__name__)


class EventConsumer:
    """Takes events and has their clusters handle them.

    Parameters
    ----------
    name
        Unique among the living; a consumer that starts again keeps it, and with it what it held.
    """

    def __init__(self, services: Services, clusters: Clusters, *, name: str) -> None:
        self._services = services
        self._clusters = clusters
        self._name = name
        self._sources: dict[UUID, Cluster] = {}
        self.handled = 0
        self.failed = 0

    async def run(self) -> None:
        """Take events for ever: interruptions in a loop of their own, so that nothing else is ever before them."""
        urgent = self._forever((EventPriority.INTERRUPTION,))
        rest = self._forever((EventPriority.OOM_KILLED, EventPriority.REST))
        await asyncio.gather(urgent, rest)

    async def _forever(self, priorities: Sequence[EventPriority]) -> None:
        pause_s = RETRY_BASE_S
        while True:
            try:
                await self.step(priorities, wait_s=TAKE_WAIT_S)
                pause_s = RETRY_BASE_S
            except SpotOptimizerError as err:
                log.warning("events cannot be taken", error=str(err), again_in_s=pause_s)
                await self._services.clock.sleep(pause_s)
                pause_s = min(2 * pause_s, 30.0)

    async def step(self, priorities: Sequence[EventPriority], *, wait_s: float = 0.0) -> int:
        """Take what is next and handle it; says how many events that were."""
        name = f"{self._name}:{priorities[0].value}"
        taken = await self._services.hub.events.take(name, limit=BATCH, wait_s=wait_s, priorities=priorities)
        await asyncio.gather(*(self._deliver(delivery) for delivery in taken))
        return len(taken)

    async def _deliver(self, delivery: Delivery) -> None:
        event = delivery.event
        key = (UUID(event.cluster_id), event.event_id)
        try:
            async with asyncio.timeout(EVENT_TIMEOUT_S):
                await self._handle(key, event.body)
        except RejectedError as err:
            await self._give_up(key, str(err))
        except (SpotOptimizerError, TimeoutError) as err:
            self.failed += 1
            reason = str(err) or f"took longer than {EVENT_TIMEOUT_S:.0f} s"
            log.warning(
                "an event could not be handled", cluster=event.cluster_id, event_id=event.event_id, error=reason
            )
            await self._count_try(key, reason, again_in_s=STREAM_RETRIES_S)
            await self._services.hub.events.fail(delivery, reason)
            return
        self.handled += 1
        await self._services.hub.events.ack(delivery)

    async def _handle(self, key: EventKey, body: bytes) -> None:
        """Have the cluster handle one event, and mark it done.

        Raises
        ------
        RejectedError
            When its cluster is gone, or it cannot be read: trying again is of no use.
        """
        cluster = await self._cluster(key[0])
        source = EventSource(cluster=str(cluster.id), region=cluster.region, zone_ids=cluster.zone_ids)
        event = read_event(orjson.loads(body), source)
        await self._clusters.tell(key[0], AgentReported(id=event.id, at=self._services.clock.now(), event=event))
        async with self._services.database.platform() as tx:
            await tx.inbox.done([key], self._services.clock.now())

    async def _give_up(self, key: EventKey, reason: str) -> None:
        log.info("an event needs no handling", cluster=str(key[0]), event_id=key[1], reason=reason)
        async with self._services.database.platform() as tx:
            await tx.inbox.ignore([key], reason=reason, now=self._services.clock.now())

    async def _cluster(self, cluster_id: UUID) -> Cluster:
        """The cluster's record; its region and zone ids hardly ever change, so they are kept."""
        if cluster_id not in self._sources:
            async with self._services.database.platform() as tx:
                cluster = await tx.clusters.get(cluster_id)
            if cluster is None:
                raise RejectedError(f"there is no cluster {cluster_id}")
            self._sources[cluster_id] = cluster
        return self._sources[cluster_id]

    async def sweep(self) -> int:
        """Handle what the stream has lost; says how many events that were."""
        now = self._services.clock.now()
        until = now + timedelta(seconds=2 * EVENT_TIMEOUT_S)
        async with self._services.database.platform() as tx:
            lost = await tx.inbox.unfinished(
                accepted_before=now - timedelta(seconds=INBOX_AFTER_S), now=now, most=BATCH
            )
            claimed = [await tx.inbox.claim(event.key, now=now, until=until) for event in lost]
        mine = [event for event in claimed if event is not None]
        await asyncio.gather(*(self._retry(event) for event in mine))
        return len(mine)

    async def _retry(self, event: InboxEvent) -> None:
        try:
            async with asyncio.timeout(EVENT_TIMEOUT_S):
                await self._handle(event.key, orjson.dumps(dict(event.body)))
            self.handled += 1
        except RejectedError as err:
            await self._give_up(event.key, str(err))
        except (SpotOptimizerError, TimeoutError) as err:
            self.failed += 1
            await self._count_try(event.key, str(err) or "took too long", again_in_s=RETRY_BASE_S * 2.0**event.tries)

    async def _count_try(self, key: EventKey, reason: str, *, again_in_s: float) -> None:
        """Note a failure in the inbox; after the third the event is a dead letter. Without a database, later."""
        now = self._services.clock.now()
        with contextlib.suppress(SpotOptimizerError):
            async with self._services.database.platform() as tx:
                await tx.inbox.failed(key, error=reason, now=now, retry_at=now + timedelta(seconds=again_in_s))
