"""Twin of what discovery has shown."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.postgres.memory.tables import MemoryRepository
from adapters.postgres.ports.sites import AccountLook, ClusterMatch, SeenCluster, SeenSummary
from domain.fleet import Account, Cluster, ClusterStatus


class MemorySites(MemoryRepository):
    """Twin of `Sites`."""

    async def look(self, account_id: UUID) -> AccountLook | None:
        """What an account has last shown."""
        return self._view.get(AccountLook, account_id)

    async def looks(self, organization_id: UUID) -> tuple[AccountLook, ...]:
        """The same of all accounts of an organisation."""
        own = self._view.all(AccountLook, lambda look: look.organization_id == organization_id)
        return tuple(sorted(own, key=lambda look: look.account_id))

    async def put_look(self, look: AccountLook) -> None:
        """Keep what an account shows now."""
        account = self._view.get(Account, look.account_id)
        if account is not None and account.organization_id == look.organization_id:
            self._view.put(look.account_id, look)

    async def put_clusters(
        self, account_id: UUID, clusters: Sequence[SeenCluster], *, blind: Collection[str], now: datetime
    ) -> int:
        """Make these the clusters of an account."""
        if self._view.get(Account, account_id) is None:
            return 0
        for cluster in clusters:
            old = self._view.get(SeenCluster, _key(cluster))
            if old is None or old.seen_at <= cluster.seen_at:
                self._view.put(_key(cluster), cluster)
        return self._view.drop_all(
            SeenCluster, lambda c: c.account_id == account_id and c.seen_at < now and c.region not in blind
        )

    async def clusters(self, account_id: UUID) -> tuple[SeenCluster, ...]:
        """All clusters found in an account."""
        return tuple(sorted(self._found(account_id), key=_place))

    async def of_organization(self, organization_id: UUID) -> tuple[SeenSummary, ...]:
        """Clusters found in all accounts of an organisation."""
        own = self._view.all(SeenCluster, lambda c: c.organization_id == organization_id)
        return tuple(self._summary(seen) for seen in sorted(own, key=lambda c: (*_place(c), c.account_id)))

    async def of_cluster(self, cluster_id: UUID) -> tuple[Account, SeenCluster] | None:
        """A connected cluster as it was last found."""
        cluster = self._view.get(Cluster, cluster_id)
        account = self._view.get(Account, cluster.account_id) if cluster and cluster.account_id else None
        if cluster is None or account is None:
            return None
        seen = self._view.get(SeenCluster, (account.id, cluster.region, cluster.name))
        return None if seen is None else (account, seen)

    async def connected(self, account_id: UUID) -> tuple[ClusterMatch, ...]:
        """Connected clusters of an account that were found."""
        return self._matches(account_id, of_account=account_id)

    async def unlinked(self, account_id: UUID) -> tuple[ClusterMatch, ...]:
        """Clusters without an account, of the name and region of one found here."""
        return self._matches(account_id, of_account=None)

    async def link(self, cluster_id: UUID, account_id: UUID, *, now: datetime) -> bool:
        """Note in which account a cluster runs."""
        cluster = self._view.get(Cluster, cluster_id)
        if cluster is None or cluster.account_id is not None:
            return False
        self._view.put(cluster_id, replace(cluster, account_id=account_id, updated_at=now))
        return True

    async def adopt(self, account_id: UUID, *, now: datetime) -> int:
        """Note endpoint, VPC, version and zone ids of connected clusters as found."""
        changed = 0
        for match in self._matches(account_id, of_account=account_id):
            cluster = self._view.get(Cluster, match.cluster_id)
            seen = self._view.get(SeenCluster, (account_id, match.region, match.name))
            if cluster is None or seen is None or _facts(cluster) == _facts(seen):
                continue
            told = replace(cluster, vpc_id=seen.vpc_id, endpoint=seen.endpoint, updated_at=now)
            zones = {**cluster.zone_ids, **seen.zone_ids}
            self._view.put(cluster.id, replace(told, kubernetes_version=seen.kubernetes_version, zone_ids=zones))
            changed += 1
        return changed

    def _found(self, account_id: UUID) -> Sequence[SeenCluster]:
        return self._view.all(SeenCluster, lambda c: c.account_id == account_id)

    def _summary(self, seen: SeenCluster) -> SeenSummary:
        account = self._view.get(Account, seen.account_id)
        mine = (seen.account_id, seen.region, seen.name)
        ours = self._view.all(Cluster, lambda c: (c.account_id, c.region, c.name) == mine)
        return SeenSummary(
            account_id=seen.account_id,
            aws_account_id=account.aws_account_id if account else "",
            region=seen.region,
            name=seen.name,
            status=seen.status,
            kubernetes_version=seen.kubernetes_version,
            node_count=seen.node_count,
            spot_count=seen.spot_count,
            seen_at=seen.seen_at,
            cluster_id=next((cluster.id for cluster in ours), None),
        )

    def _matches(self, account_id: UUID, *, of_account: UUID | None) -> tuple[ClusterMatch, ...]:
        found = {(seen.organization_id, seen.region, seen.name) for seen in self._found(account_id)}
        ours = self._view.all(
            Cluster,
            lambda c: (
                c.account_id == of_account
                and c.status != ClusterStatus.DISCONNECTED
                and (c.organization_id, c.region, c.name) in found
            ),
        )
        return tuple(ClusterMatch(cluster_id=c.id, region=c.region, name=c.name) for c in sorted(ours, key=_place))


def _key(cluster: SeenCluster) -> tuple[UUID, str, str]:
    return (cluster.account_id, cluster.region, cluster.name)


def _place(cluster: SeenCluster | Cluster) -> tuple[str, str]:
    return (cluster.region, cluster.name)


def _facts(cluster: SeenCluster | Cluster) -> tuple[str, str, str]:
    return (cluster.vpc_id, cluster.endpoint, cluster.kubernetes_version)
