"""Sagas: plans being carried out, and every step of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.paging import Page, PageRequest
from domain.saga import SagaStep, StoredSaga


class Sagas(Protocol):
    """Sagas and their steps. What a saga is to do never changes; how it stands does, one version after the other."""

    async def create(self, saga: StoredSaga) -> bool:
        """Add a saga; false when it is there already."""

    async def advance(self, saga: StoredSaga) -> bool:
        """Note how a saga stands now: version, status, reason, end. False when another runner was there before."""

    async def put_steps(self, steps: Sequence[SagaStep]) -> None:
        """Add steps or replace them, many in one statement."""

    async def get(self, saga_id: UUID) -> StoredSaga | None:
        """One saga."""

    async def many(self, saga_ids: Sequence[UUID]) -> tuple[StoredSaga, ...]:
        """Those of these sagas that there are, oldest first."""

    async def steps(self, saga_id: UUID) -> tuple[SagaStep, ...]:
        """Steps of a saga in the order in which they were asked."""

    async def launches(self, cluster_id: UUID) -> tuple[SagaStep, ...]:
        """All steps of a cluster that launched something: which of its instances have an owner."""

    async def of_cluster(self, cluster_id: UUID, request: PageRequest) -> Page[StoredSaga]:
        """Sagas of a cluster, newest first."""

    async def open_of_cluster(self, cluster_id: UUID) -> tuple[StoredSaga, ...]:
        """Those that have not ended, oldest first."""

    async def open_of_clusters(self, cluster_ids: Sequence[UUID]) -> tuple[StoredSaga, ...]:
        """Those of many clusters that have not ended, for a runner that starts (platform scope)."""

    async def open_clusters(self) -> tuple[UUID, ...]:
        """Clusters with sagas that have not ended, for a host that starts (platform scope)."""

    async def prune(self, ended_before: datetime, *, most: int = 1_000) -> int:
        """Delete sagas that ended before that time, with their steps (platform scope).

        One that launched an instance which is still among its cluster's stays: it is what owns that instance.
        """
