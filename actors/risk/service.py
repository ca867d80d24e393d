"""The registry at work: evidence comes in, flags go to Redis at once, both to PostgreSQL before the caller is answered.

Survives its own death: it begins with the evidence that PostgreSQL holds. Survives Redis's: flags that are missing
there are set again at the start and every minute.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache
from uuid import UUID

import structlog

from actors.risk.copy import OWN_CHANGES, dump_own
from actors.risk.evidence import Evidence
from actors.risk.flags import ALL, FlagChange
from actors.risk.state import Explanation, PoolRisk, RiskRegistry, Verdict
from actors.risk.tenant import RiskSettings
from actors.services import Services
from adapters.catalog import load_catalog, regions
from adapters.redis.ports.bus import Message
from domain.commands import ReportEvidence, derived_id
from domain.errors import SpotOptimizerError
from domain.market import CapacityType, Pool
from domain.work import PoolEvidence, PoolFlag

RISK_TTL = "GLOBAL_RISK_TTL"
"""Configuration: seconds for which evidence keeps a pool flagged."""

TICK_EVERY_S = 10.0
REPAIR_EVERY_S = 60.0

log = structlog.get_logger(__name__)


class RegistryService:
    """The registry of one platform."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._registry = RiskRegistry()
        self._unstored: dict[UUID, tuple[PoolEvidence, Sequence[FlagChange]]] = {}

    async def start(self) -> None:
        """Begin with what was seen before."""
        now = self._services.clock.now()
        async with self._services.database.platform() as tx:
            ttl_s = int(await tx.config.get(RISK_TTL) or RiskSettings().ttl_s)
            settings = RiskSettings(ttl_s=ttl_s, region_pools=await asyncio.to_thread(pools_of_regions))
            self._registry = RiskRegistry(settings=settings)
            seen = await tx.pools.evidence(now - timedelta(seconds=settings.keep_s))
        for row in seen:
            self._registry.observe(_evidence(row))
        self._registry.tick(now)
        await self.repair()

    async def warn(self, cluster_id: UUID, organization_id: UUID, evidence: ReportEvidence) -> Verdict:
        """Take evidence in and set flags; storage follows with the report of the same, or at the next tick."""
        return await self._take_in(_row(cluster_id, organization_id, evidence))

    async def report(self, cluster_id: UUID, organization_id: UUID, evidence: ReportEvidence) -> Verdict:
        """Take evidence in: flags first, so that others are protected at once, then storage."""
        row = _row(cluster_id, organization_id, evidence)
        verdict = await self._take_in(row)
        await self._keep(row.id)
        return verdict

    async def _take_in(self, row: PoolEvidence) -> Verdict:
        verdict = self._registry.observe(_evidence(row))
        if verdict.accepted:
            self._unstored[row.id] = (row, verdict.changes)
        await self._publish(verdict.changes)
        return verdict

    async def _publish(self, changes: Sequence[FlagChange]) -> None:
        everybody = [change for change in changes if change.scope == ALL]
        own = [
            Message(channel=OWN_CHANGES, body=dump_own(change))
            for change in changes
            if change.scope != ALL and not self._is_covered(change)
        ]
        await asyncio.gather(
            *(self._tell_all(change) for change in everybody), self._services.hub.bus.publish_many(own)
        )

    def _is_covered(self, own: FlagChange) -> bool:
        """Whether a flag for all says as much: every process would wake up once more for nothing."""
        end = self._registry.view.until(own.pool, ALL)
        return end is not None and own.until is not None and end >= own.until

    async def _tell_all(self, change: FlagChange) -> None:
        risk, now = self._services.hub.risk, self._services.clock.now()
        if change.until is None or change.until <= now:
            await risk.clear(change.pool)
            return
        await risk.flag(change.pool, self._told(change.pool), ttl_s=(change.until - now).total_seconds())

    def _told(self, pool: Pool) -> Mapping[str, object]:
        """Evidence as everybody may see it: kinds and numbers, no names."""
        explanation = self._registry.explain(pool, ALL, now=self._services.clock.now())
        kinds = {str(kind): count for kind, count in explanation.kinds.items()}
        return {"kinds": kinds, "organisations": explanation.organisations, "score": round(explanation.score, 3)}

    async def _keep(self, evidence_id: UUID) -> None:
        """Store evidence that is not stored yet, with the flags it has led to."""
        if evidence_id not in self._unstored:
            return
        row, changes = self._unstored[evidence_id]
        now = self._services.clock.now()
        flags = [
            PoolFlag(pool=change.pool, flagged_at=now, until=change.until, reason=str(row.kind))
            for change in changes
            if change.scope == ALL and change.until is not None and change.until > now
        ]
        async with self._services.database.platform() as tx:
            await tx.pools.add_evidence([row])
            if flags:
                await tx.pools.flag(flags)
        self._unstored.pop(evidence_id, None)

    async def repair(self) -> int:
        """Set flags anew that Redis has lost; says how many."""
        now = self._services.clock.now()
        known = {flag.pool for flag in await self._services.hub.risk.list_all()}
        lost = [
            flag
            for flag in self._registry.view.all()
            if flag.scope == ALL and flag.pool not in known and flag.until is not None and flag.until > now
        ]
        await self._publish(lost)
        own = [flag for flag in self._registry.view.all() if flag.scope != ALL]
        await self._publish(own)
        return len(lost)

    async def run(self) -> None:
        """Forget what is over and repair what is lost, for ever."""
        elapsed_s = 0.0
        while True:
            await self._services.clock.sleep(TICK_EVERY_S)
            elapsed_s += TICK_EVERY_S
            try:
                await self._publish(self._registry.tick(self._services.clock.now()))
                for evidence_id in list(self._unstored):
                    await self._keep(evidence_id)
                if elapsed_s >= REPAIR_EVERY_S:
                    elapsed_s = 0.0
                    await self.repair()
            except SpotOptimizerError as err:
                log.warning("the registry cannot reach the bus", error=str(err))

    async def clear(self, pool: Pool) -> bool:
        """Take the flags of a pool back: an admin knows better."""
        changes = self._registry.clear(pool)
        async with self._services.database.platform() as tx:
            await tx.pools.unflag(pool)
        await self._publish(changes)
        return bool(changes)

    async def explain(self, pool: Pool, organization_id: UUID) -> Explanation:
        """Why an organisation is to avoid a pool."""
        return self._registry.explain(pool, str(organization_id), now=self._services.clock.now())

    async def map(self, region: str = "") -> tuple[PoolRisk, ...]:
        """All pools with evidence, for admins."""
        return self._registry.map(now=self._services.clock.now(), region=region)


@cache
def pools_of_regions() -> Mapping[str, int]:
    """How many Spot pools each region has, from the carried catalogue."""
    return {
        region: sum(offering.capacity_type is CapacityType.SPOT for offering in load_catalog(region).offerings)
        for region in regions()
    }


def _row(cluster_id: UUID, organization_id: UUID, evidence: ReportEvidence) -> PoolEvidence:
    return PoolEvidence(
        id=UUID(derived_id(str(cluster_id), "evidence", evidence.cause, evidence.kind)),
        organization_id=organization_id,
        cluster_id=cluster_id,
        pool=evidence.pool,
        kind=evidence.kind,
        instance_id=evidence.instance_id,
        known=evidence.known,
        at=evidence.at,
    )


def _evidence(row: PoolEvidence) -> Evidence:
    return Evidence(
        id=str(row.id),
        cluster=str(row.cluster_id),
        organisation=str(row.organization_id),
        pool=row.pool,
        kind=row.kind,
        instance_id=row.instance_id,
        known=row.known,
        at=row.at,
    )
