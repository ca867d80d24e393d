"""Twin of sagas."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast
from uuid import UUID

from adapters.postgres.memory.tables import MemoryRepository, by_age, page_of
from domain.errors import RejectedError
from domain.fleet import Instance
from domain.paging import Page, PageRequest
from domain.saga import OPEN_SAGAS, SagaStep, StepKind, StoredSaga


class MemorySagas(MemoryRepository):
    """Twin of `Sagas`."""

    async def create(self, saga: StoredSaga) -> bool:
        """Add a saga."""
        return self._view.insert(saga.id, saga)

    async def advance(self, saga: StoredSaga) -> bool:
        """Note how a saga stands now."""
        found = await self.get(saga.id)
        if found is None or found.organization_id != saga.organization_id or found.version != saga.version - 1:
            return False
        changed = {name: getattr(saga, name) for name in ("status", "reason", "version", "updated_at", "ended_at")}
        self._view.put(saga.id, replace(found, **changed))
        return True

    async def put_steps(self, steps: Sequence[SagaStep]) -> None:
        """Add steps or replace them."""
        for step in steps:
            if await self.get(step.saga_id) is None:
                raise RejectedError("refused by the database: step of an unknown saga")
            self._view.put((step.saga_id, step.step_id), step)

    async def get(self, saga_id: UUID) -> StoredSaga | None:
        """One saga."""
        return self._view.get(StoredSaga, saga_id)

    async def many(self, saga_ids: Sequence[UUID]) -> tuple[StoredSaga, ...]:
        """Those of these sagas that there are."""
        return tuple(by_age(self._view.all(StoredSaga, lambda saga: saga.id in saga_ids)))

    async def steps(self, saga_id: UUID) -> tuple[SagaStep, ...]:
        """Steps of a saga."""
        return _in_order(self._view.all(SagaStep, lambda step: step.saga_id == saga_id))

    async def launches(self, cluster_id: UUID) -> tuple[SagaStep, ...]:
        """All steps of a cluster that launched something."""
        return _in_order(
            self._view.all(SagaStep, lambda step: step.cluster_id == cluster_id and step.kind == StepKind.LAUNCH)
        )

    async def of_cluster(self, cluster_id: UUID, request: PageRequest) -> Page[StoredSaga]:
        """Sagas of a cluster, newest first."""
        return page_of(self._view.all(StoredSaga, lambda saga: saga.cluster_id == cluster_id), request)

    async def open_of_cluster(self, cluster_id: UUID) -> tuple[StoredSaga, ...]:
        """Those that have not ended."""
        return self._open((cluster_id,))

    async def open_of_clusters(self, cluster_ids: Sequence[UUID]) -> tuple[StoredSaga, ...]:
        """Those of many clusters that have not ended."""
        self._view.platform_only()
        return self._open(cluster_ids)

    async def open_clusters(self) -> tuple[UUID, ...]:
        """Clusters with sagas that have not ended."""
        self._view.platform_only()
        found = self._view.all(StoredSaga, lambda saga: saga.status in OPEN_SAGAS)
        return tuple(sorted({saga.cluster_id for saga in found}))

    async def prune(self, ended_before: datetime, *, most: int = 1_000) -> int:
        """Delete sagas that ended before that time."""
        self._view.platform_only()
        ended = self._view.all(StoredSaga, lambda saga: saga.ended_at is not None and saga.ended_at < ended_before)
        unowned = [saga for saga in ended if not await self._owns_one_that_runs(saga)]
        doomed = sorted(unowned, key=lambda saga: (saga.ended_at, saga.id))[:most]
        for saga in doomed:
            self._view.drop(StoredSaga, saga.id)
            self._view.drop_all(SagaStep, lambda step, gone=saga.id: step.saga_id == gone)  # type: ignore[misc]
        return len(doomed)

    async def _owns_one_that_runs(self, saga: StoredSaga) -> bool:
        launched = {
            entry["id"]
            for step in await self.steps(saga.id)
            if step.kind is StepKind.LAUNCH
            for entry in cast("list[dict[str, str]]", step.result.get("instances", []))
        }
        return any(self._view.get(Instance, (saga.cluster_id, one)) for one in launched)

    def _open(self, cluster_ids: Sequence[UUID]) -> tuple[StoredSaga, ...]:
        open_ = self._view.all(StoredSaga, lambda saga: saga.cluster_id in cluster_ids and saga.status in OPEN_SAGAS)
        return tuple(by_age(open_))


def _in_order(steps: Sequence[SagaStep]) -> tuple[SagaStep, ...]:
    return tuple(sorted(steps, key=lambda step: (step.asked_at, step.step_id)))
