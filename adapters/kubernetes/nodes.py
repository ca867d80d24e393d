"""Nodes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.kubernetes.amounts import node_allocatable
from adapters.kubernetes.capacity import capacity_type, is_reserved
from adapters.kubernetes.fields import Field
from adapters.kubernetes.notes import Notes
from adapters.kubernetes.places import Places
from adapters.kubernetes.templates import group_nodes
from domain import labels as keys
from domain.market import CapacityType, Zone
from domain.node import Effect, Node, NodeTemplate, Taint
from domain.redaction import ANNOTATIONS

_LEGACY_INSTANCE_TYPE = "beta.kubernetes.io/instance-type"
_CONTROL_PLANE = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
_NOT_MACHINES = {"eks.amazonaws.com/compute-type": "fargate", "type": "virtual-kubelet"}
"""Labels of nodes that are no instance: each Fargate pod comes with a node of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodesRead:
    """Nodes, the templates learnt from them, and the names of nodes that are left out.

    Nodes of the control plane and Windows nodes name a template that is not among ``templates``.
    """

    nodes: tuple[Node, ...]
    templates: tuple[NodeTemplate, ...]
    left_out: frozenset[str]


def read_nodes(objects: Sequence[Field], *, zones: Sequence[Zone], notes: Notes) -> NodesRead:
    """Read nodes.

    Parameters
    ----------
    zones
        Zones that the caller named, to find the ids of nodes that tell only the name of theirs.

    Raises
    ------
    InputError
        When a node is malformed.
    """
    left_out = frozenset(_name(node) for node in objects if _is_no_machine(labels_of(node)))
    for name in sorted(left_out):
        notes.add("nodes that are no machines (Fargate, virtual kubelet) are left out with their pods", name)
    machines = [node for node in objects if _name(node) not in left_out]
    all_labels = [labels_of(node) for node in machines]
    templates, names = _templates(machines)
    places = Places(zones, all_labels, notes)
    nodes = tuple(_node(node, template=names[_name(node)], places=places, notes=notes) for node in machines)
    return NodesRead(nodes=nodes, templates=templates, left_out=left_out)


def labels_of(node: Field) -> dict[str, str]:
    """A node's labels."""
    return node["metadata"]["labels"].text_map()


def _templates(machines: Sequence[Field]) -> tuple[tuple[NodeTemplate, ...], dict[str, str]]:
    """Templates, and the name of the template of each node. What is not planned is no model for new nodes."""
    names = {_name(node): _unplanned(labels_of(node)) for node in machines}
    planned = [node for node in machines if not names[_name(node)]]
    grouped = group_nodes([(labels_of(node), _taints(node)) for node in planned])
    names |= {_name(node): template for node, template in zip(planned, grouped.names, strict=True)}
    return grouped.templates, names


def _unplanned(labels: Mapping[str, str]) -> str:
    """What a node is when planning leaves it alone, empty when it is an ordinary one."""
    if any(key in labels for key in _CONTROL_PLANE):
        return "the control plane"
    return "Windows" if labels.get(keys.OS) == "windows" else ""


def _node(node: Field, *, template: str, places: Places, notes: Notes) -> Node:
    name, labels = _name(node), labels_of(node)
    provider_id = node["spec"]["providerID"].text()
    leaving = node["metadata"]["deletionTimestamp"].present
    return Node(
        name=name,
        labels=labels,
        allocatable=node_allocatable(node),
        zone=places.zone(labels, provider_id=provider_id, node=name),
        capacity_type=_capacity_type(labels, name, notes=notes),
        instance_type=_instance_type(labels, name, notes=notes),
        template=template,
        taints=_taints(node),
        ready=_is_ready(node),
        cordoned=node["spec"]["unschedulable"].flag() or leaving,
        do_not_disrupt=_do_not_disrupt(node, labels, leaving=leaving),
        provider_id=provider_id,
    )


def _name(node: Field) -> str:
    return node["metadata"]["name"].required_text()


def _is_no_machine(labels: Mapping[str, str]) -> bool:
    return any(labels.get(key) == value for key, value in _NOT_MACHINES.items())


def _taints(node: Field) -> tuple[Taint, ...]:
    return tuple(sorted(_taint(field) for field in node["spec"]["taints"].each()))


def _taint(field: Field) -> Taint:
    field["effect"].required_text()
    effect = field["effect"].one_of(Effect, Effect.NO_SCHEDULE)
    return Taint(key=field["key"].required_text(), effect=effect, value=field["value"].text())


def _capacity_type(labels: Mapping[str, str], name: str, *, notes: Notes) -> CapacityType:
    found = capacity_type(labels)
    if found is None:
        notes.add("nodes that do not tell whether they are Spot are taken for on-demand", name)
    if is_reserved(labels):
        notes.add("nodes on reserved capacity are taken for on-demand", name)
    return found or CapacityType.ON_DEMAND


def _instance_type(labels: Mapping[str, str], name: str, *, notes: Notes) -> str:
    found = labels.get(keys.INSTANCE_TYPE) or labels.get(_LEGACY_INSTANCE_TYPE) or ""
    if not found:
        notes.add(f"nodes without the label {keys.INSTANCE_TYPE} have no known price", name)
    return found


def _is_ready(node: Field) -> bool:
    ready = (c for c in node["status"]["conditions"].each() if c["type"].text() == "Ready")
    return any(condition["status"].text() == "True" for condition in ready)


def _do_not_disrupt(node: Field, labels: Mapping[str, str], *, leaving: bool) -> str:
    annotations = node["metadata"]["annotations"].text_map(ANNOTATIONS)
    if leaving:
        return "it is being deleted already"
    for key in (keys.DO_NOT_DISRUPT, keys.SCALE_DOWN_DISABLED):
        if annotations.get(key) == "true":
            return f"annotation {key}=true"
    unplanned = _unplanned(labels)
    return f"it runs {unplanned}" if unplanned else ""
