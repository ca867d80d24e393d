"""Node templates learnt from the nodes that run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.kubernetes.capacity import LIFECYCLE_LABELS, SPOT_FLAGS
from domain import labels as keys
from domain.market import Arch
from domain.node import DEFAULT_TEMPLATE, NodeTemplate, Taint

_STATE_TAINTS = frozenset(
    {
        "ToBeDeletedByClusterAutoscaler",
        "DeletionCandidateOfClusterAutoscaler",
        "karpenter.sh/disruption",
        "karpenter.sh/disrupted",
        "karpenter.sh/unregistered",
    }
)
"""Taints of autoscalers that tell what is about to happen to a node."""

_OF_ONE_NODE = frozenset(
    {
        keys.HOSTNAME,
        keys.ARCH,
        keys.OS,
        keys.INSTANCE_TYPE,
        "alpha.eksctl.io/instance-id",
        "cloud.google.com/machine-family",
        "eks.amazonaws.com/compute-type",
        "karpenter.sh/initialized",
        "karpenter.sh/registered",
        "k8s.io/cloud-provider-aws",
        "node.kubernetes.io/instance-id",
        *LIFECYCLE_LABELS,
        *SPOT_FLAGS,
        *keys.LEGACY,
    }
)
_PREFIXES_OF_ONE_NODE = (
    "topology.",
    keys.KARPENTER_INSTANCE_PREFIX,
    "karpenter.k8s.aws/",
    "eks.amazonaws.com/instance-",
    "feature.node.kubernetes.io/",
    "nvidia.com/",
)
"""What the instance type, the place or the kubelet puts on a node: another node of the group may differ in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    """Templates, and the name of the template of each node in the order of the nodes."""

    templates: tuple[NodeTemplate, ...]
    names: tuple[str, ...]


def group_nodes(nodes: Sequence[tuple[Mapping[str, str], tuple[Taint, ...]]]) -> Grouped:
    """Group nodes, given as labels and taints, by node group label, else by what is custom about them."""
    identities = [_identity(labels, taints) for labels, taints in nodes]
    members: dict[str, list[int]] = {}
    for index, name in enumerate(_unique_names(identities)):
        members.setdefault(name, []).append(index)
    templates = [_template(name, [nodes[index] for index in indices]) for name, indices in members.items()]
    names = {index: name for name, indices in members.items() for index in indices}
    return Grouped(templates=tuple(templates), names=tuple(names[index] for index in range(len(nodes))))


def _identity(labels: Mapping[str, str], taints: tuple[Taint, ...]) -> tuple[str, str]:
    """Where the name comes from, and the name."""
    for key in keys.NODE_GROUPS:
        if labels.get(key):
            return key, labels[key]
    custom = [f"{key}={value}" if value else key for key, value in sorted(_custom(labels).items())]
    custom += [str(taint) for taint in sorted(_lasting(taints))]
    return "", ",".join(custom) or DEFAULT_TEMPLATE.name


def _unique_names(identities: Sequence[tuple[str, str]]) -> list[str]:
    """Plain names, and ``key=name`` where two labels give different groups the same name."""
    owner: dict[str, str] = {}
    for key, name in identities:
        owner.setdefault(name, key)
    return [name if owner[name] == key else f"{key or 'labels'}={name}" for key, name in identities]


def _template(name: str, nodes: Sequence[tuple[Mapping[str, str], tuple[Taint, ...]]]) -> NodeTemplate:
    labels = dict(_custom(nodes[0][0]))
    taints = set(_lasting(nodes[0][1]))
    for other_labels, other_taints in nodes[1:]:
        labels = {key: value for key, value in labels.items() if other_labels.get(key) == value}
        taints &= set(other_taints)
    return NodeTemplate(
        name=name,
        labels=dict(sorted(labels.items())),
        taints=tuple(sorted(taints)),
        architectures=_architectures([node_labels for node_labels, _ in nodes]),
    )


def _architectures(labels: Sequence[Mapping[str, str]]) -> tuple[Arch, ...]:
    """Architectures that nodes of a group have; those of the default template when no label tells."""
    told = {each.get(keys.ARCH) for each in labels}
    return tuple(arch for arch in Arch if str(arch) in told) or DEFAULT_TEMPLATE.architectures


def _custom(labels: Mapping[str, str]) -> dict[str, str]:
    return {
        key: value
        for key, value in labels.items()
        if key not in _OF_ONE_NODE and not key.startswith(_PREFIXES_OF_ONE_NODE)
    }


def _lasting(taints: Sequence[Taint]) -> tuple[Taint, ...]:
    return tuple(
        taint
        for taint in taints
        if taint.key not in _STATE_TAINTS and not taint.key.startswith(keys.TAINT_PREFIXES_OF_STATE)
    )
