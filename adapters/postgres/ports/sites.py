"""What verifying and discovering customers' AWS accounts has shown, as interfaces."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.fleet import Account
from domain.validate import require_utc


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLook:
    """What an account has last shown.

    Parameters
    ----------
    permissions
        Each right that was tried: ``action``, ``need``, ``why``, ``answer``, ``detail``.
    looked_at, usage_at
        When discovery last saw it, and when CloudWatch was last asked; absent before the first time.
    problem
        Why the last look failed, empty when it did not.
    blind
        Regions that could not be seen, and why.
    changes
        How many of what came, went and changed between the last two looks.
    """

    account_id: UUID
    organization_id: UUID
    verified_at: datetime | None = None
    permissions: tuple[Mapping[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    looked_at: datetime | None = None
    usage_at: datetime | None = None
    problem: str = ""
    blind: Mapping[str, str] = field(default_factory=dict)
    changes: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_utc(verified_at=self.verified_at, looked_at=self.looked_at, usage_at=self.usage_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenCluster:
    """An EKS cluster that discovery has found, connected or not.

    ``body`` is all of it, as `adapters.aws.discovery.stored` writes it.
    """

    account_id: UUID
    organization_id: UUID
    region: str
    name: str
    arn: str
    status: str
    kubernetes_version: str
    endpoint: str
    vpc_id: str
    zone_ids: Mapping[str, str]
    node_count: int
    spot_count: int
    body: bytes
    seen_at: datetime

    def __post_init__(self) -> None:
        require_utc(seen_at=self.seen_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenSummary:
    """A cluster that discovery has found, in short. ``cluster_id`` is ours, absent while it is not connected."""

    account_id: UUID
    aws_account_id: str
    region: str
    name: str
    status: str
    kubernetes_version: str
    node_count: int
    spot_count: int
    seen_at: datetime
    cluster_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterMatch:
    """A cluster of ours that has the name and region of one that was found."""

    cluster_id: UUID
    region: str
    name: str


class Sites(Protocol):
    """Where customers' clusters are, by what discovery has found."""

    async def look(self, account_id: UUID) -> AccountLook | None:
        """What an account has last shown."""

    async def looks(self, organization_id: UUID) -> tuple[AccountLook, ...]:
        """The same of all accounts of an organisation."""

    async def put_look(self, look: AccountLook) -> None:
        """Keep what an account shows now; of an account that is gone nothing is kept."""

    async def put_clusters(
        self, account_id: UUID, clusters: Sequence[SeenCluster], *, blind: Collection[str], now: datetime
    ) -> int:
        """Make these the clusters of an account, those of blind regions apart; says how many others are gone.

        ``now`` is their ``seen_at``.
        """

    async def clusters(self, account_id: UUID) -> tuple[SeenCluster, ...]:
        """All clusters found in an account, by region and name."""

    async def of_organization(self, organization_id: UUID) -> tuple[SeenSummary, ...]:
        """Clusters found in all accounts of an organisation, by region and name."""

    async def of_cluster(self, cluster_id: UUID) -> tuple[Account, SeenCluster] | None:
        """A connected cluster as it was last found, with its account; ``None`` where it was not."""

    async def connected(self, account_id: UUID) -> tuple[ClusterMatch, ...]:
        """Connected clusters of an account that were found."""

    async def unlinked(self, account_id: UUID) -> tuple[ClusterMatch, ...]:
        """Clusters of the organisation without an account, of the same name and region as one found in this one."""

    async def link(self, cluster_id: UUID, account_id: UUID, *, now: datetime) -> bool:
        """Note in which account a cluster runs; false when it has one."""

    async def adopt(self, account_id: UUID, *, now: datetime) -> int:
        """Note endpoint, VPC, version and zone ids of connected clusters as found; says how many changed."""
