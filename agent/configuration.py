"""What the service tells the agent to do, together with what the environment says, kept over restarts."""

import asyncio
from collections.abc import Callable

import structlog
from pydantic import ValidationError

from agent.kubernetes.errors import ConflictError, KubernetesError
from agent.settings import Settings
from agent.store import Store
from domain.wire.messages import AgentConfig

DOCUMENT = "config"
"""Name of the stored document."""

log = structlog.get_logger(__name__)


class Configuration:
    """The configuration in force.

    It survives a restart while the service is away, so that an agent in safe mode does not forget that it is.

    Parameters
    ----------
    settings
        The environment's intervals win over the service's, and a dry run there over everything.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._followers: list[Callable[[AgentConfig], None]] = []
        self._unsaved = asyncio.Event()
        self.told = AgentConfig(version=0)

    @property
    def current(self) -> AgentConfig:
        """What to go by."""
        told, own = self.told, self._settings
        return told.model_copy(
            update={
                "collection_interval_s": own.collection_interval_s or told.collection_interval_s,
                "heartbeat_interval_s": own.heartbeat_interval_s or told.heartbeat_interval_s,
                "dry_run": own.dry_run or told.dry_run,
            }
        )

    def follow(self, follower: Callable[[AgentConfig], None]) -> None:
        """Tell somebody what is in force, now and whenever it changes."""
        self._followers.append(follower)
        follower(self.current)

    def forget_followers(self) -> None:
        """Nobody is told any more."""
        self._followers.clear()

    async def restore(self) -> None:
        """Go on with what was told before the restart."""
        try:
            stored = await self._store.load(DOCUMENT)
            if stored is not None:
                self._adopt(AgentConfig.model_validate(stored, extra="ignore"))
        except (KubernetesError, ValidationError) as err:
            log.warning("the configuration of the last run cannot be read", problem=str(err))

    def change(self, told: AgentConfig) -> None:
        """The service has told a configuration; an older one than is known is passed over."""
        if told == self.told or told.version < self.told.version:
            return
        self._adopt(told)
        self._unsaved.set()
        log.info("configured", **self.current.model_dump())

    async def run(self) -> None:
        """Keep what was told for the next start, whenever it changes. Until cancelled."""
        while True:
            await self._unsaved.wait()
            self._unsaved.clear()
            try:
                await self._save()
            except KubernetesError as err:
                log.warning("the configuration is not kept for the next start", problem=str(err))

    async def _save(self) -> None:
        """Over whatever lies there: the service's word is newer than what another agent has kept."""
        try:
            await self._store.save(DOCUMENT, self.told.model_dump())
        except ConflictError:
            await self._store.load(DOCUMENT)
            await self._store.save(DOCUMENT, self.told.model_dump())

    def _adopt(self, told: AgentConfig) -> None:
        self.told = told
        for follower in self._followers:
            follower(self.current)
