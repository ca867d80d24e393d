"""Payloads of actions, one model for each type. Both sides read them by `read_payload`."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from domain.commands import AgentActionKind
from domain.errors import InputError
from domain.wire.base import Count, Id, Name, OptionalName, UtcTime, WireModel, input_error
from domain.wire.messages import MAX_CONTAINERS

MAX_NODE_POOLS = 50
"""NodePools in one action."""

MAX_VALUES = 1_000
"""Instance types of one NodePool; AWS has fewer."""

LabelKey = Annotated[str, Field(min_length=1, max_length=317)]
LabelValue = Annotated[str, Field(max_length=63)]
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$", max_length=32)]


class NodePayload(WireModel):
    """Of ``cordon_node`` and ``uncordon_node``.

    ``instance_id``, where it is not empty, is the instance that the node must be: another one under the same name is
    left alone, and the action fails.
    """

    node: Name
    instance_id: OptionalName = ""


class DrainPayload(WireModel):
    """Of ``drain_node``: evict everything but daemon and mirror pods, by grace period so that all end in time.

    ``deadline_at`` is when the node goes: a pod that cannot be evicted by then within its budget is left to its end.
    Empty for a drain that may take as long as budgets ask. ``instance_id`` as for a cordon.
    """

    node: Name
    instance_id: OptionalName = ""
    deadline_at: UtcTime | None = None


class EvictPayload(WireModel):
    """Of ``evict_pod``. ``node`` is where the pod is expected: it is left alone when it has moved on."""

    namespace: Name
    pod: Name
    node: OptionalName = ""


class LabelPayload(WireModel):
    """Of ``label_node``: labels to set, and with ``null`` to remove."""

    node: Name
    labels: Annotated[dict[LabelKey, LabelValue | None], Field(min_length=1, max_length=64)]


class ContainerResources(WireModel):
    """New requests and limits of one container, by resource name; what is not named stays."""

    name: Name
    requests: dict[Name, Quantity] = Field(default_factory=dict)
    limits: dict[Name, Quantity] = Field(default_factory=dict)


class UpdateDeploymentPayload(WireModel):
    """Of ``update_deployment``. ``generation`` is the one that was looked at: a newer one is left alone; 0 is any."""

    namespace: Name
    name: Name
    containers: Annotated[list[ContainerResources], Field(min_length=1, max_length=MAX_CONTAINERS)]
    generation: Count = 0


class NodePoolPart(WireModel):
    """What one NodePool is narrowed to. Lists that are empty leave it as it is; zones are names.

    ``nodes``, ``vcpu`` and ``memory_bytes`` must fit into its limits beside what there is, and its disruption budgets
    must let ``at_once`` nodes go.
    """

    node_pool: Name
    instance_types: Annotated[list[Name], Field(max_length=MAX_VALUES)] = Field(default_factory=list)
    zones: Annotated[list[Name], Field(max_length=MAX_VALUES)] = Field(default_factory=list)
    capacity_types: Annotated[list[Literal["spot", "on-demand"]], Field(max_length=2)] = Field(default_factory=list)
    nodes: Count = 0
    vcpu: Count = 0
    memory_bytes: Count = 0
    at_once: Count = 0


class NarrowNodePoolsPayload(WireModel):
    """Of ``narrow_node_pools``: for ``hold`` alone, until it is restored or ``until`` has passed."""

    hold: Id
    until: UtcTime
    node_pools: Annotated[list[NodePoolPart], Field(min_length=1, max_length=MAX_NODE_POOLS)]


class RestoreNodePoolsPayload(WireModel):
    """Of ``restore_node_pools``: what ``hold`` has narrowed is as it was before. Those of others are left alone."""

    hold: Id
    node_pools: Annotated[list[Name], Field(min_length=1, max_length=MAX_NODE_POOLS)]


Payload = (
    NodePayload
    | DrainPayload
    | EvictPayload
    | LabelPayload
    | UpdateDeploymentPayload
    | NarrowNodePoolsPayload
    | RestoreNodePoolsPayload
)

_MODELS: Mapping[AgentActionKind, type[Payload]] = {
    AgentActionKind.CORDON: NodePayload,
    AgentActionKind.UNCORDON: NodePayload,
    AgentActionKind.DRAIN: DrainPayload,
    AgentActionKind.EVICT: EvictPayload,
    AgentActionKind.LABEL: LabelPayload,
    AgentActionKind.UPDATE_DEPLOYMENT: UpdateDeploymentPayload,
    AgentActionKind.NARROW_NODE_POOLS: NarrowNodePoolsPayload,
    AgentActionKind.RESTORE_NODE_POOLS: RestoreNodePoolsPayload,
}


def read_payload(kind: str, payload: Mapping[str, object]) -> Payload:
    """The payload of an action.

    Raises
    ------
    InputError
        When the type is not known or the payload does not fit it.
    """
    try:
        model = _MODELS[AgentActionKind(kind)]
    except ValueError as err:
        raise InputError("action", "type", f"must be one of {', '.join(AgentActionKind)}") from err
    try:
        return model.model_validate(payload)
    except ValidationError as err:
        raise input_error(err, what=f"payload of {kind}") from err
