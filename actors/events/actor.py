"""A consumer of events on Ray. Ray starts it anew when it dies; what it held is taken over or found in the inbox."""

from ray.util.metrics import Gauge

from actors import runtime
from actors.events.consumer import EventConsumer
from actors.hosting.client import RayClusters
from actors.services import Services
from actors.shell import Shell

GAUGE_EVERY_S = 5.0


class EventConsumerActor(Shell):
    """A consumer as an actor."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self._name = runtime.consumer_name(index)
        self._consumer: EventConsumer
        self._waiting = Gauge("spotopt_events_waiting", description="Events that wait", tag_keys=("priority",))

    async def _begin(self, services: Services) -> None:
        clusters = RayClusters(services.settings.cluster_hosts, services.hub.bus)
        self._consumer = EventConsumer(services, clusters, name=self._name)
        self._keep_running(self._consumer.run, what="events")
        self._keep_running(lambda: self._measure(services), what="gauges")

    async def sweep(self) -> int:
        """Handle what the stream has lost."""
        await self.ready()
        return await self._consumer.sweep()

    async def counts(self) -> dict[str, int]:
        """Events handled and failed since this process began."""
        await self.ready()
        return {"handled": self._consumer.handled, "failed": self._consumer.failed}

    async def _measure(self, services: Services) -> None:
        while True:
            depth = await services.hub.events.depth()
            for priority, count in depth.waiting.items():
                self._waiting.set(count, tags={"priority": priority.name.lower()})
            await services.clock.sleep(GAUGE_EVERY_S)
