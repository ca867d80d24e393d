"""The sweep for instances that no saga owns, over all clusters in linked accounts."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from uuid import uuid5

import structlog

from actors.clock.clock import PeriodicJob
from actors.clock.schedule import Period
from actors.execution.ports import Ec2, Where
from actors.execution.sweep import Orphan, sweep
from actors.services import Services
from domain.audit import AuditEntry
from domain.commands import Outcome
from domain.errors import RejectedError, TransientError

SWEEP_ORPHANS = "sweep orphans"
"""Name of the job; what its last run found is its error, and shown with the health of the platform."""

EVERY_S = 600.0
AT_ONCE = 8
"""Clusters looked at side by side."""

NAMED = 5
"""Orphans that are named in the finding; the audit log names all."""

log = structlog.get_logger(__name__)


def orphan_job(services: Services, ec2: Ec2) -> PeriodicJob:
    """Looks for orphans every ten minutes."""
    return PeriodicJob(name=SWEEP_ORPHANS, period=Period(every_s=EVERY_S), run=OrphanSweep(services, ec2).run)


class OrphanSweep:
    """Finds orphans, writes each into the audit log of its owner once, and ends none of them."""

    def __init__(self, services: Services, ec2: Ec2) -> None:
        self._services = services
        self._ec2 = ec2

    async def run(self, _: datetime) -> str:
        """Sweep all clusters.

        Raises
        ------
        RejectedError
            There are orphans: they cost money, so the run counts as failed until somebody has seen to them.
        """
        async with self._services.database.platform() as tx:
            known = await tx.clusters.linked()
        places = [Where(organization_id=one.organization_id, cluster_id=one.cluster_id) for one in known]
        limit = asyncio.Semaphore(AT_ONCE)
        found = await asyncio.gather(*(self._sweep(where, limit) for where in places))
        orphans = [orphan for some in found for orphan in some]
        if orphans:
            names = ", ".join(one.instance_id for one in orphans[:NAMED])
            more = f" and {len(orphans) - NAMED} more" if len(orphans) > NAMED else ""
            raise RejectedError(f"{len(orphans)} instances run that no plan owns: {names}{more}")
        return ""

    async def _sweep(self, where: Where, limit: asyncio.Semaphore) -> Sequence[Orphan]:
        async with limit:
            try:
                orphans = await sweep(self._services.database, self._ec2, where, now=self._services.clock.now())
                await self._audit(where, orphans)
            except (RejectedError, TransientError) as err:
                log.info("a cluster could not be swept for orphans", cluster=str(where.cluster_id), error=str(err))
                return ()
        return orphans

    async def _audit(self, where: Where, orphans: Sequence[Orphan]) -> None:
        if not orphans:
            return
        async with self._services.database.tenant(where.organization_id) as tx:
            entries = [_entry(where, orphan, self._services.clock.now()) for orphan in orphans]
            fresh = [entry for entry in entries if await tx.audit.get(entry.id) is None]
            if fresh:
                await tx.audit.append(fresh)


def _entry(where: Where, orphan: Orphan, now: datetime) -> AuditEntry:
    return AuditEntry(
        id=uuid5(where.cluster_id, f"orphan {orphan.instance_id}"),
        organization_id=where.organization_id,
        at=now.replace(microsecond=now.microsecond // 1_000 * 1_000),
        actor="System",
        event="orphan_found",
        resource_type="instance",
        resource=orphan.instance_id,
        outcome=Outcome.FAILURE,
        text=f"instance {orphan.instance_id} runs and costs money, and no plan owns it: {orphan.reason}",
    )
