"""The models that a process serves with: read from the registry, checked, and swapped as one value.

A change is told on a channel and heard within milliseconds; whoever misses it sees another version of the registry at
the next look, twice a second. A model is read, checked against its hash and parsed on a thread while the one before
goes on serving. A model that breaks its contract serves nobody: the prior does, and the process says so.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog

from actors.scoring.assign import Share, variant_of
from actors.scoring.registry import MODEL_CHANGES, MODELS_VERSION
from actors.services import Services
from adapters.traces.model_text import read_model_text
from domain.errors import InputError, SpotOptimizerError
from domain.lab import RISK_MODEL, ExperimentMode, MlModel, ModelSwitch
from solvers.interruption.model import RiskModel
from solvers.interruption.model_file import MAX_BYTES, parse_model

LOOK_EVERY_S = 0.5
"""How often a process looks for a change it has not heard of: with the reading, one second is kept."""
PAUSE_S = 1.0
KEPT = 8
"""Parsed models kept in memory: those in production and under comparison, and the one before."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A model that can serve. ``id`` is absent for the carried model before it was registered.

    ``trees`` is false where the model broke its contract: the prior alone speaks.
    """

    model: RiskModel
    version: str
    registered_at: datetime | None = None
    id: UUID | None = None
    trees: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Who is served by what. Never changed: a change of the registry makes another one.

    ``problems`` are sentences for admins, by model, on those that cannot serve.
    """

    version: str
    read_at: datetime
    production: Loaded
    others: Mapping[UUID, Loaded] = field(default_factory=dict)
    switches: Mapping[UUID, tuple[ModelSwitch, ...]] = field(default_factory=dict)
    shares: tuple[Share, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)

    def of(self, cluster_id: UUID | None) -> Loaded:
        """The model that serves a cluster; ``None`` stands for nobody in particular."""
        if cluster_id is None:
            return self.production
        whole = next((one.model_id for one in self.switches.get(cluster_id, ()) if not one.instance_id), None)
        chosen = whole or variant_of(cluster_id, self.shares)
        return self.others.get(chosen, self.production) if chosen else self.production

    def of_instances(self, cluster_id: UUID | None) -> tuple[tuple[ModelSwitch, Loaded], ...]:
        """Single instances of a cluster that another model serves."""
        switches = self.switches.get(cluster_id, ()) if cluster_id else ()
        return tuple(
            (one, self.others[one.model_id]) for one in switches if one.instance_id and one.model_id in self.others
        )


class ModelCopy:
    """A process's own copy of what serves."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._reading = asyncio.Lock()
        self._parsed: dict[bytes, RiskModel] = {}
        self._refused: dict[bytes, str] = {}
        self._carried: RiskModel | None = None
        self.served: Served | None = None

    async def run(self) -> None:
        """Follow the registry for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._look())

    async def current(self) -> Served:
        """What serves, read first if nothing was read yet."""
        return self.served or await self.refresh()

    async def refresh(self) -> Served:
        """Read the registry if it has changed."""
        async with self._reading:
            async with self._services.database.single() as tx:
                version = await tx.config.get(MODELS_VERSION) or ""
            if self.served is None or self.served.version != version:
                self.served = await self._read(version)
            return self.served

    async def _listen(self) -> None:
        while True:
            try:
                async with self._services.hub.bus.subscribe(MODEL_CHANGES) as changes:
                    async for _ in changes:
                        await self._tried()
            except SpotOptimizerError as err:
                log.warning("changes of models cannot be heard", error=str(err))
            await self._services.clock.sleep(PAUSE_S)

    async def _look(self) -> None:
        while True:
            await self._tried()
            await self._services.clock.sleep(LOOK_EVERY_S)

    async def _tried(self) -> None:
        try:
            await self.refresh()
        except SpotOptimizerError as err:
            log.warning("models cannot be read; those at hand go on serving", error=str(err))

    async def _read(self, version: str) -> Served:
        async with self._services.database.platform() as tx:
            production = await tx.models.production(RISK_MODEL)
            switches, running = await tx.models.switches(), await tx.lab.running()
            shares = tuple(
                Share(experiment_id=one.id, model_id=one.variant_model_id, share=one.share)
                for one in running
                if one.mode is ExperimentMode.SHARE
            )
            wanted = {one.model_id for one in switches} | {one.model_id for one in shares}
            rows = [row for row in [await tx.models.get(each) for each in sorted(wanted)] if row is not None]
        problems: dict[str, str] = {}
        main = await self.loaded(production, problems) if production else await self._fallback()
        others = {row.id: await self.loaded(row, problems) for row in rows}
        by_cluster: dict[UUID, tuple[ModelSwitch, ...]] = {}
        for one in switches:
            by_cluster[one.cluster_id] = (*by_cluster.get(one.cluster_id, ()), one)
        log.info("models serve", version=main.version, trees=main.trees, others=len(others))
        return Served(
            version=version, read_at=self._services.clock.now(), production=main, others=others, switches=by_cluster,
            shares=shares, problems=problems,
        )  # fmt: skip

    async def loaded(self, row: MlModel, problems: dict[str, str]) -> Loaded:
        """A model of the registry ready to serve; what is wrong with it is added to ``problems``."""
        try:
            model = await self._model(row)
        except InputError as err:
            problems[row.version] = str(err)
            await self._note(row, str(err))
            log.error("a model breaks its contract: the prior serves in its place", model=row.version, error=str(err))
            carried = await self._fallback()
            return Loaded(
                model=carried.model, version=row.version, registered_at=row.created_at, id=row.id, trees=False
            )
        return Loaded(model=model, version=row.version, registered_at=row.created_at, id=row.id)

    async def _model(self, row: MlModel) -> RiskModel:
        """A model of the registry, parsed once. One that was refused is not tried again."""
        if row.sha256 in self._refused:
            raise InputError(f"model {row.version}", "", self._refused[row.sha256])
        if row.sha256 not in self._parsed:
            async with self._services.database.platform() as tx:
                body = await tx.models.body(row.id)
            try:
                model = await asyncio.to_thread(checked, body or b"", row)
            except InputError as err:
                self._refused[row.sha256] = err.problem
                raise
            self._parsed = dict([*self._parsed.items(), (row.sha256, model)][-KEPT:])
        return self._parsed[row.sha256]

    async def _note(self, row: MlModel, problem: str) -> None:
        """Have admins see it; that they cannot be told just now does not keep the prior from serving."""
        if row.metrics.get("problem") == problem:
            return
        try:
            async with self._services.database.platform() as tx:
                await tx.models.note_problem(row.id, problem)
        except SpotOptimizerError as err:
            log.warning("the problem of a model was not noted", model=row.version, error=str(err))

    async def _fallback(self) -> Loaded:
        if self._carried is None:
            self._carried = await asyncio.to_thread(carried_model)
        return Loaded(model=self._carried, version="carried")


def checked(body: bytes, row: MlModel) -> RiskModel:
    """Parse a text of the registry, once its hash is seen to be the registered one.

    Raises
    ------
    InputError
        When the text is another one than was registered, or breaks its contract.
    """
    called = f"model {row.version}"
    if hashlib.sha256(body).digest() != row.sha256:
        raise InputError(called, "text", "is not the one that was registered")
    return parse_model(body, of=called)


def carried_model() -> RiskModel:
    """The model that the product carries."""
    data, called = read_model_text(most_bytes=MAX_BYTES)
    return parse_model(data, of=called)
