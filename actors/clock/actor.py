"""The clock on Ray; where there are several platforms on one database, one of their clocks leads."""

import asyncio
import os
import socket
from typing import Any

from actors import runtime
from actors.accounts.client import RayScouts
from actors.accounts.jobs import account_jobs
from actors.clock.clock import ClockWork
from actors.clock.jobs import platform_jobs
from actors.hosting.client import RayClusters, answered
from actors.prices.client import price_jobs
from actors.services import Services
from actors.shell import Shell


class ClockActor(Shell):
    """Periodic work as an actor."""

    def __init__(self) -> None:
        super().__init__()
        self._work: ClockWork

    async def _begin(self, services: Services) -> None:
        clusters = RayClusters(services.settings.cluster_hosts, services.hub.bus)
        scouts = RayScouts(services.settings.account_scouts)
        jobs = (
            *platform_jobs(services, clusters, sweep_events=sweep_events),
            *account_jobs(services, scouts),
            *price_jobs(),
        )
        self._work = ClockWork(services, jobs, holder=f"{socket.gethostname()}:{os.getpid()}")
        self._keep_running(self._work.run, what="periodic work")

    async def leads(self) -> bool:
        """Whether this clock led when it last looked."""
        await self.ready()
        return self._work.leads


async def sweep_events() -> int:
    """Have a consumer handle what the stream has lost."""
    consumer: Any = await asyncio.to_thread(runtime.find, runtime.consumer_name(0))
    call: Any = consumer.sweep.remote()
    handled: int = await answered(call, what=runtime.consumer_name(0))
    return handled
