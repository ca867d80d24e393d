"""Models, comparisons, rounds."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.rows import page, page_values, read, values_of
from domain.lab import LabExperiment, MlModel, ModelRound, ModelStatus, ModelSwitch, RiskState
from domain.market import Pool
from domain.paging import Page, PageRequest

SQL = load("lab")


class PostgresModels(Repository):
    """`adapters.postgres.ports.Models`."""

    __slots__ = ()

    async def add(self, model: MlModel, body: bytes) -> None:
        """Register a model with its text."""
        await self._session.run(SQL["add_model"], {**values_of(model), "digest": model.sha256})
        await self._session.run(SQL["add_body"], {"id": model.id, "body": body})

    async def get(self, model_id: UUID) -> MlModel | None:
        """One model."""
        return await self._session.one(MlModel, SQL["model"], {"model_id": model_id})

    async def page(self, name: str, request: PageRequest) -> Page[MlModel]:
        """Models of a name, newest first."""
        rows = await self._session.rows(SQL["models"], {"model_name": name, **page_values(request)})
        return page(rows, request, to=partial(read, MlModel))

    async def production(self, name: str) -> MlModel | None:
        """The model in production."""
        return await self._session.one(MlModel, SQL["production"], {"model_name": name})

    async def body(self, model_id: UUID) -> bytes | None:
        """The text of a model."""
        row = await self._session.row(SQL["body"], {"model_id": model_id})
        return None if row is None else bytes(row["body"])

    async def promote(self, model: MlModel) -> None:
        """Put a model into production."""
        await self._session.rows(SQL["lock_models"], {"model_name": model.name})
        await self._session.run(SQL["retire_production"], {"model_name": model.name, "model_id": model.id})
        await self.set_status(model.id, ModelStatus.PRODUCTION)

    async def set_status(self, model_id: UUID, status: ModelStatus) -> None:
        """Change how a model stands."""
        await self._session.run(SQL["set_status"], {"model_id": model_id, "status": status})

    async def note_problem(self, model_id: UUID, problem: str) -> None:
        """Note among a model's metrics why it does not serve."""
        await self._session.run(SQL["note_problem"], {"model_id": model_id, "problem": problem})

    async def switch(self, switch: ModelSwitch) -> None:
        """Have a model serve a cluster or an instance."""
        await self._session.run(SQL["put_switch"], values_of(switch))

    async def unswitch(self, cluster_id: UUID, instance_id: str) -> bool:
        """Give it back to the model in production."""
        values = {"cluster_id": cluster_id, "instance_id": instance_id}
        return await self._session.run(SQL["drop_switch"], values) > 0

    async def switches(self) -> tuple[ModelSwitch, ...]:
        """All of them."""
        return await self._session.all(ModelSwitch, SQL["switches"])


class PostgresLab(Repository):
    """`adapters.postgres.ports.Lab`."""

    __slots__ = ()

    async def add(self, experiment: LabExperiment) -> None:
        """Begin a comparison."""
        await self._session.run(SQL["add_experiment"], values_of(experiment))

    async def put(self, experiment: LabExperiment) -> bool:
        """Note how a running comparison stands or that it has ended."""
        return await self._session.run(SQL["put_experiment"], values_of(experiment)) > 0

    async def get(self, experiment_id: UUID) -> LabExperiment | None:
        """One comparison."""
        return await self._session.one(LabExperiment, SQL["experiment"], {"experiment_id": experiment_id})

    async def page(self, request: PageRequest) -> Page[LabExperiment]:
        """Comparisons, newest first."""
        rows = await self._session.rows(SQL["experiments"], page_values(request))
        return page(rows, request, to=partial(read, LabExperiment))

    async def running(self) -> tuple[LabExperiment, ...]:
        """Those that have not ended."""
        return await self._session.all(LabExperiment, SQL["running"])

    async def add_round(self, made: ModelRound) -> bool:
        """Keep what a model said."""
        return await self._session.run(SQL["add_round"], values_of(made)) > 0

    async def resolve_round(self, resolved: ModelRound) -> bool:
        """Note how a round came out."""
        return await self._session.run(SQL["resolve_round"], values_of(resolved)) > 0

    async def due_rounds(self, now: datetime) -> tuple[ModelRound, ...]:
        """Rounds whose horizon is over."""
        return await self._session.all(ModelRound, SQL["due_rounds"], {"now": now})

    async def rounds(self, model_id: UUID, since: datetime) -> tuple[ModelRound, ...]:
        """Rounds of a model."""
        return await self._session.all(ModelRound, SQL["rounds"], {"model_id": model_id, "since": since})

    async def prune_rounds(self, before: datetime) -> int:
        """Delete rounds of before that time."""
        return await self._session.run(SQL["prune_rounds"], {"before": before})

    async def pools_in_use(self, since: datetime) -> Sequence[Pool]:
        """Pools in which discovery has seen a Spot instance since then."""
        return await self._session.all(Pool, SQL["pools_in_use"], {"since": since})

    async def put_state(self, state: RiskState) -> bool:
        """Keep what features are computed from."""
        return await self._session.run(SQL["put_state"], values_of(state)) > 0

    async def state(self, name: str) -> RiskState | None:
        """What was kept."""
        return await self._session.one(RiskState, SQL["state"], {"state_name": name})
