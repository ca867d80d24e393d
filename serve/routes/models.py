"""The registry of models: list, look at drift, upload."""

from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from actors.lab.service import Deed, LabService
from actors.scoring.registry import MAX_MODEL_BYTES
from actors.scoring.risk import LIMITS
from actors.scoring.standing import DRIFT_OVER
from adapters.sandbox.process import Sandbox
from domain.audit import AuditEntry
from domain.lab import RISK_MODEL, MlModel, ModelRound
from serve.auth.callers import Caller, SuperAdmin
from serve.gateway.auditing import entry
from serve.gateway.bodies import too_large
from serve.gateway.context import GatewayDep
from serve.gateway.paging import Paging, to_answer
from serve.gateway.problems import ProblemError, not_found
from serve.gateway.requests import info_of
from serve.routes.responses import SIGNED_IN, problems
from serve.schemas.base import printable
from serve.schemas.lab import BucketModel, DriftModel, FeatureDrift, ModelAnswer, ModelModel, ModelsAnswer
from solvers.interruption.drift import judged

router = APIRouter(prefix="/admin/models", tags=["lab"])

UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {"text/plain": {"schema": {"type": "string", "description": "what `spotopt model train` wrote"}}},
    }
}


def sandbox_of(request: Request) -> Sandbox:
    """The sandbox of this replica."""
    return cast(Sandbox, request.app.state.sandbox)


async def _lab(request: Request, gateway: GatewayDep) -> LabService:
    return LabService(gateway.services, sandbox_of(request))


LabDep = Annotated[LabService, Depends(_lab)]


class Scribe:
    """Writes down what an admin does, with where the request came from."""

    def __init__(self, request: Request, gateway: GatewayDep, caller: SuperAdmin) -> None:
        self._request = request
        self._clock = gateway.services.clock
        self.caller: Caller = caller

    def __call__(self, deed: Deed) -> AuditEntry:
        """The entry of the audit log."""
        return entry(
            self._request, self._clock, actor=self.caller.email, organization_id=deed.organization_id,
            event=deed.event, resource=deed.resource, text=deed.text, outcome=deed.outcome, before=deed.before,
            after=deed.after,
        )  # fmt: skip


ScribeDep = Annotated[Scribe, Depends(Scribe)]


@router.get("", responses=SIGNED_IN)
async def list_models(caller: SuperAdmin, paging: Paging, gateway: GatewayDep) -> ModelsAnswer:
    """Models of interruption risk, newest first."""
    del caller
    async with gateway.services.database.platform() as tx:
        page = to_answer(await tx.models.page(RISK_MODEL, paging), _model)
    return ModelsAnswer(items=page.items, next=page.next, limits=list(LIMITS))


@router.get("/{model_id}", responses=SIGNED_IN | problems(404))
async def get_model(model_id: UUID, caller: SuperAdmin, gateway: GatewayDep) -> ModelAnswer:
    """One model, and how far the world has moved away from it in the last seven days."""
    del caller
    since = gateway.services.clock.now() - DRIFT_OVER
    async with gateway.services.database.platform() as tx:
        model = await tx.models.get(model_id)
        rounds = await tx.lab.rounds(model_id, since)
    if model is None:
        raise not_found("model")
    return ModelAnswer(model=_model(model), drift=_drift(rounds, since), limits=list(LIMITS))


@router.post("/upload", status_code=201, responses=SIGNED_IN | problems(400, 409, 413, 415), openapi_extra=UPLOAD)
async def upload(
    request: Request,
    scribe: ScribeDep,
    lab: LabDep,
    version: Annotated[str, Query(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")],
    file: Annotated[str, Query(max_length=200)] = "",
) -> ModelModel:
    """Register a model: its text is judged in a sandbox first, and refused with the reason.

    The body is the text itself, no form and no archive, at most 16 MiB.
    """
    body = await _text(request)
    name = "".join(char if char.isprintable() else " " for char in file)
    return _model(await lab.register(body, version=printable(version), file=name, by=scribe.caller.email, audit=scribe))


async def _text(request: Request) -> bytes:
    """The body, refused as soon as it is seen to be too long."""
    info_of(request.scope).body_limit = MAX_MODEL_BYTES
    promised = request.headers.get("content-length", "0")
    if promised.isdigit() and int(promised) > MAX_MODEL_BYTES:
        raise too_large(MAX_MODEL_BYTES)
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ProblemError(415, "send the text of the model as it is, not packed")
    return await request.body()


def _model(model: MlModel) -> ModelModel:
    families = model.metrics.get("families")
    return ModelModel(
        id=model.id, name=model.name, version=model.version, file=model.file, sha256=model.sha256.hex(),
        status=model.status, created_at=model.created_at, uploaded_by=model.uploaded_by,
        families=list(families) if isinstance(families, list | tuple) else [],
        problem=str(model.metrics.get("problem", "")), metrics=model.metrics,
    )  # fmt: skip


def _drift(rounds: tuple[ModelRound, ...], since: datetime) -> DriftModel:
    found: dict[str, Any] = judged([one.outcome for one in rounds if one.outcome is not None])
    with_features = [one for one in rounds if one.features]
    last = with_features[-1] if with_features else None
    features = sorted(dict(last.features).items(), key=lambda item: -float(str(item[1]))) if last else []
    return DriftModel(
        since=since,
        buckets=[
            BucketModel(low=b["from"], high=b["to"], **{name: b[name] for name in ("pools", "predicted", "realised")})
            for b in found.pop("buckets")
        ],
        features=[FeatureDrift(feature=name, stability_index=float(str(value))) for name, value in features],
        features_at=last.decided_at if last else None,
        **found,
    )
