"""What may happen to a saga. Times are UTC and those of the service, whoever's clock is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from actors.execution.ports import ClusterLook, Ruling, Standing
from domain.saga import InstanceView, LaunchAnswer


class Failure(StrEnum):
    """How a question failed. After ``TRANSIENT`` nobody knows whether it happened."""

    TRANSIENT = "transient"
    REJECTED = "rejected"
    FORBIDDEN = "forbidden"
    BUG = "bug"


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """What all inputs have in common."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun(Input):
    """The saga is new. ``ruling`` says whether it may change anything."""

    ruling: Ruling = Ruling.GO


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Input):
    """The saga was read from storage: nothing that was asked will be answered any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(Input):
    """What a step asked for was done, or for an action of the agent: is queued."""

    step_id: str
    result: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchAnswered(Input):
    """What a launch gave, or what was found of one whose answer was lost."""

    step_id: str
    answer: LaunchAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class AskFailed(Input):
    """A question failed."""

    step_id: str
    failure: Failure
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStands(Input):
    """How actions of the agent stand; of those that were ``checked``, some may not be known."""

    checked: tuple[UUID, ...]
    standings: tuple[Standing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen(Input):
    """What the cluster and EC2 look like."""

    look: ClusterLook
    instances: tuple[InstanceView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookFailed(Input):
    """Nothing could be seen; the next look may."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortAsked(Input):
    """Somebody wants it stopped and undone."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked(Input):
    """Time has passed, or something outside may have changed."""
