"""What all actors of the platform have in common: they open their services once, on their own event loop."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from actors.connect import Connection
from actors.services import Services
from domain.errors import SpotOptimizerError

PAUSE_S = 1.0
"""Before background work that has failed is begun anew."""

log = structlog.get_logger(__name__)


class Shell:
    """An actor around a part of the platform.

    Ray constructs an actor outside of its event loop; ``_begin`` runs on it, before the first call is served and once.
    A beginning that fails (the database is being restarted, say) is tried again by the next call.
    """

    def __init__(self) -> None:
        self._opening = asyncio.Lock()
        self._connection: Connection
        self._services: Services | None = None
        self._background: set[asyncio.Task[Any]] = set()

    async def _begin(self, services: Services) -> None:
        """Make the part and start its background work."""
        raise NotImplementedError

    async def ready(self) -> Services:
        """The services, opened."""
        if self._services is None:
            async with self._opening:
                if self._services is None:
                    self._connection = Connection()
                    services = await self._connection.open()
                    try:
                        await self._begin(services)
                    except BaseException:
                        await self._connection.close()
                        raise
                    self._services = services
        return self._services

    async def ping(self) -> int:
        """Answer with the process id, once everything is open."""
        await self.ready()
        return os.getpid()

    def _keep_running(self, work: Callable[[], Coroutine[Any, Any, None]], *, what: str) -> None:
        """Run something for ever. It is begun anew while the outside is away; a bug ends the process."""
        task = asyncio.get_running_loop().create_task(_for_ever(work, what=what))
        self._background.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._background.discard(task)
        if task.cancelled():
            return
        log.error("background work has ended", error=repr(task.exception()))
        os._exit(1)


async def _for_ever(work: Callable[[], Coroutine[Any, Any, None]], *, what: str) -> None:
    while True:
        try:
            await work()
        except SpotOptimizerError as err:
            log.warning("background work is begun anew", what=what, error=str(err))
        await asyncio.sleep(PAUSE_S)
