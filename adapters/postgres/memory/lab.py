"""Twins of the lab's records."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from adapters.postgres.memory.tables import MemoryRepository, by_age, page_of
from domain.lab import ExperimentStatus, LabExperiment, MlModel, ModelRound, ModelStatus, ModelSwitch, RiskState
from domain.market import Pool
from domain.paging import Page, PageRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """The text of a model."""

    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolInUse:
    """A Spot instance that discovery has seen."""

    pool: Pool
    seen_at: datetime


class MemoryModels(MemoryRepository):
    """Twin of `Models`."""

    async def add(self, model: MlModel, body: bytes) -> None:
        """Register a model with its text."""
        self._view.platform_only()
        self._view.refuse_twin(
            MlModel,
            lambda m: (
                m.name == model.name
                and (
                    m.version == model.version
                    or m.sha256 == model.sha256
                    or m.status is model.status is ModelStatus.PRODUCTION
                )
            ),
            "ml_models",
        )
        self._view.insert_new(model.id, model)
        self._view.put(model.id, ModelFile(body=body))

    async def get(self, model_id: UUID) -> MlModel | None:
        """One model."""
        self._view.platform_only()
        return self._view.get(MlModel, model_id)

    async def page(self, name: str, request: PageRequest) -> Page[MlModel]:
        """Models of a name, newest first."""
        self._view.platform_only()
        return page_of(self._view.all(MlModel, lambda model: model.name == name), request)

    async def production(self, name: str) -> MlModel | None:
        """The model in production."""
        self._view.platform_only()
        found = self._view.all(MlModel, lambda m: m.name == name and m.status is ModelStatus.PRODUCTION)
        return next(iter(found), None)

    async def body(self, model_id: UUID) -> bytes | None:
        """The text of a model."""
        self._view.platform_only()
        found = self._view.get(ModelFile, model_id)
        return None if found is None else found.body

    async def promote(self, model: MlModel) -> None:
        """Put a model into production."""
        before = await self.production(model.name)
        if before is not None:
            await self.set_status(before.id, ModelStatus.RETIRED)
        await self.set_status(model.id, ModelStatus.PRODUCTION)

    async def set_status(self, model_id: UUID, status: ModelStatus) -> None:
        """Change how a model stands."""
        found = await self.get(model_id)
        if found is not None:
            self._view.put(model_id, replace(found, status=status))

    async def note_problem(self, model_id: UUID, problem: str) -> None:
        """Note among a model's metrics why it does not serve."""
        found = await self.get(model_id)
        if found is not None:
            self._view.put(model_id, replace(found, metrics={**found.metrics, "problem": problem}))

    async def switch(self, switch: ModelSwitch) -> None:
        """Have a model serve a cluster or an instance."""
        self._view.put((switch.cluster_id, switch.instance_id), switch)

    async def unswitch(self, cluster_id: UUID, instance_id: str) -> bool:
        """Give it back to the model in production."""
        return self._view.drop(ModelSwitch, (cluster_id, instance_id))

    async def switches(self) -> tuple[ModelSwitch, ...]:
        """All of them."""
        self._view.platform_only()
        return tuple(sorted(self._view.all(ModelSwitch), key=lambda switch: (switch.cluster_id, switch.instance_id)))


class MemoryLab(MemoryRepository):
    """Twin of `Lab`."""

    async def add(self, experiment: LabExperiment) -> None:
        """Begin a comparison."""
        self._view.platform_only()
        self._view.insert_new(experiment.id, experiment)

    async def put(self, experiment: LabExperiment) -> bool:
        """Note how a running comparison stands or that it has ended."""
        found = await self.get(experiment.id)
        if found is None or found.status is not ExperimentStatus.RUNNING:
            return False
        changed = {name: getattr(experiment, name) for name in ("status", "mode", "share", "telemetry", "stopped_at")}
        self._view.put(experiment.id, replace(found, **changed))
        return True

    async def get(self, experiment_id: UUID) -> LabExperiment | None:
        """One comparison."""
        self._view.platform_only()
        return self._view.get(LabExperiment, experiment_id)

    async def page(self, request: PageRequest) -> Page[LabExperiment]:
        """Comparisons, newest first."""
        self._view.platform_only()
        return page_of(self._view.all(LabExperiment), request)

    async def running(self) -> tuple[LabExperiment, ...]:
        """Those that have not ended."""
        self._view.platform_only()
        return tuple(by_age(self._view.all(LabExperiment, lambda one: one.status is ExperimentStatus.RUNNING)))

    async def add_round(self, made: ModelRound) -> bool:
        """Keep what a model said."""
        self._view.platform_only()
        return self._view.insert((made.model_id, made.decided_at), made)

    async def resolve_round(self, resolved: ModelRound) -> bool:
        """Note how a round came out."""
        self._view.platform_only()
        key = (resolved.model_id, resolved.decided_at)
        found = self._view.get(ModelRound, key)
        if found is None or found.resolved_at is not None:
            return False
        self._view.put(key, replace(found, outcome=resolved.outcome, resolved_at=resolved.resolved_at, body=None))
        return True

    async def due_rounds(self, now: datetime) -> tuple[ModelRound, ...]:
        """Rounds whose horizon is over."""
        self._view.platform_only()
        due = self._view.all(ModelRound, lambda one: one.resolved_at is None and one.due_at <= now)
        return tuple(sorted(due, key=lambda one: (one.decided_at, one.model_id)))

    async def rounds(self, model_id: UUID, since: datetime) -> tuple[ModelRound, ...]:
        """Rounds of a model."""
        self._view.platform_only()
        found = self._view.all(ModelRound, lambda one: one.model_id == model_id and one.decided_at >= since)
        return tuple(replace(one, body=None) for one in sorted(found, key=lambda one: one.decided_at))

    async def prune_rounds(self, before: datetime) -> int:
        """Delete rounds of before that time."""
        self._view.platform_only()
        return self._view.drop_all(ModelRound, lambda one: one.decided_at < before)

    async def pools_in_use(self, since: datetime) -> Sequence[Pool]:
        """Pools in which discovery has seen a Spot instance since then."""
        self._view.platform_only()
        return tuple(sorted({one.pool for one in self._view.all(PoolInUse, lambda one: one.seen_at >= since)}))

    async def put_state(self, state: RiskState) -> bool:
        """Keep what features are computed from."""
        self._view.platform_only()
        found = self._view.get(RiskState, state.name)
        if found is not None and found.as_of > state.as_of:
            return False
        self._view.put(state.name, state)
        return True

    async def state(self, name: str) -> RiskState | None:
        """What was kept."""
        self._view.platform_only()
        return self._view.get(RiskState, name)
