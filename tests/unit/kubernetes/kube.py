"""Builders of Kubernetes JSON: say what matters, get a plain running cluster for the rest."""

from collections.abc import Mapping
from typing import Any

from adapters.kubernetes.snapshot import snapshot_from_objects
from domain import labels as keys
from domain.market import Zone
from domain.snapshot import Snapshot
from domain.workload import Pod

Json = dict[str, Any]
NODE = "node-1"
ALLOCATABLE = {"cpu": "4", "memory": "16Gi", "pods": "58", "ephemeral-storage": "20Gi"}
REGION_LABELS = {keys.REGION: "us-east-1", keys.ZONE: "us-east-1a", keys.ZONE_ID: "use1-az6"}


def make_node(
    name: str = NODE,
    *,
    labels: Mapping[str, object] | None = None,
    bare: bool = False,
    spec: Json | None = None,
    metadata: Json | None = None,
    allocatable: Mapping[str, object] | None = None,
) -> Json:
    """A ready m5.xlarge in use1-az6; ``bare`` leaves all labels but ``labels`` out."""
    plain = {} if bare else REGION_LABELS | {keys.INSTANCE_TYPE: "m5.xlarge", keys.KARPENTER_CAPACITY_TYPE: "on-demand"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": plain | dict(labels or {}), **(metadata or {})},
        "spec": spec or {},
        "status": {
            "allocatable": ALLOCATABLE | dict(allocatable or {}),
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def make_container(name: str = "main", **requests: object) -> Json:
    """A container by its requests (``cpu="1"``)."""
    return {"name": name, "resources": {"requests": requests}}


def make_pod(
    name: str = "api-1",
    *,
    namespace: str = "shop",
    node: str = NODE,
    labels: Json | None = None,
    annotations: Json | None = None,
    owner: tuple[str, str] | None = ("StatefulSet", "api"),
    ready: bool = True,
    status: Json | None = None,
    metadata: Json | None = None,
    **spec: object,
) -> Json:
    """A running pod of a StatefulSet; ``spec`` are members of its spec."""
    references = [{"kind": owner[0], "name": owner[1], "controller": True}] if owner else []
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": labels or {},
            "annotations": annotations or {},
            "ownerReferences": references,
            **(metadata or {}),
        },
        "spec": {"containers": [make_container(cpu="1", memory="1Gi")], **({"nodeName": node} if node else {}), **spec},
        "status": {
            "phase": "Running" if node else "Pending",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            **(status or {}),
        },
    }


def make_object(kind: str, name: str, *, namespace: str = "shop", api: str = "apps/v1", **members: object) -> Json:
    """Any other object; ``metadata`` among the members is added to name and namespace."""
    metadata: Any = members.pop("metadata", {})
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {}), **metadata},
        **members,
    }


def make_budget(name: str = "api", *, status: Json | None = None, generation: int = 1, **spec: object) -> Json:
    """A budget over the pods labelled ``app=api``."""
    selector = {"selector": {"matchLabels": {"app": "api"}}}
    members: Json = {"spec": selector | spec, "metadata": {"generation": generation}}
    if status is not None:
        members["status"] = status
    return make_object("PodDisruptionBudget", name, api="policy/v1", **members)


def read(
    *objects: Json, region: str | None = None, zones: tuple[Zone, ...] = (), from_scratch: bool = False
) -> Snapshot:
    """A snapshot of these objects."""
    return snapshot_from_objects(objects, region=region, zones=zones, from_scratch=from_scratch)


def read_pod(pod: Json, *others: Json) -> Pod:
    """The pod as it stands in a snapshot with one node and these other objects."""
    snapshot = read(make_node(), pod, *others)
    key = f"{pod['metadata'].get('namespace', 'default')}/{pod['metadata']['name']}"
    return next(found for found in snapshot.pods if found.key == key)


def notes_of(snapshot: Snapshot) -> str:
    """All notes as one text."""
    return "\n".join(snapshot.notes)
