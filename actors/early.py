"""Notices ahead of their storage: gateway to host, host to registry, over the bus.

A call to an actor takes twice as long as a message of the bus, and this is the way on which milliseconds count. Nothing
depends on it: whatever is lost here comes again with the event, which is kept.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from pydantic import TypeAdapter, ValidationError

from adapters.redis import keys
from adapters.redis.ports.bus import Bus, Gap
from domain.commands import ReportEvidence
from domain.errors import SpotOptimizerError
from domain.events import SpotInterruption

AT_ONCE = 64
"""Messages in hand at the same time; more wait in the subscription, where the oldest go first."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyNotice:
    """A notice on its way to its cluster's host."""

    cluster_id: UUID
    event: SpotInterruption


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyEvidence:
    """What a host makes of it, on its way to the registry."""

    cluster_id: UUID
    organization_id: UUID
    evidence: ReportEvidence


_NOTICE: TypeAdapter[EarlyNotice] = TypeAdapter(EarlyNotice)
_EVIDENCE: TypeAdapter[EarlyEvidence] = TypeAdapter(EarlyEvidence)


async def tell_host(bus: Bus, host: int, notice: EarlyNotice) -> None:
    """Send a notice to the host of its cluster."""
    await bus.publish(keys.early_notices(host), _NOTICE.dump_json(notice))


async def tell_registry(bus: Bus, evidence: EarlyEvidence) -> None:
    """Send evidence to the registry."""
    await bus.publish(keys.EARLY_EVIDENCE, _EVIDENCE.dump_json(evidence))


async def hear_notices(bus: Bus, host: int, handle: Callable[[EarlyNotice], Awaitable[object]]) -> None:
    """Hand each notice for a host on, for as long as the bus is open."""
    await _hear(bus, keys.early_notices(host), _NOTICE, handle)


async def hear_evidence(bus: Bus, handle: Callable[[EarlyEvidence], Awaitable[object]]) -> None:
    """Hand each piece of evidence on, for as long as the bus is open."""
    await _hear(bus, keys.EARLY_EVIDENCE, _EVIDENCE, handle)


async def _hear(bus: Bus, channel: str, kind: TypeAdapter[Any], handle: Callable[[Any], Awaitable[object]]) -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def handled(body: bytes) -> None:
        try:
            await handle(kind.validate_json(body))
        except (SpotOptimizerError, ValidationError) as err:
            log.warning("a notice goes by the stream alone", channel=channel, error=str(err))
        finally:
            room.release()

    async with bus.subscribe(channel) as subscription, asyncio.TaskGroup() as group:
        async for message in subscription:
            if isinstance(message, Gap):
                continue
            await room.acquire()
            group.create_task(handled(message.body))
