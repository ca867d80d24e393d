"""Takes a measurement every collection interval and puts it into the outbox."""

import asyncio
from datetime import datetime

from agent.clock import Clock
from agent.configuration import Configuration
from agent.service.outbox import Outbox
from agent.telemetry import Telemetry
from agent.waiting import set_within
from agent.watching.cluster import Cluster
from agent.watching.usage import Usage

LOOK_S = 0.2
"""How often it is looked whether the first list is complete."""


class Reporter:
    """Collects: first as soon as the whole cluster has been listed, then at each interval and whenever it is asked to.

    Attributes
    ----------
    collected_at
        When the last collection was made.
    """

    def __init__(
        self,
        cluster: Cluster,
        usage: Usage,
        clock: Clock,
        *,
        outbox: Outbox,
        configuration: Configuration,
        telemetry: Telemetry,
    ) -> None:
        self._cluster = cluster
        self._usage = usage
        self._clock = clock
        self._outbox = outbox
        self._configuration = configuration
        self._telemetry = telemetry
        self._asked = asyncio.Event()
        self.collected_at: datetime | None = None

    def collect_now(self) -> None:
        """Do not wait for the interval."""
        self._asked.set()

    async def run(self) -> None:
        """Until cancelled."""
        await self._wait_for_lists()
        while True:
            self._asked.clear()
            self._outbox.put_sample(await self._usage.collect())
            self._note()
            await set_within(self._asked, self._clock, self._configuration.current.collection_interval_s)

    async def _wait_for_lists(self) -> None:
        """Measurements alone are better than nothing, so that is waited for one interval at most."""
        began_at = self._clock.monotonic()
        longest_s = self._configuration.current.collection_interval_s
        while not self._cluster.is_listed() and self._clock.monotonic() - began_at < longest_s:
            await self._clock.sleep(LOOK_S)

    def _note(self) -> None:
        self.collected_at = self._clock.now()
        self._telemetry.last_collection.set(self.collected_at.timestamp())
        self._telemetry.objects.set(len(self._cluster.mirror))
        self._telemetry.watching.set(self._cluster.is_trusted())
        self._telemetry.relists.set(self._cluster.relists())
