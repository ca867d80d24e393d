"""The model lab's records (platform scope, unless said otherwise)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.lab import LabExperiment, MlModel, ModelRound, ModelStatus, ModelSwitch, RiskState
from domain.market import Pool
from domain.paging import Page, PageRequest


class Models(Protocol):
    """The registry of models, and who is served by which."""

    async def add(self, model: MlModel, body: bytes) -> None:
        """Register a model with its text.

        Raises
        ------
        ConflictError
            When the version, or the same text, is registered already, or another model is in production.
        """

    async def get(self, model_id: UUID) -> MlModel | None:
        """One model."""

    async def page(self, name: str, request: PageRequest) -> Page[MlModel]:
        """Models of a name, newest first."""

    async def production(self, name: str) -> MlModel | None:
        """The model in production."""

    async def body(self, model_id: UUID) -> bytes | None:
        """The text of a model."""

    async def promote(self, model: MlModel) -> None:
        """Put a model into production; the one that was there is retired. Others who do the same wait."""

    async def set_status(self, model_id: UUID, status: ModelStatus) -> None:
        """Change how a model stands, production apart."""

    async def note_problem(self, model_id: UUID, problem: str) -> None:
        """Note among a model's metrics why it does not serve."""

    async def switch(self, switch: ModelSwitch) -> None:
        """Have a model serve a cluster or an instance (also in a tenant's scope)."""

    async def unswitch(self, cluster_id: UUID, instance_id: str) -> bool:
        """Give it back to the model in production (also in a tenant's scope)."""

    async def switches(self) -> tuple[ModelSwitch, ...]:
        """All of them."""


class Lab(Protocol):
    """Comparisons, and rounds of prediction and outcome."""

    async def add(self, experiment: LabExperiment) -> None:
        """Begin a comparison."""

    async def put(self, experiment: LabExperiment) -> bool:
        """Note how a running comparison stands or that it has ended; false when it had ended before."""

    async def get(self, experiment_id: UUID) -> LabExperiment | None:
        """One comparison; others who would change it wait until this transaction ends."""

    async def page(self, request: PageRequest) -> Page[LabExperiment]:
        """Comparisons, newest first."""

    async def running(self) -> tuple[LabExperiment, ...]:
        """Those that have not ended, oldest first."""

    async def add_round(self, made: ModelRound) -> bool:
        """Keep what a model said; false when it has spoken at this hour already."""

    async def resolve_round(self, resolved: ModelRound) -> bool:
        """Note how a round came out, and drop its predictions; false when that was done already."""

    async def due_rounds(self, now: datetime) -> tuple[ModelRound, ...]:
        """Rounds whose horizon is over and whose outcome is not known yet, oldest first, at most 1 000."""

    async def rounds(self, model_id: UUID, since: datetime) -> tuple[ModelRound, ...]:
        """Rounds of a model without their predictions, oldest first, at most 1 000."""

    async def prune_rounds(self, before: datetime) -> int:
        """Delete rounds of before that time."""

    async def pools_in_use(self, since: datetime) -> Sequence[Pool]:
        """Pools in which discovery has seen a Spot instance since then."""

    async def put_state(self, state: RiskState) -> bool:
        """Keep what features are computed from, unless something younger is kept."""

    async def state(self, name: str) -> RiskState | None:
        """What was kept."""
