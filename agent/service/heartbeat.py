"""Says every half minute that the agent lives, and how."""

from collections.abc import Callable
from datetime import datetime

from agent.clock import Clock
from agent.configuration import Configuration
from agent.service.client import ServiceClient
from agent.service.errors import BodyRefusedError, UnwelcomeError
from agent.service.outbox import Outbox
from agent.service.session import Session
from agent.telemetry import CpuMeter, Telemetry, memory_bytes
from agent.version import version
from domain.errors import TransientError
from domain.wire.messages import Heartbeat


class Heartbeats:
    """Sends heartbeats; one that fails is not repeated, the next one follows soon enough.

    Parameters
    ----------
    instance
        Name of this process.
    speaks
        Whether this process speaks for its cluster: another may lead.
    reachable
        Whether the Kubernetes API has answered lately.
    collected_at
        When the cluster was read last.
    """

    def __init__(
        self,
        client: ServiceClient,
        session: Session,
        clock: Clock,
        *,
        instance: str,
        configuration: Configuration,
        outbox: Outbox,
        telemetry: Telemetry,
        speaks: Callable[[], bool],
        reachable: Callable[[], bool],
        collected_at: Callable[[], datetime | None],
    ) -> None:
        self._client = client
        self._session = session
        self._clock = clock
        self._instance = instance
        self._configuration = configuration
        self._outbox = outbox
        self._telemetry = telemetry
        self._speaks = speaks
        self._reachable = reachable
        self._collected_at = collected_at
        self._started_s = clock.monotonic()
        self._cpu = CpuMeter()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._session.ready()
            if self._speaks():
                await self._beat()
            await self._clock.sleep(self._configuration.current.heartbeat_interval_s)

    async def _beat(self) -> None:
        try:
            answer = await self._client.heartbeat(self._message())
        except UnwelcomeError as err:
            self._session.refused(err)
            return
        except (TransientError, BodyRefusedError):
            self._telemetry.error("heartbeat")
            return
        self._telemetry.sent.labels("heartbeat").inc()
        self._session.compare_clocks(answer.server_time)
        if answer.config_version > self._configuration.told.version:
            self._session.renew()

    def _message(self) -> Heartbeat:
        return Heartbeat(
            instance=self._instance,
            agent_version=version(),
            uptime_s=int(self._clock.monotonic() - self._started_s),
            memory_bytes=memory_bytes(),
            cpu_mcpu=self._cpu.mcpu(),
            errors=self._telemetry.errors,
            last_collection_at=self._collected_at(),
            kubernetes_api_reachable=self._reachable(),
            config_version=self._configuration.told.version,
            buffered=len(self._outbox),
        )
