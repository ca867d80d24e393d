"""A process's own copy of all flags: kept current by the bus, read in microseconds without asking anybody."""

import asyncio
import contextlib
from datetime import datetime
from uuid import UUID

import orjson
import structlog

from actors.risk.flags import ALL, FlagChange, FlagView
from adapters.clock import Clock
from adapters.redis import keys as names
from adapters.redis.hub import Hub
from adapters.redis.ports.bus import Gap
from adapters.redis.wire import from_ms, parse_change, to_ms
from domain.errors import SpotOptimizerError
from domain.market import Pool

OWN_CHANGES = "risk:own"
"""Channel of flags that count for one organisation alone. What is lost here comes again with the next evidence."""

PAUSE_S = 1.0

log = structlog.get_logger(__name__)


class RiskCopy:
    """Flags as this process knows them. ``heard_at_s`` is when it last heard of one, by the clock's monotonic time."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub = hub
        self._clock = clock
        self.view = FlagView()
        self.ready = asyncio.Event()
        self.heard_at_s = 0.0

    async def run(self) -> None:
        """Listen for ever; after every gap all flags are read anew."""
        while True:
            try:
                await self._listen()
            except SpotOptimizerError as err:
                log.warning("changes of risk cannot be heard", error=str(err))
                await self._clock.sleep(PAUSE_S)

    async def _listen(self) -> None:
        async with self._hub.bus.subscribe(names.RISK_CHANGES, OWN_CHANGES) as subscription:
            await self._resync()
            async for message in subscription:
                if isinstance(message, Gap):
                    await self._resync()
                    continue
                change = parse_own(message.body) if message.channel == OWN_CHANGES else _for_all(message.body)
                self.view.apply(change)
                self.heard_at_s = self._clock.monotonic()

    async def _resync(self) -> None:
        """Flags for all as Redis holds them; those of single organisations stay as they are."""
        flags = await self._hub.risk.list_all()
        own = [flag for flag in self.view.all() if flag.scope != ALL]
        self.view.replace_all([*own, *(FlagChange(pool=f.pool, scope=ALL, until=f.until) for f in flags)])
        self.view.drop_expired(self._clock.now())
        self.ready.set()

    def flagged(self, region: str, organization_id: UUID) -> tuple[Pool, ...]:
        """Pools of a region that an organisation avoids now."""
        return self.view.flagged(str(organization_id), region=region, now=self._clock.now())


def _for_all(body: bytes) -> FlagChange:
    change = parse_change(body)
    return FlagChange(pool=change.pool, scope=ALL, until=change.flag.until if change.flag else None)


def dump_own(change: FlagChange) -> bytes:
    """A flag of one organisation as it is told."""
    until_ms = to_ms(change.until) if change.until else None
    return orjson.dumps({"pool": names.risk_member(change.pool), "scope": change.scope, "until_ms": until_ms})


def parse_own(body: bytes) -> FlagChange:
    """Read what `dump_own` wrote."""
    document = orjson.loads(body)
    until: datetime | None = None
    with contextlib.suppress(TypeError):
        until = from_ms(document["until_ms"])
    return FlagChange(pool=names.pool_of(document["pool"]), scope=document["scope"], until=until)
