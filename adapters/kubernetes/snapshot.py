"""Kubernetes objects into a snapshot: one cluster at one moment, with notes on all that was left out or assumed."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from adapters.kubernetes.budgets import read_budgets
from adapters.kubernetes.daemonsets import read_daemonsets
from adapters.kubernetes.fields import Field, KubeObject
from adapters.kubernetes.inventory import Inventory, namespace_of
from adapters.kubernetes.namespaces import Namespaces
from adapters.kubernetes.nodes import NodesRead, labels_of, read_nodes
from adapters.kubernetes.notes import Notes
from adapters.kubernetes.owners import Owners
from adapters.kubernetes.places import UNKNOWN_ZONE, region_of
from adapters.kubernetes.pods import PodReader, name_of
from adapters.kubernetes.volumes import Volumes
from domain.errors import InputError
from domain.market import Zone
from domain.node import DEFAULT_TEMPLATE, Node
from domain.snapshot import Snapshot
from domain.workload import Pod

RESOURCES = (
    "nodes",
    "pods",
    "poddisruptionbudgets",
    "deployments",
    "replicasets",
    "statefulsets",
    "daemonsets",
    "persistentvolumes",
    "persistentvolumeclaims",
)
"""What planning needs, as kubectl names it."""

KUBECTL = f"kubectl get {','.join(RESOURCES)} -A -o json"
_DEFAULT_SCHEDULER = "default-scheduler"
_FARGATE_SCHEDULER = "fargate-scheduler"
_FINISHED = ("Succeeded", "Failed")


def snapshot_from_objects(
    objects: Iterable[KubeObject],
    *,
    region: str | None = None,
    zones: Sequence[Zone] = (),
    observed_at: datetime | None = None,
    from_scratch: bool = False,
) -> Snapshot:
    """Read a cluster.

    Parameters
    ----------
    objects
        Kubernetes objects as `read_documents` or `fetch_objects` return them.
    region
        Wins over what the nodes say.
    zones
        Zones where nodes may be launched; those of the nodes unless given.
    observed_at
        When the objects were read (UTC).
    from_scratch
        An ideal fleet is wanted: nodes need not be in the input, and pods on nodes that are not in it are pending.

    Raises
    ------
    InputError
        When a field is malformed, when there is no Pod, no Node (unless ``from_scratch``), no region or no zone.
    """
    notes = Notes()
    inventory = Inventory(objects, notes=notes)
    _refuse_missing_kinds(inventory, from_scratch=from_scratch)
    all_labels = [labels_of(node) for node in inventory.of("Node")]
    read = read_nodes(inventory.of("Node"), zones=zones, notes=notes)
    known_zones = (*zones, *(node.zone for node in read.nodes))
    found_region = region_of(region, all_labels, zones=known_zones, notes=notes)
    reader = _reader(inventory, read, notes=notes)
    pods, strays = _pods(inventory.of("Pod"), reader, read=read, from_scratch=from_scratch)
    return Snapshot(
        region=found_region,
        zones=_launch_zones(zones, read),
        nodes=read.nodes,
        pods=pods,
        budgets=read_budgets(inventory, pods, owners=reader.owners, notes=notes),
        daemonsets=read_daemonsets(inventory.of("DaemonSet"), (*pods, *strays), reader=reader, notes=notes),
        templates=read.templates or (DEFAULT_TEMPLATE,),
        observed_at=observed_at,
        notes=notes.lines(),
    )


def nodes_from_objects(objects: Iterable[KubeObject]) -> tuple[Node, ...]:
    """Read the nodes alone, for whoever needs no pods.

    Raises
    ------
    InputError
        When a node is malformed.
    """
    notes = Notes()
    return read_nodes(Inventory(objects, notes=notes).of("Node"), zones=(), notes=notes).nodes


def _refuse_missing_kinds(inventory: Inventory, *, from_scratch: bool) -> None:
    if not inventory.of("Pod"):
        raise InputError("input", "", f"holds no Pod; make it with: {KUBECTL}")
    if not inventory.of("Node") and not from_scratch:
        problem = "holds no Node; plan an ideal fleet with --from-scratch --region --zones, or make the input with: "
        raise InputError("input", "", problem + KUBECTL)


def _launch_zones(given: Sequence[Zone], read: NodesRead) -> tuple[Zone, ...]:
    zones = tuple(given) or tuple(sorted({node.zone for node in read.nodes} - {UNKNOWN_ZONE}))
    if not zones:
        raise InputError("input", "", "no node tells its zone; name the zones with --zones")
    return zones


def _reader(inventory: Inventory, read: NodesRead, *, notes: Notes) -> PodReader:
    used = sorted({namespace_of(pod) for pod in inventory.of("Pod")})
    return PodReader(
        owners=Owners(inventory),
        volumes=Volumes(inventory, notes),
        namespaces=Namespaces(inventory.of("Namespace"), used=used, notes=notes),
        zone_names={node.name: node.zone.name for node in read.nodes if node.zone != UNKNOWN_ZONE},
        notes=notes,
    )


def _pods(
    objects: Iterable[Field], reader: PodReader, *, read: NodesRead, from_scratch: bool
) -> tuple[tuple[Pod, ...], tuple[Pod, ...]]:
    """Pods to plan, and pods that are left out because their node is not in the input."""
    known = {node.name for node in read.nodes}
    planned: list[Pod] = []
    strays: list[Pod] = []
    for field in objects:
        node_name = field["spec"]["nodeName"].text()
        if reason := _left_out(field, node_name, read=read):
            reader.notes.add(reason, name_of(field))
            continue
        pod = reader.pod(field, node_name=node_name if node_name in known else "")
        _note_oddities(field, reader.notes)
        if pod.node_name == node_name or (from_scratch and not pod.is_daemon and not pod.is_mirror):
            planned.append(pod)
        else:
            reader.notes.add("pods on nodes that are not in the input are left out", pod.key)
            strays.append(pod)
    return tuple(planned), tuple(strays)


def _left_out(pod: Field, node_name: str, *, read: NodesRead) -> str:
    """Why a pod takes no part in planning, empty when it does.

    A pod on its way out is left out: it frees its room within its grace period, and what replaces it is a pod already.
    """
    if pod["status"]["phase"].text() in _FINISHED:
        return "finished pods (Succeeded, Failed) take no room and are left out"
    if pod["metadata"]["deletionTimestamp"].present:
        return "terminating pods are left out, the room they hold counts as free"
    if node_name in read.left_out or pod["spec"]["schedulerName"].text() == _FARGATE_SCHEDULER:
        return "pods on Fargate or a virtual kubelet are left out"
    if not node_name and any(pod["spec"]["schedulingGates"].each()):
        return "pods held back by scheduling gates are left out"
    return ""


def _note_oddities(pod: Field, notes: Notes) -> None:
    scheduler = pod["spec"]["schedulerName"].text() or _DEFAULT_SCHEDULER
    if scheduler != _DEFAULT_SCHEDULER:
        notes.add(f"pods of scheduler {scheduler} are placed by the rules of kube-scheduler", name_of(pod))
    if any(pod["spec"]["resourceClaims"].each()):
        notes.add("dynamic resource claims are not planned, their pods stay where they are", name_of(pod))
