"""Events from JSON. Each is read on its own, so that one the service does not know loses none of the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from domain.errors import InputError
from domain.events import (
    INTERRUPTION_NOTICE,
    AgentEvent,
    NodeNotReady,
    OomKilled,
    PodEvicted,
    PodPending,
    RebalanceRecommendation,
    SpotAction,
    SpotInterruption,
)
from domain.market import Pool
from domain.wire.base import Count, Id, JsonObject, Name, OptionalName, Text, UtcTime, WireModel, input_error
from domain.workload import Owner

MAX_EVENTS = 1_000
"""Events in one body; the agent sends more in further bodies."""

InstanceId = Annotated[str, StringConstraints(pattern=r"^i-[0-9a-z]{1,32}$")]
InstanceType = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}\.[a-z0-9-]{1,32}$")]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$")]
ZoneName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]
ZoneId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*-az[0-9]{1,2}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSource:
    """The cluster that an event comes from. ``zone_ids`` maps its account's zone names to ids."""

    cluster: str
    region: str
    zone_ids: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedEvent:
    """An event that could not be read: its place in the body, the field, what is wrong with it."""

    index: int
    field: str
    problem: str


class _Event(WireModel):
    event_id: Id
    timestamp: UtcTime


class _OnInstance(_Event):
    instance_id: InstanceId
    instance_type: InstanceType
    region: Region | None = None
    availability_zone: ZoneName | None = None
    zone_id: ZoneId | None = None
    node_name: OptionalName = ""


class InterruptionModel(_OnInstance):
    """AWS takes an instance at ``warning_time``."""

    event_type: Literal["spot_interruption_warning"]
    warning_time: UtcTime | None = None
    action: Literal["terminate", "stop", "hibernate"] = "terminate"


class RebalanceModel(_OnInstance):
    """AWS recommends to leave an instance."""

    event_type: Literal["rebalance_recommendation"]


class OwnerModel(WireModel):
    """The controller at the top."""

    kind: Name
    name: Name


class OomKilledModel(_Event):
    """A container was killed for want of memory."""

    event_type: Literal["oom_killed"]
    namespace: Name
    pod_name: Name
    container: Name
    owner: OwnerModel | None = None
    node_name: OptionalName = ""
    limit_bytes: Count = 0


class NodeNotReadyModel(_Event):
    """A node stopped being ready."""

    event_type: Literal["node_not_ready"]
    node_name: Name
    reason: Text = ""
    instance_id: InstanceId | None = None
    instance_type: InstanceType | None = None
    region: Region | None = None
    availability_zone: ZoneName | None = None
    zone_id: ZoneId | None = None


class PodPendingModel(_Event):
    """A pod that no node takes."""

    event_type: Literal["pod_pending"]
    namespace: Name
    pod_name: Name
    reason: Text = ""
    message: Text = ""


class PodEvictedModel(_Event):
    """A kubelet has ended a pod for want of memory, disk or process ids on its node."""

    event_type: Literal["pod_evicted"]
    namespace: Name
    pod_name: Name
    owner: OwnerModel | None = None
    node_name: OptionalName = ""
    message: Text = ""


EventModel = Annotated[
    InterruptionModel | RebalanceModel | OomKilledModel | NodeNotReadyModel | PodPendingModel | PodEvictedModel,
    Field(discriminator="event_type"),
]
_ADAPTER: TypeAdapter[EventModel] = TypeAdapter(EventModel)
_TYPES = frozenset(
    {
        "spot_interruption_warning",
        "rebalance_recommendation",
        "oom_killed",
        "node_not_ready",
        "pod_pending",
        "pod_evicted",
    }
)


def read_events(
    raw: Sequence[JsonObject], source: EventSource
) -> tuple[tuple[AgentEvent, ...], tuple[RefusedEvent, ...]]:
    """Events that can be read, and those that cannot."""
    read: list[AgentEvent] = []
    refused: list[RefusedEvent] = []
    for index, one in enumerate(raw):
        try:
            read.append(read_event(one, source))
        except InputError as err:
            refused.append(RefusedEvent(index=index, field=err.field, problem=err.problem))
    return tuple(read), tuple(refused)


def read_event(raw: Mapping[str, object], source: EventSource) -> AgentEvent:
    """One event.

    Raises
    ------
    InputError
        When a field is missing, unknown or malformed, the zone id is neither given nor known by the zone's name, or the
        region is not the cluster's.
    """
    event_type = raw.get("event_type")
    try:
        model = _ADAPTER.validate_python(raw)
    except ValidationError as err:
        known = isinstance(event_type, str) and event_type in _TYPES
        error = input_error(err, what=f"event {event_type}" if known else "event")
        if not known:
            raise InputError("event", "event_type", f"must be one of {', '.join(sorted(_TYPES))}") from err
        # The union's own paths begin with the event type, which is no field.
        raise InputError(error.obj, error.field.removeprefix(f"{event_type}").lstrip("."), error.problem) from err
    return _to_event(model, source)


def _to_event(model: EventModel, source: EventSource) -> AgentEvent:
    match model:
        case InterruptionModel():
            return _interruption(model, source)
        case RebalanceModel():
            return RebalanceRecommendation(
                id=model.event_id,
                cluster=source.cluster,
                at=model.timestamp,
                instance_id=model.instance_id,
                pool=_pool(model, source, instance_type=model.instance_type),
                node=model.node_name,
            )
        case OomKilledModel():
            return _oom_killed(model, source)
        case NodeNotReadyModel():
            return NodeNotReady(
                id=model.event_id,
                cluster=source.cluster,
                at=model.timestamp,
                node=model.node_name,
                reason=model.reason,
                instance_id=model.instance_id or "",
                pool=_pool_if_known(model, source),
            )
        case PodPendingModel():
            return PodPending(
                id=model.event_id,
                cluster=source.cluster,
                at=model.timestamp,
                namespace=model.namespace,
                pod=model.pod_name,
                reason=model.reason,
                message=model.message,
            )
        case PodEvictedModel():
            return PodEvicted(
                id=model.event_id,
                cluster=source.cluster,
                at=model.timestamp,
                namespace=model.namespace,
                pod=model.pod_name,
                owner=_owner(model.owner),
                node=model.node_name,
                message=model.message,
            )


def _interruption(model: InterruptionModel, source: EventSource) -> SpotInterruption:
    return SpotInterruption(
        id=model.event_id,
        cluster=source.cluster,
        at=model.timestamp,
        instance_id=model.instance_id,
        pool=_pool(model, source, instance_type=model.instance_type),
        node=model.node_name,
        terminate_at=model.warning_time or model.timestamp + INTERRUPTION_NOTICE,
        action=SpotAction(model.action),
    )


def _oom_killed(model: OomKilledModel, source: EventSource) -> OomKilled:
    return OomKilled(
        id=model.event_id,
        cluster=source.cluster,
        at=model.timestamp,
        namespace=model.namespace,
        pod=model.pod_name,
        container=model.container,
        owner=_owner(model.owner),
        node=model.node_name,
        limit_bytes=model.limit_bytes,
    )


def _owner(model: OwnerModel | None) -> Owner | None:
    return Owner(kind=model.kind, name=model.name) if model is not None else None


def _pool(model: _OnInstance, source: EventSource, *, instance_type: str) -> Pool:
    zone_id = _zone_id(model, source)
    if not zone_id:
        problem = "is missing, and availability_zone names no zone of this cluster whose id is known"
        raise InputError(f"event {model.event_id}", "zone_id", problem)
    return Pool(region=source.region, zone_id=zone_id, instance_type=instance_type)


def _pool_if_known(model: NodeNotReadyModel, source: EventSource) -> Pool | None:
    """A node that is not ready says so also where nobody knows its zone."""
    zone_id = _zone_id(model, source)
    if not zone_id or not model.instance_type:
        return None
    return Pool(region=source.region, zone_id=zone_id, instance_type=model.instance_type)


def _zone_id(model: _OnInstance | NodeNotReadyModel, source: EventSource) -> str:
    if model.region is not None and model.region != source.region:
        what, problem = f"event {model.event_id}", f"must be the cluster's, {source.region}, not {model.region}"
        raise InputError(what, "region", problem)
    return model.zone_id or source.zone_ids.get(model.availability_zone or "", "")
