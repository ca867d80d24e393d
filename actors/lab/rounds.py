"""Rounds: each hour models say how likely the pools in use are to be lost, and an hour later it is seen.

A round looks at pools that somebody runs nodes in, since of others nobody would hear. Resolving rounds, betting on
comparisons and taking a model back are one transaction: a crash repeats all of it or nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

import numpy as np
import orjson
import structlog

from actors.lab.experiments import played, standing, summary
from actors.lab.service import replace_production
from actors.scoring.models import Loaded
from actors.scoring.registry import BY_SYSTEM, mark_changed, tell_changed
from actors.scoring.service import ScoringService
from actors.scoring.store import DROPS
from actors.services import Services
from adapters.postgres.ids import new_id
from adapters.postgres.ports import Transaction
from adapters.redis import keys
from domain.audit import AuditEntry
from domain.commands import Outcome
from domain.errors import SpotOptimizerError
from domain.lab import RISK_MODEL, ExperimentMode, LabExperiment, MlModel, ModelRound
from domain.market import Pool
from domain.work import PoolEvidence
from solvers.interruption.contract import Floats, Mask
from solvers.interruption.drift import outcome_of, stability
from solvers.interruption.sequential import Finding, paired_round

HORIZON = timedelta(hours=1)
"""The first horizon of the contract: the longer ones would leave too few rounds that do not overlap."""
ROUNDS_KEPT = timedelta(days=90)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """What a model said of some pools: probabilities of losing them within the horizon."""

    pools: tuple[Pool, ...]
    probability: Floats

    def to_bytes(self) -> bytes:
        """As it is stored."""
        pools = [[pool.region, pool.zone_id, pool.instance_type] for pool in self.pools]
        return orjson.dumps({"pools": pools, "probability": self.probability.tolist()})

    @classmethod
    def of_bytes(cls, data: bytes) -> "Spoken":
        """Read what `to_bytes` wrote."""
        found = orjson.loads(data)
        pools = tuple(Pool(region=region, zone_id=zone, instance_type=name) for region, zone, name in found["pools"])
        return cls(pools=pools, probability=np.array(found["probability"], dtype=np.float64))

    def happened(self, lost: frozenset[Pool]) -> Mask:
        """Which of the pools were lost."""
        return np.array([pool in lost for pool in self.pools], dtype=bool)


class ModelJudge:
    """Judges models by what happens, on the features of the process that scores."""

    def __init__(self, services: Services, scoring: ScoringService) -> None:
        self._services = services
        self._scoring = scoring

    async def run(self) -> str:
        """Resolve what is due, and begin a round where none is open; says what was done."""
        now = self._services.clock.now()
        async with self._services.database.platform() as tx:
            due = await tx.lab.due_rounds(now)
            told, demoted = await self._resolve(tx, due, now) if due else ([], "")
            await tx.lab.prune_rounds(now - ROUNDS_KEPT)
        if demoted:
            await tell_changed(self._services)
        for experiment in told:
            await self._tell(experiment)
        begun = await self._begin(now)
        parts = (f"{len(due)} rounds resolved" if due else "", begun, demoted)
        return ", ".join(part for part in parts if part)

    async def _resolve(
        self, tx: Transaction, due: Sequence[ModelRound], now: datetime
    ) -> tuple[list[LabExperiment], str]:
        evidence = await tx.pools.evidence(min(one.decided_at for one in due))
        running = {one.id: one for one in await tx.lab.running()}
        played_on = set[UUID]()
        for decided_at, rounds in groupby(due, key=lambda one: one.decided_at):
            spoken = await self._outcomes(tx, list(rounds), evidence, now)
            for experiment in running.values():
                if experiment.created_at <= decided_at and _both(experiment, spoken):
                    running[experiment.id] = _bet(experiment, spoken)
                    played_on.add(experiment.id)
        told = [running[one] for one in sorted(played_on)]
        for experiment in told:
            await tx.lab.put(experiment)
        demoted = ""
        for experiment in told:
            worse = standing(experiment).finding(experiment.false_rate) is Finding.WORSE
            if experiment.mode is ExperimentMode.WATCH and worse:
                demoted = await self._demote(tx, experiment)
        return told, demoted

    async def _outcomes(
        self, tx: Transaction, rounds: Sequence[ModelRound], evidence: Sequence[PoolEvidence], now: datetime
    ) -> dict[UUID, tuple[Spoken, Mask]]:
        """What models said at one time and what came of it, noted for each."""
        spoken: dict[UUID, tuple[Spoken, Mask]] = {}
        for one in rounds:
            said = Spoken.of_bytes(one.body or Spoken(pools=(), probability=np.zeros(0)).to_bytes())
            lost = frozenset(
                seen.pool for seen in evidence
                if seen.known and seen.kind in DROPS and one.decided_at < seen.at <= one.due_at
            )  # fmt: skip
            spoken[one.model_id] = (said, said.happened(lost))
            outcome = outcome_of(said.probability, spoken[one.model_id][1])
            await tx.lab.resolve_round(replace(one, outcome=outcome, resolved_at=now))
        return spoken

    async def _demote(self, tx: Transaction, watch: LabExperiment) -> str:
        """Take a model back whose errors are larger than those of the one that it replaced."""
        services = self._services
        before, after = await tx.models.get(watch.variant_model_id), await tx.models.get(watch.control_model_id)
        production = await tx.models.production(RISK_MODEL)
        if before is None or after is None or production is None or production.id != before.id:
            return ""
        await replace_production(tx, after, by_watch_of=None, services=services, rate=watch.false_rate)
        await mark_changed(tx, services=services, by=BY_SYSTEM)
        now = services.clock.now()
        entry = AuditEntry(
            id=new_id(), organization_id=None, at=now.replace(microsecond=now.microsecond // 1_000 * 1_000),
            actor=BY_SYSTEM, event="model_demoted", resource_type="model", resource=str(before.id),
            outcome=Outcome.SUCCESS, text=f"{before.version} predicts worse than {after.version}",
            before={"production": before.version}, after={"production": after.version, **summary(watch)},
        )  # fmt: skip
        await tx.audit.append([entry])
        log.error("a model was taken back: it predicts worse than the one before", model=before.version)
        return f"{before.version} gave way to {after.version}"

    async def _begin(self, now: datetime) -> str:
        async with self._services.database.platform() as tx:
            if await tx.lab.due_rounds(now + HORIZON):
                return ""
            models = await _models(tx)
        place = self._scoring.store.in_use(now)
        if not place.size or not models:
            return ""
        problems: dict[str, str] = {}
        made = []
        for row in models:
            loaded = await self._scoring.models.loaded(row, problems)
            made.append(self._round(loaded, row.id, place, now))
        async with self._services.database.platform() as tx:
            for one in made:
                await tx.lab.add_round(one)
        return f"{len(made)} models have spoken of {place.size} pools"

    def _round(
        self, loaded: Loaded, model_id: UUID, place: "np.ndarray[tuple[int], np.dtype[np.int64]]", now: datetime
    ) -> ModelRound:
        scoring, contract = self._scoring, loaded.model.contract
        scores = scoring.scores_at(place, loaded, scoring.prepared_at(place, loaded))
        spoken = Spoken(pools=tuple(scoring.store.pools[at] for at in place), probability=scores.probability[:, 0])
        reference = loaded.model.about.get("reference")
        known = reference if isinstance(reference, Mapping) else {}
        return ModelRound(
            model_id=model_id,
            decided_at=now,
            due_at=now + HORIZON,
            pools=len(spoken.pools),
            body=spoken.to_bytes(),
            features=stability(known, scoring.store.rows()[place], contract),
        )

    async def _tell(self, experiment: LabExperiment) -> None:
        body = orjson.dumps({"experiment_id": str(experiment.id), **summary(experiment)})
        try:
            await self._services.hub.bus.publish(keys.lab_telemetry(str(experiment.id)), body)
        except SpotOptimizerError as err:
            log.warning("pages were not told of a comparison", experiment=str(experiment.id), error=str(err))


async def _models(tx: Transaction) -> list[MlModel]:
    """The model in production, and all under comparison."""
    production = await tx.models.production(RISK_MODEL)
    wanted = {production.id} if production else set()
    for one in await tx.lab.running():
        wanted |= {one.control_model_id, one.variant_model_id}
    found = [await tx.models.get(each) for each in sorted(wanted)]
    return [each for each in found if each is not None]


def _both(experiment: LabExperiment, spoken: Mapping[UUID, object]) -> bool:
    return experiment.control_model_id in spoken and experiment.variant_model_id in spoken


def _bet(experiment: LabExperiment, spoken: Mapping[UUID, tuple[Spoken, Mask]]) -> LabExperiment:
    """One bet on the pools that both models spoke of."""
    control, happened = spoken[experiment.control_model_id]
    variant, _ = spoken[experiment.variant_model_id]
    place = {pool: at for at, pool in enumerate(variant.pools)}
    pairs = [(at, place[pool]) for at, pool in enumerate(control.pools) if pool in place]
    mine, theirs = np.array([a for a, _ in pairs], dtype=np.int64), np.array([b for _, b in pairs], dtype=np.int64)
    return played(experiment, paired_round(control.probability[mine], variant.probability[theirs], happened[mine]))
