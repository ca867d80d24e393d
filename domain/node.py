"""Nodes that run and templates for nodes that may be launched."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from domain import labels as keys
from domain.market import Arch, CapacityType, InstanceType, Zone
from domain.resources import Resources


class Effect(StrEnum):
    """What a taint does. ``PREFER_NO_SCHEDULE`` never binds."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Taint:
    """A node taint."""

    key: str
    effect: Effect
    value: str = ""

    def __str__(self) -> str:
        return f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A running node.

    ``template`` names the `NodeTemplate` it came from. ``price_usd_per_h`` is ``None`` when the catalogue does not know
    its type: such a node is kept and its cost is left out, which the snapshot's notes say. ``cordoned`` is
    ``spec.unschedulable``. ``do_not_disrupt`` holds the reason why it must stay, empty when it may go.
    """

    name: str
    labels: Mapping[str, str]
    allocatable: Resources
    zone: Zone
    capacity_type: CapacityType
    instance_type: str
    template: str
    taints: tuple[Taint, ...] = ()
    price_usd_per_h: float | None = None
    interruption_per_month: float = 0.0
    ready: bool = True
    cordoned: bool = False
    do_not_disrupt: str = ""
    provider_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeTemplate:
    """A customer's group of nodes: what every node launched from it carries.

    Empty ``families`` means any, empty ``instance_types`` any, empty ``architectures`` any. The architectures are those
    that its nodes have, since images are built for them; a policy that names architectures overrides them.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    families: tuple[str, ...] = ()
    instance_types: tuple[str, ...] = ()
    architectures: tuple[Arch, ...] = ()


DEFAULT_TEMPLATE = NodeTemplate(name="default", architectures=(Arch.AMD64,))
"""Used when there are no nodes to learn from: images are built for amd64 unless somebody says otherwise."""


def labels_of_launched_node(
    template: NodeTemplate, *, instance_type: InstanceType, zone: Zone, region: str, capacity_type: CapacityType
) -> dict[str, str]:
    """Labels that a node launched from a template will carry (its hostname is not known before it runs)."""
    family, size = instance_type.family, instance_type.size
    prefix = keys.KARPENTER_INSTANCE_PREFIX
    generation = "".join(c for c in family.lstrip("abcdefghijklmnopqrstuvwxyz") if c.isdigit())
    labels = {
        keys.ARCH: str(instance_type.arch),
        keys.OS: "linux",
        keys.INSTANCE_TYPE: instance_type.name,
        keys.REGION: region,
        keys.ZONE: zone.name,
        keys.ZONE_ID: zone.id,
        keys.KARPENTER_CAPACITY_TYPE: str(capacity_type),
        keys.EKS_CAPACITY_TYPE: capacity_type.name,
        prefix + "family": family,
        prefix + "size": size,
        prefix + "category": family[:1],
        prefix + "generation": generation[:1],
        prefix + "cpu": str(instance_type.vcpu),
        prefix + "memory": str(instance_type.memory_bytes >> 20),
    }
    if instance_type.gpu_count:
        labels[prefix + "gpu-count"] = str(instance_type.gpu_count)
        labels[prefix + "gpu-name"] = instance_type.gpu_name
    labels |= {old: labels[new] for old, new in keys.LEGACY.items()}
    return labels | dict(template.labels)
