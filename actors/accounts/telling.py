"""How far a discovery is, told to portal pages as it goes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

import orjson
import structlog

from adapters.aws.ports.discovery import Progress
from adapters.clock import Clock
from adapters.redis import keys
from adapters.redis.ports import Bus
from domain.errors import TransientError

EVERY_S = 0.1
"""Steps that follow each other faster are told as one: a page draws no faster."""

log = structlog.get_logger(__name__)


class Teller:
    """Tells of one account. What cannot be told is left out: pages read the state when they open."""

    def __init__(self, bus: Bus, clock: Clock, *, organization_id: UUID, account_id: UUID) -> None:
        self._bus = bus
        self._clock = clock
        self._channel = keys.discovery(str(organization_id))
        self._account_id = str(account_id)
        self._latest: Progress | None = None
        self._news = asyncio.Event()

    def step(self, progress: Progress) -> None:
        """Note a step; it is told soon."""
        self._latest = progress
        self._news.set()

    @asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        """Tell steps while the context is open."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            # A cancellation that meets the end of a call to Redis may be lost: it is repeated until it is heard.
            while not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=EVERY_S)
            await self._tell_latest()

    async def ended(self, status: str, *, reason: str = "", clusters: int = 0, instances: int = 0) -> None:
        """Tell how it ended."""
        await self._publish(
            {"type": "ended", "status": status, "reason": reason, "clusters": clusters, "instances": instances}
        )

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            await self._tell_latest()
            await self._clock.sleep(EVERY_S)

    async def _tell_latest(self) -> None:
        latest, self._latest = self._latest, None
        if latest is not None:
            await self._publish(progress_message(latest))

    async def _publish(self, message: Mapping[str, object]) -> None:
        try:
            await self._bus.publish(self._channel, orjson.dumps({"account_id": self._account_id, **message}))
        except TransientError as err:
            log.info("the progress of a discovery was not told", error=str(err))


def progress_message(progress: Progress) -> dict[str, object]:
    """A step as pages are told it."""
    return {
        "type": "progress",
        "aws_account_id": progress.account_id,
        "region": progress.region,
        "phase": str(progress.phase),
        "done": progress.done,
        "total": progress.total,
        "clusters": progress.clusters,
        "instances": progress.instances,
    }
