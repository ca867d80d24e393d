"""The scorer on Ray: there is one, made when it is first needed. See `actors.scoring.service` for what survives."""

from collections.abc import Sequence
from uuid import UUID

from ray.util.metrics import Gauge, Histogram

from actors.lab.rounds import ModelJudge
from actors.scoring.risk import RegionRisk
from actors.scoring.service import ScoringService
from actors.scoring.standing import Drift, ScorerStanding
from actors.services import Services
from actors.shell import Shell
from domain.market import Pool

MEASURE_EVERY_S = 15.0
LATENCY_BOUNDARIES_S = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5]


class RiskScorer(Shell):
    """Features, models and scores as an actor."""

    def __init__(self) -> None:
        super().__init__()
        self._scoring: ScoringService
        self._judge: ModelJudge
        self._seconds = Histogram(
            "spotopt_risk_score_seconds", description="Scoring one region", boundaries=LATENCY_BOUNDARIES_S
        )
        self._drift = Drift()
        self._broken = Gauge("spotopt_models_broken", description="Models that break their contract and do not serve")
        self._ticked = Gauge(
            "spotopt_risk_features_age_seconds", description="Time since the last tick of the features"
        )
        self._moved = Gauge("spotopt_model_drift", description="Largest population stability index of a feature")
        self._excess = Gauge(
            "spotopt_model_log_loss_excess", description="Log loss of the model in production above that of its mean"
        )

    async def _begin(self, services: Services) -> None:
        self._scoring = ScoringService(services)
        await self._scoring.start()
        self._judge = ModelJudge(services, self._scoring)
        self._keep_running(self._scoring.run, what="features of pools")
        self._keep_running(self._scoring.models.run, what="copy of the models")
        self._keep_running(lambda: self._measure(services), what="gauges")

    async def risk(self, region: str, cluster_id: UUID | None, running: Sequence[Pool]) -> RegionRisk | None:
        """Risk of a region's pools for a cluster."""
        services = await self.ready()
        started = services.clock.monotonic()
        found = self._scoring.risk(region, cluster_id=cluster_id, running=running)
        self._seconds.observe(services.clock.monotonic() - started)
        return found

    async def judge(self) -> str:
        """Bring rounds of prediction and outcome to their end and begin the next; what was done."""
        await self.ready()
        return await self._judge.run()

    async def describe(self) -> ScorerStanding:
        """What it serves with, and how that does."""
        await self.ready()
        return await self._scoring.standing(self._drift)

    async def _measure(self, services: Services) -> None:
        while True:
            self._drift = await self._scoring.drift()
            standing = await self._scoring.standing(self._drift)
            self._broken.set(len(standing.broken))
            self._ticked.set((standing.now - standing.ticked_at).total_seconds())
            self._moved.set(self._drift.worst[1])
            self._excess.set(self._drift.excess)
            await services.clock.sleep(MEASURE_EVERY_S)
