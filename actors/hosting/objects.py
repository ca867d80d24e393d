"""The objects of awake clusters: taken over from reports, stored now and then."""

import asyncio
from collections.abc import Sequence

from actors.cluster.records import facts_of
from actors.hosting.hosted import Hosted
from actors.hosting.ports import Report
from actors.services import Services
from adapters.kubernetes.snapshot import nodes_from_objects
from domain.delta import ObjectSet, apply_delta
from domain.work import StoredSnapshot

SNAPSHOT_EVERY_S = 60.0
"""How often the objects of a cluster are stored at most: an agent sends them anew in a second when they are lost."""

STORED_AT_ONCE = 8
"""Clusters whose objects are stored side by side."""


async def take_over(hosted: Hosted, report: Report) -> bool:
    """Take over usage and objects of a report; says whether all that is needed is there now.

    Raises
    ------
    BaseMismatchError
        When the report is a change of another set than the one that is held.
    InputError
        When an object cannot be read.
    """
    hosted.usage = report.usage
    changed = await _merged(hosted.objects, report)
    if changed is not None:
        if hosted.observed_at is None or not changed.equals(hosted.objects, "Node"):
            nodes = await asyncio.to_thread(nodes_from_objects, changed.objects("Node"))
            hosted.nodes = facts_of(nodes, region=hosted.record.region)
        hosted.objects = changed
    elif hosted.observed_at is None:
        return False
    hosted.observed_at = max(report.at, hosted.observed_at or report.at)
    return True


async def _merged(objects: ObjectSet, report: Report) -> ObjectSet | None:
    if report.full is not None:
        return await asyncio.to_thread(ObjectSet.from_bytes, report.full)
    if report.delta is not None:
        return apply_delta(objects, report.delta)
    return None


async def store_objects(services: Services, clusters: Sequence[Hosted], *, every_s: float = 0.0) -> None:
    """Store the objects of those clusters where they have changed and were not stored within ``every_s``.

    A cluster's first objects wait for nothing: its owner looks at the portal until there is something to see.
    """
    before_s = services.clock.monotonic() - every_s
    due = [
        hosted
        for hosted in clusters
        if _has_changed(hosted) and (hosted.stored_at_s <= before_s or not hosted.stored_hash)
    ]
    for first in range(0, len(due), STORED_AT_ONCE):
        some = due[first : first + STORED_AT_ONCE]
        await asyncio.gather(*(_store(services, hosted) for hosted in some))


def _has_changed(hosted: Hosted) -> bool:
    return hosted.observed_at is not None and hosted.objects.hash != hosted.stored_hash


async def _store(services: Services, hosted: Hosted) -> None:
    objects, observed_at = hosted.objects, hosted.observed_at
    body = await asyncio.to_thread(objects.to_bytes)
    snapshot = StoredSnapshot(
        cluster_id=hosted.id,
        organization_id=hosted.organization_id,
        body=body,
        hash=objects.hash,
        observed_at=observed_at or services.clock.now(),
        stored_at=services.clock.now(),
    )
    async with services.database.single() as tx:
        await tx.snapshots.put(snapshot)
    hosted.stored_hash, hosted.stored_at_s = objects.hash, services.clock.monotonic()
