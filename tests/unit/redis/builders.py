"""Events, pools and waiting, for the tests of the bus in memory and over Redis."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from adapters.redis.ports import Event, Heartbeat
from domain.events import EventPriority
from domain.market import Pool

_numbers = itertools.count(1)
DEADLINE_S = 20.0

Until = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]
"""Waits for a state: calls again and again until the answer is true."""


def make_event(
    event_id: str = "",
    *,
    priority: EventPriority = EventPriority.REST,
    cluster_id: str = "cluster-1",
    at: datetime | None = None,
    body: bytes = b'{"what":"test"}',
) -> Event:
    event_id = event_id or f"event-{next(_numbers)}"
    at = at or datetime.now(UTC).replace(microsecond=0)  # times are kept to the millisecond
    return Event(event_id=event_id, cluster_id=cluster_id, priority=priority, occurred_at=at, body=body)


def make_pool(instance_type: str = "c5.xlarge", zone_id: str = "use1-az6") -> Pool:
    return Pool(region="us-east-1", zone_id=zone_id, instance_type=instance_type)


def make_beat(cluster_id: str = "cluster-1", *, at: datetime, age_s: float = 0.0, body: bytes = b"{}") -> Heartbeat:
    return Heartbeat(cluster_id=cluster_id, at=at - timedelta(seconds=age_s), body=body)


async def until(check: Callable[[], Awaitable[object]], *, step: Callable[[], Awaitable[object]]) -> None:
    """Call until the answer is true, with a step in between; fails after the deadline."""
    async with asyncio.timeout(DEADLINE_S):
        while not await check():
            await step()
