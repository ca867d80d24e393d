"""The model lab: models of the registry, comparisons, rounds of prediction and outcome, switches."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.market import Pool
from domain.validate import require_after, require_utc

RISK_MODEL = "interruption"
"""Name under which models of interruption risk are registered."""


class ModelStatus(StrEnum):
    """How a model of the registry stands."""

    TESTING = "testing"
    PRODUCTION = "production"
    RETIRED = "retired"


class ExperimentStatus(StrEnum):
    """How an experiment of the lab stands."""

    RUNNING = "running"
    STOPPED = "stopped"
    GRADUATED = "graduated"


class ExperimentMode(StrEnum):
    """Who is served by the variant: nobody, a share of all clusters, or (after it graduated) everybody."""

    SHADOW = "shadow"
    SHARE = "share"
    WATCH = "watch"


@dataclass(frozen=True, slots=True, kw_only=True)
class MlModel:
    """A model of the registry; its text has this SHA-256, ``file`` is what it was called when it came."""

    id: UUID
    name: str
    version: str
    file: str
    sha256: bytes
    status: ModelStatus
    created_at: datetime
    metrics: Mapping[str, object] = field(default_factory=dict)
    uploaded_by: str = ""

    def __post_init__(self) -> None:
        require_utc(created_at=self.created_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabExperiment:
    """A comparison of two models on what the same pools did.

    Parameters
    ----------
    share
        Of the clusters (0..1) that the variant serves in mode `ExperimentMode.SHARE`.
    false_rate
        Largest probability (0..1) that a variant that is no better is ever found better.
    telemetry
        The state of the sequential test, JSON values.
    """

    id: UUID
    name: str
    control_model_id: UUID
    variant_model_id: UUID
    status: ExperimentStatus
    created_at: datetime
    mode: ExperimentMode = ExperimentMode.SHADOW
    share: float = 0.0
    false_rate: float = 0.05
    created_by: str = ""
    stopped_at: datetime | None = None
    telemetry: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_utc(created_at=self.created_at, stopped_at=self.stopped_at)
        if not 0 <= self.share <= 1 or not 0 < self.false_rate < 1:
            raise ValueError("share must be within 0..1, and false_rate between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRound:
    """What a model said at one hour, and how it came out.

    Parameters
    ----------
    decided_at, due_at
        When it spoke, and the end of the horizon that it is judged on (UTC).
    pools
        How many pools it spoke of.
    body
        The predictions, packed; dropped once the round is resolved.
    features
        Population stability index by feature, empty where there is nothing to compare with.
    outcome
        Counts and losses, JSON values; absent until the round is resolved.
    """

    model_id: UUID
    decided_at: datetime
    due_at: datetime
    pools: int
    body: bytes | None = field(default=None, repr=False)
    features: Mapping[str, object] = field(default_factory=dict)
    outcome: Mapping[str, object] | None = None
    resolved_at: datetime | None = None

    def __post_init__(self) -> None:
        require_utc(decided_at=self.decided_at, due_at=self.due_at, resolved_at=self.resolved_at)
        require_after(self.due_at, self.decided_at, what="due_at after decided_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSwitch:
    """A cluster, or one instance of it with its pool, whose risk a model tells that is not in production."""

    organization_id: UUID
    cluster_id: UUID
    model_id: UUID
    switched_at: datetime
    instance_id: str = ""
    zone_id: str = ""
    instance_type: str = ""

    def __post_init__(self) -> None:
        require_utc(switched_at=self.switched_at)
        if (self.instance_id == "") != (self.zone_id == "" and self.instance_type == ""):
            raise ValueError("a switch of one instance names its pool, and no other does")

    def covers(self, pool: Pool) -> bool:
        """Whether the risk of this pool of the cluster is told by the model."""
        return not self.instance_id or (pool.zone_id, pool.instance_type) == (self.zone_id, self.instance_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskState:
    """What features are computed from, packed, and the time that it stands for."""

    name: str
    body: bytes = field(repr=False)
    as_of: datetime
    stored_at: datetime

    def __post_init__(self) -> None:
        require_utc(as_of=self.as_of, stored_at=self.stored_at)
