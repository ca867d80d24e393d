"""Bodies and answers of the model lab."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from domain.lab import ExperimentMode, ExperimentStatus, ModelStatus
from serve.schemas.base import Answer, Body, Label, printable

Share = Annotated[float, Field(ge=0, le=1, description="share of the clusters, 0..1", allow_inf_nan=False)]
InstanceId = Annotated[str, Field(max_length=64), AfterValidator(printable)]


class ModelModel(Answer):
    """A model of the registry. ``problem`` says why it does not serve although it should, empty when it could."""

    id: UUID
    name: str
    version: str
    file: str
    sha256: str
    status: ModelStatus
    created_at: datetime
    uploaded_by: str
    families: list[str]
    problem: str
    metrics: Mapping[str, Any]


class ModelsAnswer(Answer):
    """Models, newest first; ``limits`` must be known to whoever leans on their figures."""

    items: list[ModelModel]
    next: str | None = None
    limits: list[str]


class FeatureDrift(Answer):
    """How far a feature has moved from training: population stability index, above 0.25 drifted."""

    feature: str
    stability_index: float


class BucketModel(Answer):
    """Pools whose predicted probability lay between ``low`` and ``high``: the mean of it, and what happened."""

    low: float
    high: float
    pools: int
    predicted: float | None
    realised: float | None


class DriftModel(Answer):
    """Realised against predicted over the last days. ``log_loss_of_the_mean`` is what always saying the rate costs."""

    since: datetime
    rounds: int
    pools: int
    drops: int
    log_loss: float | None
    log_loss_of_the_mean: float | None
    brier: float | None
    buckets: list[BucketModel]
    features: list[FeatureDrift]
    features_at: datetime | None


class ModelAnswer(Answer):
    """One model with its drift."""

    model: ModelModel
    drift: DriftModel
    limits: list[str]


class ParallelBody(Body):
    """Compare a model, in testing or one that gave way, with the one in production."""

    name: Label
    model_id: UUID
    mode: Annotated[
        Literal["shadow", "share"], Field(description="shadow: it serves nobody; share: it serves some clusters")
    ] = "shadow"
    share: Share = 0.0
    false_rate: Annotated[
        float,
        Field(ge=0.001, le=0.2, allow_inf_nan=False, description="how often a model that is no better may graduate"),
    ] = 0.05


class ParallelConfigBody(Body):
    """Change how many clusters the variant serves (0: none), or stop."""

    experiment_id: UUID
    share: Share | None = None
    stop: Annotated[bool, Field(strict=True)] = False


class GraduateBody(Body):
    """Put the variant of a comparison into production."""

    experiment_id: UUID


class LiveSwitchBody(Body):
    """Have a model serve one cluster, or one instance of it; without ``model_id``, as production does."""

    cluster_id: UUID
    instance_id: InstanceId = ""
    model_id: UUID | None = None


class ExperimentModel(Answer):
    """A comparison. Evidence is capital that began at 1: at ``evidence_needed`` the variant may graduate."""

    id: UUID
    name: str
    control_model_id: UUID
    variant_model_id: UUID
    status: ExperimentStatus
    mode: ExperimentMode
    share: float
    false_rate: float
    created_by: str
    created_at: datetime
    stopped_at: datetime | None
    rounds: int
    pools: int
    mean_difference: float
    evidence_better: float
    evidence_worse: float
    evidence_needed: float
    finding: Literal["open", "better", "worse"]
