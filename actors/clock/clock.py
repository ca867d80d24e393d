"""Runs periodic jobs while it leads.

Leading is a lease in Redis; that each run happens once is a row in PostgreSQL. So when the lease fails (two leaders for
a moment, none for a while) nothing is done twice, and what was missed is caught up.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from actors.clock.schedule import Period
from actors.services import Services
from adapters.redis.ports.stores import Lease
from domain.errors import SpotOptimizerError

LEASE, LEASE_S = "clock", 15.0
"""A leader that dies is followed by another within so long."""

LOOK_EVERY_S = 1.0
STALE_S = 120.0
"""A run begun so long ago was cut off: it is begun anew."""

RUN_TIMEOUT_S = 110.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodicJob:
    """Something that is done over and over; ``run`` gets the time at which it was due and says what it did."""

    name: str
    period: Period
    run: Callable[[datetime], Awaitable[str]]


class ClockWork:
    """The jobs of one process that would like to lead."""

    def __init__(self, services: Services, jobs: tuple[PeriodicJob, ...], *, holder: str) -> None:
        self._services = services
        self._jobs = jobs
        self._holder = holder
        self._lease: Lease | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._last_due: dict[str, datetime] = {}

    @property
    def leads(self) -> bool:
        """Whether this process led when it last looked."""
        return self._lease is not None

    async def run(self) -> None:
        """Lead when possible, for ever."""
        while True:
            try:
                await self.step()
            except SpotOptimizerError as err:
                self._lease = None
                log.warning("the clock cannot work", error=str(err))
            await self._services.clock.sleep(LOOK_EVERY_S)

    async def step(self) -> None:
        """Take or keep the lease, and begin what is due."""
        if not await self._lead():
            return
        now = self._services.clock.now()
        for job in self._jobs:
            if job.name in self._running and not self._running[job.name].done():
                continue
            if job.period.due(now, self._last_due.get(job.name)):
                self._running[job.name] = asyncio.get_running_loop().create_task(self._catch_up(job, now))

    async def settle(self) -> None:
        """Wait until what was begun has ended."""
        await asyncio.gather(*self._running.values())

    async def close(self) -> None:
        """Stop what runs and let somebody else lead at once."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        if self._lease is not None:
            await self._services.hub.leader.release(self._lease)

    async def _lead(self) -> bool:
        leader = self._services.hub.leader
        if self._lease is not None and await leader.renew(self._lease, ttl_s=LEASE_S):
            return True
        self._lease = await leader.acquire(LEASE, self._holder, ttl_s=LEASE_S)
        self._last_due = {}
        return self._lease is not None

    async def _catch_up(self, job: PeriodicJob, now: datetime) -> None:
        try:
            async with self._services.database.platform() as tx:
                last = await tx.clock_runs.last_due(job.name)
            for due_at in job.period.due(now, last):
                await self._once(job, due_at)
            self._last_due[job.name] = (job.period.due(now, None) or (now,))[-1]
        except SpotOptimizerError as err:
            log.warning("a periodic job could not be begun", job=job.name, error=str(err))

    async def _once(self, job: PeriodicJob, due_at: datetime) -> None:
        clock, database = self._services.clock, self._services.database
        now = clock.now()
        async with database.platform() as tx:
            stale_before = now - timedelta(seconds=STALE_S)
            if not await tx.clock_runs.begin(job.name, due_at, now=now, stale_before=stale_before):
                return
        error = ""
        try:
            async with asyncio.timeout(RUN_TIMEOUT_S):
                said = await job.run(due_at)
            if said:
                log.info("periodic job", job=job.name, did=said)
        except (SpotOptimizerError, TimeoutError) as err:
            error = str(err) or f"took longer than {RUN_TIMEOUT_S:.0f} s"
            log.warning("a periodic job has failed", job=job.name, error=error)
        async with database.platform() as tx:
            await tx.clock_runs.finish(job.name, due_at, now=clock.now(), error=error)
