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
from adapters.redis.ports.bus import Gap, Message
from adapters.redis.ports.stores import RiskFlag
from adapters.redis.wire import from_ms, parse_change, to_ms
from domain.errors import SpotOptimizerError
from domain.market import Pool

OWN_CHANGES = "risk:own"
"""Channel of flags that count for one organisation alone. What is lost here comes again with the next evidence."""

PAUSE_S = 1.0

log = structlog.get_logger(__name__)


class RiskCopy:
    """Flags as this process knows them. ``heard_at`` is when it last heard something new of one (UTC)."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub = hub
        self._clock = clock
        self.view = FlagView()
        self.ready = asyncio.Event()
        self.heard_at: datetime | None = None
        self._for_all: dict[Pool, RiskFlag] = {}

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
                self._apply(message)

    def _apply(self, message: Message) -> None:
        if message.channel == OWN_CHANGES:
            self._learn(parse_own(message.body))
            return
        change = parse_change(message.body)
        self._learn(FlagChange(pool=change.pool, scope=ALL, until=change.flag.until if change.flag else None))
        if change.flag is None:
            self._for_all.pop(change.pool, None)
        else:
            self._for_all[change.pool] = change.flag

    def _learn(self, change: FlagChange) -> None:
        before = self.view.until(change.pool, change.scope)
        self.view.apply(change)
        if self.view.until(change.pool, change.scope) != before:
            self.heard_at = self._clock.now()

    async def _resync(self) -> None:
        """Flags for all as Redis holds them; those of single organisations stay as they are."""
        flags = await self._hub.risk.list_all()
        own = [flag for flag in self.view.all() if flag.scope != ALL]
        self.view.replace_all([*own, *(FlagChange(pool=f.pool, scope=ALL, until=f.until) for f in flags)])
        self._for_all = {flag.pool: flag for flag in flags}
        self.view.drop_expired(self._clock.now())
        self.ready.set()

    def flagged(self, region: str, organization_id: UUID) -> tuple[Pool, ...]:
        """Pools of a region that an organisation avoids now."""
        return self.view.flagged(str(organization_id), region=region, now=self._clock.now())

    def for_all(self) -> tuple[RiskFlag, ...]:
        """Flags that count for everybody now, with what speaks against each pool. Those that have ended are dropped."""
        now = self._clock.now()
        self._for_all = {pool: flag for pool, flag in self._for_all.items() if flag.until > now}
        return tuple(self._for_all[pool] for pool in sorted(self._for_all))


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
