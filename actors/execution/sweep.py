"""Instances that carry our tag and that no saga owns: they cost money and nobody minds them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from actors.execution.ports import Ec2, Where
from adapters.postgres.ports import Database
from domain.saga import OPEN_SAGAS, TAG_CLUSTER, TAG_SAGA, TAG_STEP, InstanceView, SagaStatus, SagaStep, StoredSaga

YOUNG = timedelta(minutes=10)
"""Younger instances are left out: the answer to their launch may be on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """An instance without an owner, and how that can be."""

    instance_id: str
    saga_id: str
    reason: str
    launched_at: datetime | None


async def sweep(database: Database, ec2: Ec2, where: Where, *, now: datetime) -> tuple[Orphan, ...]:
    """Orphans of a cluster. Ends none of them: what a bug of ours may have lost, a person looks at."""
    instances = await ec2.find(where, tags={TAG_CLUSTER: str(where.cluster_id)})
    ids = {UUID(saga) for view in instances if (saga := _saga_id(view))}
    async with database.tenant(where.organization_id) as tx:
        sagas = await tx.sagas.many(sorted(ids))
        launches = await tx.sagas.launches(where.cluster_id)
    return find_orphans(instances, sagas=sagas, launches=launches, now=now)


def find_orphans(
    instances: Iterable[InstanceView], *, sagas: Iterable[StoredSaga], launches: Iterable[SagaStep], now: datetime
) -> tuple[Orphan, ...]:
    """Those of these instances, all of one cluster and none of them ended, that no saga owns."""
    known = {str(saga.id): saga for saga in sagas}
    owned = {instance_id for step in launches for instance_id in _instances(step)}
    found: list[Orphan] = []
    for view in instances:
        if view.launched_at is not None and now - view.launched_at < YOUNG:
            continue
        reason = _reason(view, known.get(view.tags.get(TAG_SAGA, "")), owned)
        if reason:
            saga_id = view.tags.get(TAG_SAGA, "")
            found.append(
                Orphan(instance_id=view.instance_id, saga_id=saga_id, reason=reason, launched_at=view.launched_at)
            )
    return tuple(sorted(found, key=lambda orphan: orphan.instance_id))


def _reason(view: InstanceView, saga: StoredSaga | None, owned: set[str]) -> str:
    if saga is None:
        return "no saga that is known has launched it"
    if saga.status in OPEN_SAGAS:
        return ""
    if saga.status is SagaStatus.UNDONE:
        return "its saga was undone, and it runs all the same"
    if view.instance_id not in owned:
        step = view.tags.get(TAG_STEP, "")
        return f"its saga has ended without knowing of it (step {step})"
    return ""


def _saga_id(view: InstanceView) -> str:
    try:
        return str(UUID(view.tags.get(TAG_SAGA, "")))
    except ValueError:
        return ""


def _instances(step: SagaStep) -> list[str]:
    entries = step.result.get("instances", [])
    return [str(one["id"]) for one in entries] if isinstance(entries, list) else []
