"""What verifying and discovering customers' AWS accounts has shown."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from adapters.postgres.ports.sites import AccountLook, ClusterMatch, SeenCluster, SeenSummary
from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.rows import columns_of, values_of
from domain.fleet import Account

SQL = load("sites")


class PostgresSites(Repository):
    """`adapters.postgres.ports.Sites`."""

    __slots__ = ()

    async def look(self, account_id: UUID) -> AccountLook | None:
        """What an account has last shown."""
        return await self._session.one(AccountLook, SQL["look"], {"account_id": account_id})

    async def looks(self, organization_id: UUID) -> tuple[AccountLook, ...]:
        """The same of all accounts of an organisation."""
        return await self._session.all(AccountLook, SQL["looks"], {"organization_id": organization_id})

    async def put_look(self, look: AccountLook) -> None:
        """Keep what an account shows now."""
        await self._session.run(SQL["put_look"], values_of(look))

    async def put_clusters(
        self, account_id: UUID, clusters: Sequence[SeenCluster], *, blind: Collection[str], now: datetime
    ) -> int:
        """Make these the clusters of an account."""
        values = {"account": account_id, "blind": list(blind), "now": now}
        if clusters:
            await self._session.run(SQL["put_clusters"], {**columns_of(clusters), **values})
        return await self._session.run(SQL["forget_clusters"], values)

    async def clusters(self, account_id: UUID) -> tuple[SeenCluster, ...]:
        """All clusters found in an account."""
        return await self._session.all(SeenCluster, SQL["clusters"], {"account_id": account_id})

    async def of_organization(self, organization_id: UUID) -> tuple[SeenSummary, ...]:
        """Clusters found in all accounts of an organisation."""
        return await self._session.all(SeenSummary, SQL["of_organization"], {"organization_id": organization_id})

    async def of_cluster(self, cluster_id: UUID) -> tuple[Account, SeenCluster] | None:
        """A connected cluster as it was last found."""
        values = {"cluster_id": cluster_id}
        account = await self._session.one(Account, SQL["account_of_cluster"], values)
        seen = await self._session.one(SeenCluster, SQL["of_cluster"], values)
        return None if account is None or seen is None else (account, seen)

    async def connected(self, account_id: UUID) -> tuple[ClusterMatch, ...]:
        """Connected clusters of an account that were found."""
        return await self._session.all(ClusterMatch, SQL["connected"], {"account_id": account_id})

    async def unlinked(self, account_id: UUID) -> tuple[ClusterMatch, ...]:
        """Clusters without an account, of the name and region of one found here."""
        return await self._session.all(ClusterMatch, SQL["unlinked"], {"account_id": account_id})

    async def link(self, cluster_id: UUID, account_id: UUID, *, now: datetime) -> bool:
        """Note in which account a cluster runs."""
        values = {"cluster_id": cluster_id, "account_id": account_id, "now": now}
        return await self._session.run(SQL["link"], values) > 0

    async def adopt(self, account_id: UUID, *, now: datetime) -> int:
        """Note endpoint, VPC, version and zone ids of connected clusters as found."""
        return await self._session.run(SQL["adopt"], {"account_id": account_id, "now": now})
