"""Clusters, their heartbeats and instances."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from adapters.postgres.ports.clusters import ClusterKey
from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.rows import columns_of, page, page_values, read, values_of
from domain.fleet import Cluster, ClusterStatus, Heartbeat, Instance
from domain.paging import Page, PageRequest

SQL = load("clusters")


class PostgresClusters(Repository):
    """`adapters.postgres.ports.Clusters`."""

    __slots__ = ()

    async def create(self, cluster: Cluster) -> None:
        """Add a cluster."""
        await self._session.run(SQL["create"], values_of(cluster))

    async def get(self, cluster_id: UUID) -> Cluster | None:
        """One cluster with its last heartbeat."""
        return await self._session.one(Cluster, SQL["get"], {"cluster_id": cluster_id})

    async def page(self, organization_id: UUID, request: PageRequest) -> Page[Cluster]:
        """Clusters of an organisation, newest first."""
        values = {"organization_id": organization_id, **page_values(request)}
        return page(await self._session.rows(SQL["page"], values), request, to=partial(read, Cluster))

    async def all_keys(self) -> tuple[ClusterKey, ...]:
        """Every cluster that is not disconnected."""
        return await self._session.all(ClusterKey, SQL["all_keys"])

    async def linked(self) -> tuple[ClusterKey, ...]:
        """Those that run in a linked AWS account."""
        return await self._session.all(ClusterKey, SQL["linked"])

    async def set_status(self, cluster_id: UUID, status: ClusterStatus, now: datetime) -> bool:
        """Note how it stands."""
        values = {"cluster_id": cluster_id, "status": status, "now": now}
        return await self._session.run(SQL["set_status"], values) > 0

    async def register(
        self, cluster_id: UUID, *, kubernetes_version: str, zone_ids: Mapping[str, str], now: datetime
    ) -> bool:
        """Note what its agent told when it registered."""
        values = {
            "cluster_id": cluster_id, "kubernetes_version": kubernetes_version, "zone_ids": zone_ids, "now": now
        }  # fmt: skip
        return await self._session.run(SQL["register"], values) > 0

    async def beat(self, heartbeats: Sequence[Heartbeat]) -> tuple[UUID, ...]:
        """Keep many heartbeats in one statement."""
        if not heartbeats:
            return ()
        return tuple(row["id"] for row in await self._session.rows(SQL["beat"], columns_of(heartbeats)))

    async def silence(self, before: datetime, now: datetime) -> tuple[ClusterKey, ...]:
        """Turn active clusters without heartbeat silent."""
        return await self._session.all(ClusterKey, SQL["silence"], {"before": before, "now": now})

    async def delete(self, cluster_id: UUID) -> bool:
        """Delete a cluster and all that belongs to it."""
        return await self._session.run(SQL["delete"], {"cluster_id": cluster_id}) > 0

    async def put_instances(self, cluster_id: UUID, instances: Sequence[Instance], seen_at: datetime) -> int:
        """Make these the instances of a cluster."""
        values = {"cluster": cluster_id, "seen": seen_at}
        if instances:
            await self._session.run(SQL["put_instances"], {**columns_of(instances), **values})
        return await self._session.run(SQL["forget_instances"], values)

    async def instances(self, cluster_id: UUID) -> tuple[Instance, ...]:
        """Instances of a cluster, by id."""
        return await self._session.all(Instance, SQL["instances"], {"cluster_id": cluster_id})

    async def owners_of(self, instance_ids: Sequence[str]) -> Mapping[str, UUID]:
        """Which cluster each instance is known to belong to."""
        rows = await self._session.rows(SQL["owners_of"], {"instance_ids": instance_ids})
        return {row["instance_id"]: row["cluster_id"] for row in rows}
