"""What agents are told to do: their configuration, from the platform's settings and the cluster's policy."""

from collections.abc import Mapping
from uuid import UUID

from adapters.clock import Clock
from adapters.postgres.ports import Database
from domain.fleet import PolicySection
from domain.wire.messages import AgentConfig
from serve.auth.remembered import Remembered

SAFE_MODE = "SAFE_MODE"
CONFIG_VERSION = "AGENT_CONFIG_VERSION"
"""Counts the changes of platform settings that agents must hear of."""
COLLECTION_INTERVAL, HEARTBEAT_TIMEOUT = "COLLECTION_INTERVAL", "HEARTBEAT_TIMEOUT"

POLICY_BELIEVED_S = 120.0
"""Changes are told at once; this is for when the telling is lost."""
PLATFORM_BELIEVED_S = 5.0
MOST_REMEMBERED = 50_000
LEAST_S, MOST_S = 5, 3_600


class AgentConfigs:
    """The configuration of each agent."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._platform: Remembered[str, Mapping[str, str]] = Remembered(
            self._find_platform, clock, ttl_s=PLATFORM_BELIEVED_S, capacity=1
        )
        self._own: Remembered[UUID, tuple[int, bool]] = Remembered(
            self._find_own, clock, ttl_s=POLICY_BELIEVED_S, capacity=MOST_REMEMBERED
        )

    async def of(self, cluster_id: UUID) -> AgentConfig:
        """The configuration. Its version is the sum of two numbers that only grow."""
        platform = await self._platform.get("all") or {}
        version, dry_run = await self._own.get(cluster_id) or (0, False)
        return AgentConfig(
            version=version + int(platform.get(CONFIG_VERSION, "0")),
            collection_interval_s=_bounded(platform.get(COLLECTION_INTERVAL, "30")),
            heartbeat_interval_s=_bounded(str(int(platform.get(HEARTBEAT_TIMEOUT, "60")) // 2)),
            dry_run=dry_run,
            safe_mode=is_on(platform.get(SAFE_MODE)),
        )

    def changed(self, cluster_id: UUID) -> None:
        """The policy of a cluster was changed."""
        self._own.drop(cluster_id)

    def platform_changed(self) -> None:
        """A setting of the platform was changed."""
        self._platform.clear()

    def clear(self) -> None:
        """Messages may have been lost: believe nothing."""
        self._platform.clear()
        self._own.clear()

    async def _find_platform(self, _name: str) -> Mapping[str, str]:
        async with self._database.single() as tx:
            return await tx.config.all()

    async def _find_own(self, cluster_id: UUID) -> tuple[int, bool] | None:
        async with self._database.single() as tx:
            policy = await tx.policies.get(cluster_id)
        if policy is None:
            return None
        dry_run = policy.sections[PolicySection.CONSTRAINTS].get("dry_run") is True
        return policy.version, dry_run


def is_on(value: str | None) -> bool:
    """Whether a switch of the platform's settings is on."""
    return (value or "").upper() == "TRUE"


def _bounded(seconds: str) -> int:
    return max(LEAST_S, min(MOST_S, int(seconds)))
