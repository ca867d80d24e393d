"""Requests and answers over HTTP: register, heartbeat, metrics, pending actions, results."""

from typing import Annotated, Literal

from pydantic import Field

from domain.delta import MAX_OBJECTS
from domain.signing import Refusal, SignedAction
from domain.wire.base import Count, HexHash, Id, JsonObject, Name, OptionalName, Text, UtcTime, WireModel
from domain.wire.events import MAX_EVENTS

MAX_NODES = 5_000
MAX_PODS = 50_000
MAX_CONTAINERS = 100
"""Containers of one pod."""

MAX_ACTIONS = 10
"""Actions in one answer to a poll."""

IntervalS = Annotated[int, Field(ge=5, le=3_600)]


class AgentConfig(WireModel):
    """What the service tells an agent to do. ``version`` grows with each change.

    ``safe_mode`` and ``dry_run`` both make the agent report what it would do and do nothing: the first is the
    operator's, for all clusters, the second the customer's, for this one.
    """

    version: Count
    collection_interval_s: IntervalS = 30
    heartbeat_interval_s: IntervalS = 30
    dry_run: bool = False
    safe_mode: bool = False


class RegisterRequest(WireModel):
    """An agent that has started. ``instance`` names the process (its pod), so that a twin is noticed."""

    agent_version: Name
    kubernetes_version: Name
    node_count: Count
    instance: Name
    namespace: OptionalName = ""
    platform: OptionalName = ""


class RegisterAnswer(WireModel):
    """The cluster the key belongs to, the configuration, the name of the signing key and the service's clock."""

    cluster_id: Id
    config: AgentConfig
    signing_key_id: Name
    protocol: int
    server_time: UtcTime


class Heartbeat(WireModel):
    """How the agent is. ``cpu_mcpu`` are thousandths of a CPU, ``errors`` counts those since the start."""

    instance: Name
    agent_version: Name
    uptime_s: Count
    memory_bytes: Count
    cpu_mcpu: Count
    errors: Count
    last_collection_at: UtcTime | None
    kubernetes_api_reachable: bool
    config_version: Count
    buffered: Annotated[Count, Field(description="bodies that wait to be sent")] = 0


class HeartbeatAnswer(WireModel):
    """The newest configuration's version (fetch it by registering anew when it is newer) and the service's clock."""

    success: Literal[True] = True
    config_version: Count
    server_time: UtcTime


class NodeUsage(WireModel):
    """Measured use of a node."""

    name: Name
    cpu_mcpu: Count
    memory_bytes: Count


class ContainerUsage(WireModel):
    """Measured use of a container."""

    name: Name
    cpu_mcpu: Count
    memory_bytes: Count


class PodUsage(WireModel):
    """Measured use of a pod, by container."""

    namespace: Name
    name: Name
    containers: Annotated[list[ContainerUsage], Field(max_length=MAX_CONTAINERS)]


class Metrics(WireModel):
    """One collection. Both lists are empty where no metrics-server runs."""

    timestamp: UtcTime
    nodes: Annotated[list[NodeUsage], Field(max_length=MAX_NODES)]
    pods: Annotated[list[PodUsage], Field(max_length=MAX_PODS)]


class FullObjects(WireModel):
    """All Kubernetes objects that planning reads, redacted. ``hash`` is that of the whole set."""

    mode: Literal["full"]
    hash: HexHash
    items: Annotated[list[JsonObject], Field(max_length=MAX_OBJECTS)]


class DeltaObjects(WireModel):
    """What changed since the set with hash ``base``. ``hash`` is that of the result.

    ``deletes`` are keys: ``Kind/namespace/name``, the namespace empty for kinds without one.
    """

    mode: Literal["delta"]
    base: HexHash
    hash: HexHash
    upserts: Annotated[list[JsonObject], Field(max_length=MAX_OBJECTS)]
    deletes: Annotated[list[Annotated[str, Field(max_length=600)]], Field(max_length=MAX_OBJECTS)]


class MetricsBody(WireModel):
    """What an agent sends every collection interval. Events are read one by one (`read_events`)."""

    metrics: Metrics
    events: Annotated[list[JsonObject], Field(max_length=MAX_EVENTS)] = Field(default_factory=list)
    objects: Annotated[FullObjects | DeltaObjects, Field(discriminator="mode")] | None = None


class RefusedEventModel(WireModel):
    """An event of the body that was not queued: sending it again is of no use."""

    index: Count
    field: str
    problem: str


class MetricsAnswer(WireModel):
    """``need_full`` asks for all objects next time: the delta's base is not what the service holds."""

    success: Literal[True] = True
    metrics_stored: Count
    events_queued: Count
    events_refused: list[RefusedEventModel] = Field(default_factory=list)
    need_full: bool = False


class EventsBody(WireModel):
    """Events that must not wait for the next collection."""

    events: Annotated[list[JsonObject], Field(min_length=1, max_length=MAX_EVENTS)]


class EventsAnswer(WireModel):
    """How many events are queued durably, and which were refused."""

    success: Literal[True] = True
    events_queued: Count
    events_refused: list[RefusedEventModel] = Field(default_factory=list)


class ActionModel(WireModel):
    """A signed action as it travels."""

    action_id: Id
    cluster_id: Id
    type: Name
    payload: JsonObject
    expires_at: UtcTime
    nonce: Id
    key_id: OptionalName = ""
    signature: Annotated[str, Field(max_length=128)] = ""

    def to_signed(self) -> SignedAction:
        """The value that `domain.signing.verify` judges."""
        return SignedAction(
            cluster=self.cluster_id,
            id=self.action_id,
            type=self.type,
            payload=self.payload,
            expires_at=self.expires_at,
            nonce=self.nonce,
            key_id=self.key_id,
            signature=self.signature,
        )

    @classmethod
    def of(cls, action: SignedAction) -> "ActionModel":
        """The message for a signed action."""
        return cls(
            action_id=action.id,
            cluster_id=action.cluster,
            type=action.type,
            payload=dict(action.payload),
            expires_at=action.expires_at,
            nonce=action.nonce,
            key_id=action.key_id,
            signature=action.signature,
        )


class PendingActions(WireModel):
    """Actions to carry out, oldest first. Whoever takes them has them: a second poll does not repeat them."""

    actions: Annotated[list[ActionModel], Field(max_length=MAX_ACTIONS)]


class ResultBody(WireModel):
    """How an action ended. ``refusal`` says that it was never begun because its signature was not accepted.

    ``dry_run`` says that nothing was changed: ``result`` tells what would have been done.
    """

    status: Literal["completed", "failed"]
    result: JsonObject = Field(default_factory=dict)
    error_message: Text | None = None
    refusal: Annotated[Refusal, Field(strict=False)] | None = None
    dry_run: bool = False
    duration_ms: Count = 0


class ResultAnswer(WireModel):
    """The result is stored; sending it again changes nothing."""

    success: Literal[True] = True
    acknowledged_at: UtcTime
