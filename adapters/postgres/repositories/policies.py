"""Policies of clusters."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from domain.fleet import ClusterPolicy, PolicySection

SQL = load("policies")


class PostgresPolicies(Repository):
    """`adapters.postgres.ports.Policies`."""

    __slots__ = ()

    async def get(self, cluster_id: UUID) -> ClusterPolicy | None:
        """The policy of a cluster."""
        row = await self._session.row(SQL["get"], {"cluster_id": cluster_id})
        if row is None:
            return None
        return ClusterPolicy(
            cluster_id=row["cluster_id"],
            organization_id=row["organization_id"],
            sections={PolicySection(name): value for name, value in (row["sections"] or {}).items()},
            version=row["version"],
            updated_at=row["updated_at"],
        )

    async def locked(self, cluster_id: UUID) -> ClusterPolicy | None:
        """The same, held until the transaction ends."""
        await self._session.row(SQL["lock"], {"cluster_id": cluster_id})
        return await self.get(cluster_id)

    async def set_section(
        self, cluster_id: UUID, section: PolicySection, changes: Mapping[str, object], *, now: datetime
    ) -> ClusterPolicy | None:
        """Set fields of one section and hear the whole."""
        values = {"cluster_id": cluster_id, "section": {section: changes}, "now": now}
        await self._session.run(SQL["set_section"], values)
        return await self.get(cluster_id)
