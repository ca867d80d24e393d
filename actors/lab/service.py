"""What admins do in the lab: register, compare, graduate, switch. A change and its audit entry are one transaction."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from actors.lab.experiments import standing
from actors.lab.judge import Judgement
from actors.scoring.registry import mark_changed, register_carried, tell_changed
from actors.services import Services
from adapters.postgres.failures import ConflictError
from adapters.postgres.ids import new_id
from adapters.postgres.ports import Transaction
from adapters.sandbox.process import OutOfBoundsError, Sandbox
from domain.audit import AuditEntry
from domain.commands import Outcome
from domain.errors import InputError, RejectedError
from domain.lab import (
    RISK_MODEL,
    ExperimentMode,
    ExperimentStatus,
    LabExperiment,
    MlModel,
    ModelStatus,
    ModelSwitch,
)
from solvers.interruption.file_signs import foreign
from solvers.interruption.sequential import Finding

JUDGE = "actors.lab.judge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What is to be written down: the event's stable word, what it was done to, and what changed."""

    event: str
    resource: tuple[str, str]
    text: str = ""
    organization_id: UUID | None = None
    outcome: Outcome = Outcome.SUCCESS
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None


Audit = Callable[[Deed], AuditEntry]
"""Makes the entry of the audit log, with who did it and from where."""


class LabService:
    """The lab of one process."""

    def __init__(self, services: Services, sandbox: Sandbox) -> None:
        self._services = services
        self._sandbox = sandbox

    async def register(self, body: bytes, *, version: str, file: str, by: str, audit: Audit) -> MlModel:
        """Judge a text in the sandbox, and keep it as a model in testing.

        Raises
        ------
        InputError
            When it is refused, with the reason; the refusal is audited.
        ConflictError
            When the version or the very text is registered already.
        """
        digest = hashlib.sha256(body)
        judgement = await self._judged(body)
        about = {"sha256": digest.hexdigest(), "bytes": len(body), "file": file}
        if not judgement.taken:
            why = f"{judgement.field} {judgement.problem}".strip()
            refused = Deed(
                event="model_refused", resource=("model", version), text=why, outcome=Outcome.FAILURE, after=about
            )
            async with self._services.database.platform() as tx:
                await tx.audit.append([audit(refused)])
            raise InputError("body", judgement.field, judgement.problem)
        metrics = {
            "contract": judgement.contract, "families": list(judgement.families), "trees": list(judgement.trees),
            "bytes": len(body),
        }  # fmt: skip
        model = MlModel(
            id=new_id(), name=RISK_MODEL, version=version, file=file, sha256=digest.digest(),
            status=ModelStatus.TESTING, created_at=self._services.clock.now(), metrics=metrics, uploaded_by=by,
        )  # fmt: skip
        kept = Deed(event="model_uploaded", resource=("model", str(model.id)), text=version, after=about)
        try:
            async with self._services.database.platform() as tx:
                await tx.models.add(model, body)
                await tx.audit.append([audit(kept)])
        except ConflictError as err:
            raise ConflictError(f"version {version}, or this very text, is registered already", err.constraint) from err
        return model

    async def compare(
        self, name: str, variant_id: UUID, *, mode: ExperimentMode, share: float, false_rate: float, by: str,
        audit: Audit,
    ) -> LabExperiment:  # fmt: skip
        """Begin to compare a model with the one in production; it may be one that was there before.

        Raises
        ------
        RejectedError
            When it is in production, or is being compared already.
        """
        services = self._services
        async with services.database.platform() as tx:
            control, variant = await register_carried(tx, services=services), await _model(tx, variant_id)
            if variant.status is ModelStatus.PRODUCTION:
                raise RejectedError(f"model {variant.version} is in production: others are compared with it")
            if any(one.variant_model_id == variant_id for one in await tx.lab.running()):
                raise RejectedError(f"model {variant.version} is being compared already")
            experiment = LabExperiment(
                id=new_id(), name=name, control_model_id=control.id, variant_model_id=variant.id,
                status=ExperimentStatus.RUNNING, created_at=services.clock.now(), mode=mode,
                share=share if mode is ExperimentMode.SHARE else 0.0, false_rate=false_rate, created_by=by,
            )  # fmt: skip
            await tx.lab.add(experiment)
            begun = Deed(
                event="experiment_started", resource=("experiment", str(experiment.id)), text=name,
                after={
                    "control": control.version, "variant": variant.version, "mode": mode, "share": experiment.share,
                    "false_rate": false_rate,
                },
            )  # fmt: skip
            await self._changed(tx, begun, by=by, audit=audit)
        await tell_changed(services)
        return experiment

    async def configure(
        self, experiment_id: UUID, *, share: float | None, stop: bool, by: str, audit: Audit
    ) -> LabExperiment:
        """Change the share of clusters that the variant serves, or stop a comparison."""
        async with self._services.database.platform() as tx:
            before = await _running(tx, experiment_id)
            if before.mode is ExperimentMode.WATCH:
                raise RejectedError("this watch over production ends when the model is replaced")
            after = before
            if share is not None:
                mode = ExperimentMode.SHARE if share > 0 else ExperimentMode.SHADOW
                after = replace(before, share=share, mode=mode)
            if stop:
                after = replace(after, status=ExperimentStatus.STOPPED, stopped_at=self._services.clock.now())
            await tx.lab.put(after)
            deed = Deed(
                event="experiment_stopped" if stop else "experiment_changed",
                resource=("experiment", str(before.id)), text=before.name, before=_shown(before), after=_shown(after),
            )  # fmt: skip
            await self._changed(tx, deed, by=by, audit=audit)
        await tell_changed(self._services)
        return after

    async def graduate(self, experiment_id: UUID, *, by: str, audit: Audit) -> LabExperiment:
        """Put a variant that was found better into production, and watch it against the model that it replaces.

        Raises
        ------
        RejectedError
            When it was not found better, or production has changed since the comparison began.
        """
        services = self._services
        async with services.database.platform() as tx:
            before = await _running(tx, experiment_id)
            _require_better(before)
            production, variant = (
                await register_carried(tx, services=services),
                await _model(tx, before.variant_model_id),
            )
            if production.id != before.control_model_id:
                raise RejectedError("production has changed since the comparison began; compare with the model of now")
            ended = replace(before, status=ExperimentStatus.GRADUATED, stopped_at=services.clock.now())
            await tx.lab.put(ended)
            deed = Deed(
                event="model_graduated", resource=("model", str(variant.id)), text=before.name,
                before={"production": production.version}, after={"production": variant.version},
            )  # fmt: skip
            await replace_production(tx, variant, by_watch_of=production, services=services, rate=before.false_rate)
            await self._changed(tx, deed, by=by, audit=audit)
        await tell_changed(services)
        return ended

    async def switch(self, switch: ModelSwitch, *, on: bool, by: str, audit: Audit) -> None:
        """Have a model serve a cluster or one instance of it, or give it back to the model in production."""
        async with self._services.database.platform() as tx:
            model = await _model(tx, switch.model_id)
            if on:
                await tx.models.switch(switch)
            else:
                await tx.models.unswitch(switch.cluster_id, switch.instance_id)
            subject = ("instance", switch.instance_id) if switch.instance_id else ("cluster", str(switch.cluster_id))
            deed = Deed(
                event="model_switched" if on else "model_switched_back",
                resource=subject, text=model.version, organization_id=switch.organization_id,
                after={"model": model.version if on else "production", "cluster": str(switch.cluster_id)},
            )  # fmt: skip
            await self._changed(tx, deed, by=by, audit=audit)
        await tell_changed(self._services)

    async def _judged(self, body: bytes) -> Judgement:
        if why := foreign(body):
            return Judgement(problem=why)
        try:
            return Judgement.of_bytes(await self._sandbox.run(JUDGE, body))
        except OutOfBoundsError as err:
            return Judgement(field="body", problem=str(err))

    async def _changed(self, tx: Transaction, deed: Deed, *, by: str, audit: Audit) -> None:
        await mark_changed(tx, services=self._services, by=by)
        await tx.audit.append([audit(deed)])


async def replace_production(
    tx: Transaction, model: MlModel, *, by_watch_of: MlModel | None, services: Services, rate: float
) -> None:
    """Put a model into production, end the watch over the one before, and begin to watch the new one if asked to."""
    now = services.clock.now()
    for one in await tx.lab.running():
        if one.mode is ExperimentMode.WATCH:
            await tx.lab.put(replace(one, status=ExperimentStatus.STOPPED, stopped_at=now))
    await tx.models.promote(model)
    if by_watch_of is not None:
        watch = LabExperiment(
            id=new_id(), name=f"watch over {model.version}"[:100], control_model_id=by_watch_of.id,
            variant_model_id=model.id, status=ExperimentStatus.RUNNING, created_at=now, mode=ExperimentMode.WATCH,
            false_rate=rate, created_by="System",
        )  # fmt: skip
        await tx.lab.add(watch)


async def _model(tx: Transaction, model_id: UUID) -> MlModel:
    found = await tx.models.get(model_id)
    if found is None:
        raise InputError("model", "model_id", "is not in the registry")
    return found


async def _running(tx: Transaction, experiment_id: UUID) -> LabExperiment:
    found = await tx.lab.get(experiment_id)
    if found is None:
        raise InputError("experiment", "experiment_id", "is not known")
    if found.status is not ExperimentStatus.RUNNING:
        raise RejectedError(f"the comparison {found.name} has ended")
    return found


def _require_better(experiment: LabExperiment) -> None:
    if experiment.mode is ExperimentMode.WATCH:
        raise RejectedError("this model is in production already")
    wealth = standing(experiment)
    if wealth.finding(experiment.false_rate) is not Finding.BETTER:
        raise RejectedError(
            f"after {wealth.rounds} rounds the evidence for the variant is {wealth.most_better:.3g}; "
            f"{1 / experiment.false_rate:g} is needed"
        )


def _shown(experiment: LabExperiment) -> dict[str, object]:
    return {"status": experiment.status, "mode": experiment.mode, "share": experiment.share}
