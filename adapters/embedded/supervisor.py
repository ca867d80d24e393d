"""Starts again what died."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from adapters.clock import Clock
from adapters.embedded.server import EmbeddedServer
from domain.errors import SpotOptimizerError

LOOK_S = 0.2
"""How often the supervisor looks: what a killed server costs is this, and its start."""
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0
"""A server that stays up for this long starts again without a pause; one that dies sooner waits ever longer."""

_logger = logging.getLogger(__name__)


class Happening(StrEnum):
    """What a supervisor saw or did."""

    DIED = "died"
    RESTARTED = "restarted"
    START_FAILED = "start failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Told to whoever wants to know. ``took_s`` is the time from noticing the death to the first answer."""

    server: str
    happening: Happening
    detail: str = ""
    took_s: float = 0.0


class Supervisor:
    """Watches servers until it is cancelled, and starts those again that died.

    Parameters
    ----------
    servers
        Started already, or not.
    clock
        What waiting is measured by.
    tell
        Called with each `Notice`; must not block.
    """

    def __init__(self, servers: Sequence[EmbeddedServer], clock: Clock, tell: Callable[[Notice], None]) -> None:
        self._servers = tuple(servers)
        self._clock = clock
        self._tell = tell

    async def run(self) -> None:
        """Watch all servers; ends by cancellation."""
        async with asyncio.TaskGroup() as tasks:
            for server in self._servers:
                tasks.create_task(self._watch(server))

    async def _watch(self, server: EmbeddedServer) -> None:
        failures = 0
        up_since_s = self._clock.monotonic()
        while True:
            await self._clock.sleep(LOOK_S)
            if server.pid() is not None:
                continue
            self._note(Notice(server=server.name, happening=Happening.DIED))
            if self._clock.monotonic() - up_since_s >= STEADY_S:
                failures = 0
            failures = await self._bring_back(server, failures) + 1
            up_since_s = self._clock.monotonic()

    async def _bring_back(self, server: EmbeddedServer, failures: int) -> int:
        """Start until it works; the number of failures so far."""
        died_s = self._clock.monotonic()
        while True:
            if failures:
                await self._clock.sleep(min(FIRST_PAUSE_S * 2.0 ** (failures - 1), LONGEST_PAUSE_S))
            try:
                await server.start()
            except (SpotOptimizerError, OSError) as err:
                failures += 1
                self._note(Notice(server=server.name, happening=Happening.START_FAILED, detail=str(err)))
                continue
            took_s = self._clock.monotonic() - died_s
            self._note(Notice(server=server.name, happening=Happening.RESTARTED, took_s=took_s))
            return failures

    def _note(self, notice: Notice) -> None:
        _logger.warning("%s %s %s", notice.server, notice.happening, notice.detail)
        self._tell(notice)
