"""The risk registry on Ray. There is one; see `actors.risk.service` for what survives what."""

import time
from uuid import UUID

from ray.util.metrics import Counter, Histogram

from actors.early import EarlyEvidence, hear_evidence
from actors.risk.service import RegistryService
from actors.risk.state import Explanation, PoolRisk, Verdict
from actors.services import Services
from actors.shell import Shell
from domain.commands import ReportEvidence
from domain.market import Pool

LATENCY_BOUNDARIES_S = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0]


class RiskRegistryActor(Shell):
    """The registry as an actor."""

    def __init__(self) -> None:
        super().__init__()
        self._registry: RegistryService
        self._evidence = Counter("spotopt_risk_evidence", description="Evidence taken in", tag_keys=("kind",))
        self._seconds = Histogram(
            "spotopt_risk_report_seconds",
            description="From evidence to flag and storage",
            boundaries=LATENCY_BOUNDARIES_S,
        )

    async def _begin(self, services: Services) -> None:
        self._registry = RegistryService(services)
        await self._registry.start()
        self._keep_running(self._registry.run, what="risk registry")
        self._keep_running(lambda: hear_evidence(services.hub.bus, self._warn), what="early evidence")

    async def _warn(self, early: EarlyEvidence) -> None:
        await self._registry.warn(early.cluster_id, early.organization_id, early.evidence)

    async def report(self, cluster_id: UUID, organization_id: UUID, evidence: ReportEvidence) -> Verdict:
        """Take evidence in."""
        await self.ready()
        started = time.monotonic()
        verdict = await self._registry.report(cluster_id, organization_id, evidence)
        self._seconds.observe(time.monotonic() - started)
        self._evidence.inc(tags={"kind": str(evidence.kind)})
        return verdict

    async def clear(self, pool: Pool) -> bool:
        """Take the flags of a pool back."""
        await self.ready()
        return await self._registry.clear(pool)

    async def explain(self, pool: Pool, organization_id: UUID) -> Explanation:
        """Why an organisation is to avoid a pool."""
        await self.ready()
        return await self._registry.explain(pool, organization_id)

    async def map(self, region: str = "") -> tuple[PoolRisk, ...]:
        """All pools with evidence, for admins."""
        await self.ready()
        return await self._registry.map(region)
