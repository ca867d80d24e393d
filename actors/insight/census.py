"""What a stored snapshot says a cluster runs: nodes by type, zone and capacity type, pods, and what they ask for."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from adapters.kubernetes.amounts import pod_requests
from adapters.kubernetes.fields import Field
from adapters.kubernetes.inventory import Inventory
from adapters.kubernetes.notes import Notes
from adapters.kubernetes.owners import direct_owner
from adapters.kubernetes.pods import DAEMON_SET
from adapters.kubernetes.snapshot import nodes_from_objects
from domain import labels as keys
from domain.canonical import KubeObject
from domain.delta import ObjectSet
from domain.errors import InputError
from domain.market import CapacityType
from domain.node import Node
from domain.spend import NodeGroup, workload_mcpu

_ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """One cluster at one moment. ``workload_mcpu`` is what pods ask for that do not come with each node."""

    groups: tuple[NodeGroup, ...]
    ready_nodes: int
    pods: int
    pending_pods: int
    workload_mcpu: int

    @property
    def nodes(self) -> int:
        """How many nodes there are."""
        return sum(group.nodes for group in self.groups)

    @property
    def spot_nodes(self) -> int:
        """How many of them are Spot."""
        return sum(group.nodes for group in self.groups if group.capacity_type is CapacityType.SPOT)


def census_of(stored: bytes) -> Census:
    """Count what `domain.delta.ObjectSet.to_bytes` has packed.

    Raises
    ------
    InputError
        When it is damaged, or a node is malformed. A pod that is malformed counts, and asks for nothing.
    """
    objects = ObjectSet.from_bytes(stored)
    nodes = nodes_from_objects(objects.objects("Node"))
    running, pending, workload = _count_pods(objects.objects("Pod"))
    return Census(
        groups=_grouped(nodes),
        ready_nodes=sum(node.ready for node in nodes),
        pods=running + pending,
        pending_pods=pending,
        workload_mcpu=workload,
    )


def _grouped(nodes: Iterable[Node]) -> tuple[NodeGroup, ...]:
    counted = Counter((node.instance_type, node.zone.id, node.capacity_type) for node in nodes)
    return tuple(
        NodeGroup(instance_type=name, zone_id=zone_id, capacity_type=kind, nodes=number)
        for (name, zone_id, kind), number in sorted(counted.items())
    )


def _count_pods(objects: Iterable[KubeObject]) -> tuple[int, int, int]:
    """Pods with a node and without, and what they ask for: pods that wait want a place as much as those that run."""
    placed = pending = workload = 0
    for pod in Inventory(objects, notes=Notes()).of("Pod"):
        if pod["status"]["phase"].text() in _ENDED or pod["metadata"]["deletionTimestamp"].present:
            continue
        if pod["spec"]["nodeName"].text():
            placed += 1
        else:
            pending += 1
        if not _comes_with_each_node(pod):
            workload += _asked(pod)
    return placed, pending, workload


def _comes_with_each_node(pod: Field) -> bool:
    owner = direct_owner(pod)
    mirrored = keys.MIRROR_POD in pod["metadata"]["annotations"].text_map()
    return mirrored or (owner is not None and owner.kind in (DAEMON_SET, "Node"))


def _asked(pod: Field) -> int:
    try:
        return workload_mcpu(pod_requests(pod))
    except InputError:
        return 0
