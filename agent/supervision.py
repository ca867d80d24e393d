"""Keeps the agent's parts running: what fails is said, counted and begun again, the rest goes on."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from agent.backoff import Backoff
from agent.clock import Clock
from agent.telemetry import Telemetry

Part = Callable[[], Awaitable[None]]
"""Something that runs until it is cancelled."""

LASTING_S = 60.0
"""A part that ran for as long was well: its next failure waits as shortly as the first."""

log = structlog.get_logger(__name__)


class Supervisor:
    """Runs parts side by side, each begun again after 1, 2, 4 … 60 s when it ends."""

    def __init__(self, clock: Clock, telemetry: Telemetry) -> None:
        self._clock = clock
        self._telemetry = telemetry

    async def run(self, parts: Mapping[str, Part]) -> None:
        """Until cancelled, which ends all parts."""
        async with asyncio.TaskGroup() as group:
            for name, part in parts.items():
                group.create_task(self._keep(name, part), name=name)

    async def _keep(self, name: str, part: Part) -> None:
        backoff = Backoff()
        while True:
            began_at = self._clock.monotonic()
            await self._once(name, part)
            if self._clock.monotonic() - began_at > LASTING_S:
                backoff.reset()
            await self._clock.sleep(backoff.next_s())

    async def _once(self, name: str, part: Part) -> None:
        try:
            await part()
            log.error("a part has ended, it is begun again", part=name)
        except Exception:
            log.exception("a part has failed, it is begun again", part=name)
        self._telemetry.error(name)
