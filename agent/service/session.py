"""Whether the service wants to hear from this agent: registration, and what follows when the key is not accepted."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from agent.backoff import Backoff
from agent.clock import Clock
from agent.configuration import Configuration
from agent.service.client import ServiceClient
from agent.service.errors import BodyRefusedError, ServiceAwayError, UnwelcomeError, UpgradeNeededError
from agent.settings import Settings
from agent.telemetry import Telemetry
from domain.errors import TransientError
from domain.wire.messages import RegisterAnswer, RegisterRequest

UNWELCOME_S = 60.0
"""Time between two tries with a key that was not accepted: it may be a new one, or its cluster may come."""

OUTDATED_S = 600.0
"""The same for an agent that is too old; only an upgrade of one side helps."""

CLOCK_TOLERANCE_S = 60.0
"""Expiries are judged by the agent's clock; beyond this it is wrong, or the service's is."""

log = structlog.get_logger(__name__)


class Session:
    """Registers, and says to all others when they may speak.

    Parameters
    ----------
    describe
        Makes the registration; asked before each.

    Attributes
    ----------
    registered_once
        Whether the service has accepted this agent since it started.
    problem
        Why it does not accept it now, empty when it does or when it is just away.
    """

    def __init__(
        self,
        settings: Settings,
        client: ServiceClient,
        clock: Clock,
        *,
        configuration: Configuration,
        describe: Callable[[], Awaitable[RegisterRequest]],
        telemetry: Telemetry,
    ) -> None:
        self._settings = settings
        self._client = client
        self._clock = clock
        self._configuration = configuration
        self._describe = describe
        self._telemetry = telemetry
        self._welcome = asyncio.Event()
        self._again = asyncio.Event()
        self._away = ""
        self._skewed = False
        self.registered_once = False
        self.problem = ""

    async def run(self) -> None:
        """Register, and again whenever it is asked for. Until cancelled."""
        backoff = Backoff()
        while True:
            self._again.clear()
            wait_s = await self._try(backoff)
            if wait_s is None:
                wait_s = await self._until_asked(backoff)
            await self._clock.sleep(wait_s)

    async def ready(self) -> None:
        """Until the service accepts this agent."""
        await self._welcome.wait()

    def renew(self) -> None:
        """Register again, to hear the newest configuration. Others go on meanwhile."""
        self._again.set()

    def refused(self, err: UnwelcomeError) -> None:
        """The service has turned somebody away: all wait until it accepts this agent again."""
        self._say(err)
        self._welcome.clear()
        self._telemetry.registered.set(0)
        self._again.set()

    def compare_clocks(self, theirs: datetime) -> None:
        """Say once when the clocks are further apart than expiries can bear, and once when they are not any more."""
        skew_s = (theirs - self._clock.now()).total_seconds()
        self._telemetry.clock_skew.set(skew_s)
        skewed = abs(skew_s) > CLOCK_TOLERANCE_S
        if skewed and not self._skewed:
            self._telemetry.error("clock")
            log.error("this node's clock and the service's differ: actions may be refused as expired", skew_s=skew_s)
        elif self._skewed and not skewed:
            log.info("the clocks agree again", skew_s=skew_s)
        self._skewed = skewed

    async def _try(self, backoff: Backoff) -> float | None:
        """Register once; how long to wait before the next try, ``None`` when it went well."""
        try:
            self._accepted(await self._client.register(await self._describe()))
        except UnwelcomeError as err:
            self.refused(err)
            return OUTDATED_S if isinstance(err, UpgradeNeededError) else UNWELCOME_S
        except BodyRefusedError as err:
            self.refused(UnwelcomeError(f"the service does not take the registration: {err}"))
            return UNWELCOME_S
        except TransientError as err:
            self._say_away(str(err))
            return backoff.next_s(at_least_s=err.retry_after_s if isinstance(err, ServiceAwayError) else None)
        return None

    async def _until_asked(self, backoff: Backoff) -> float:
        """Wait for a reason to register again; a key that is turned away right after it was accepted waits longer."""
        registered_at = self._clock.monotonic()
        await self._again.wait()
        if self._clock.monotonic() - registered_at > UNWELCOME_S:
            backoff.reset()
        return 0.0 if self._welcome.is_set() else backoff.next_s()

    def _accepted(self, answer: RegisterAnswer) -> None:
        if answer.cluster_id != self._settings.cluster_id:
            raise UnwelcomeError(f"the key (API_TOKEN) is of cluster {answer.cluster_id}, not of CLUSTER_ID")
        self._compare_keys(answer.signing_key_id)
        self.compare_clocks(answer.server_time)
        if not self._welcome.is_set():
            log.info("registered", cluster=answer.cluster_id, protocol=answer.protocol)
        self.problem, self._away, self.registered_once = "", "", True
        self._configuration.change(answer.config)
        self._telemetry.registered.set(1)
        self._welcome.set()

    def _compare_keys(self, theirs: str) -> None:
        """Actions would be refused one by one; this says why before the first."""
        own = self._settings.signing_key.id
        if theirs != own:
            self._telemetry.error("key")
            log.error("the service signs with another key than this agent's; its actions will be refused", own=own)

    def _say(self, err: UnwelcomeError) -> None:
        if str(err) != self.problem:
            self.problem = str(err)
            self._telemetry.error("registration")
            log.error(
                "the service does not accept this agent; interruptions are handled all the same", problem=str(err)
            )

    def _say_away(self, problem: str) -> None:
        if problem != self._away:
            self._away = problem
            self._telemetry.error("service")
            log.warning("not registered yet", problem=problem)
