"""Sagas and their steps."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.rows import columns_of, page, page_values, read, values_of
from domain.paging import Page, PageRequest
from domain.saga import SagaStep, StoredSaga

SQL = load("sagas")


class PostgresSagas(Repository):
    """`adapters.postgres.ports.Sagas`."""

    __slots__ = ()

    async def create(self, saga: StoredSaga) -> bool:
        """Add a saga."""
        return await self._session.run(SQL["create"], values_of(saga)) > 0

    async def advance(self, saga: StoredSaga) -> bool:
        """Note how a saga stands now."""
        return await self._session.run(SQL["advance"], values_of(saga)) > 0

    async def put_steps(self, steps: Sequence[SagaStep]) -> None:
        """Add steps or replace them."""
        if steps:
            await self._session.run(SQL["put_steps"], columns_of(steps))

    async def get(self, saga_id: UUID) -> StoredSaga | None:
        """One saga."""
        return await self._session.one(StoredSaga, SQL["get"], {"saga_id": saga_id})

    async def many(self, saga_ids: Sequence[UUID]) -> tuple[StoredSaga, ...]:
        """Those of these sagas that there are."""
        return await self._session.all(StoredSaga, SQL["many"], {"saga_ids": list(saga_ids)})

    async def steps(self, saga_id: UUID) -> tuple[SagaStep, ...]:
        """Steps of a saga."""
        return await self._session.all(SagaStep, SQL["steps"], {"saga_id": saga_id})

    async def launches(self, cluster_id: UUID) -> tuple[SagaStep, ...]:
        """All steps of a cluster that launched something."""
        return await self._session.all(SagaStep, SQL["launches"], {"cluster_id": cluster_id})

    async def of_cluster(self, cluster_id: UUID, request: PageRequest) -> Page[StoredSaga]:
        """Sagas of a cluster, newest first."""
        rows = await self._session.rows(SQL["of_cluster"], {"cluster_id": cluster_id, **page_values(request)})
        return page(rows, request, to=partial(read, StoredSaga))

    async def open_of_cluster(self, cluster_id: UUID) -> tuple[StoredSaga, ...]:
        """Those that have not ended."""
        return await self._session.all(StoredSaga, SQL["open_of_cluster"], {"cluster_id": cluster_id})

    async def open_of_clusters(self, cluster_ids: Sequence[UUID]) -> tuple[StoredSaga, ...]:
        """Those of many clusters that have not ended."""
        return await self._session.all(StoredSaga, SQL["open_of_clusters"], {"cluster_ids": list(cluster_ids)})

    async def open_clusters(self) -> tuple[UUID, ...]:
        """Clusters with sagas that have not ended."""
        return tuple(row["cluster_id"] for row in await self._session.rows(SQL["open_clusters"], {}))

    async def prune(self, ended_before: datetime, *, most: int = 1_000) -> int:
        """Delete sagas that ended before that time."""
        return await self._session.run(SQL["prune"], {"ended_before": ended_before, "most": most})
