"""A large cluster as its API server tells it: objects as long as real ones, in pages, with a stream of changes."""

import itertools
from collections.abc import Iterator
from typing import Any

import orjson

from agent.watching.kinds import KINDS

STARTED = "2026-01-01T00:00:00Z"
PODS_PER_WORKLOAD = 20
ENVIRONMENT = [{"name": f"SETTING_{number}", "value": f"value of setting {number}"} for number in range(20)]
MANAGED = [
    {
        "manager": "kubelet",
        "operation": "Update",
        "apiVersion": "v1",
        "time": STARTED,
        "fieldsType": "FieldsV1",
        "subresource": "status",
        "fieldsV1": {"f:status": {f"f:{name}": {f"k:{number}": {".": {}, "f:type": {}} for number in range(20)}}},
    }
    for name in ("conditions", "containerStatuses", "podIPs", "phase")
]
"""What an object carries that the agent never sends; real pods have as much."""


def objects(*, nodes: int, pods: int) -> dict[str, list[dict[str, Any]]]:
    """All objects, by plural."""
    workloads = range(-(-pods // PODS_PER_WORKLOAD))
    made: dict[str, list[dict[str, Any]]] = {kind.plural: [] for kind in KINDS}
    made["nodes"] = [_node(number) for number in range(nodes)]
    made["pods"] = [_pod(number, nodes=nodes) for number in range(pods)]
    made["deployments"] = [_owner(f"app-{number}") for number in workloads]
    made["replicasets"] = [_owner(f"app-{number}-7f9c", above=("Deployment", f"app-{number}")) for number in workloads]
    made["poddisruptionbudgets"] = [_budget(f"app-{number}") for number in workloads]
    made["namespaces"] = [{"metadata": {"name": "shop", "uid": "ns", "managedFields": MANAGED}}]
    for number, obj in enumerate(itertools.chain(*made.values()), start=1):
        obj["metadata"]["resourceVersion"] = str(number)
    return made


def usage(*, nodes: int, pods: int) -> tuple[bytes, bytes]:
    """What metrics-server says of them: its lists of nodes and of pods."""
    used = {"cpu": "119234567n", "memory": "262144Ki"}
    stamps = {"timestamp": STARTED, "window": "15s"}
    of_nodes = [{"metadata": {"name": _node_name(number)}, **stamps, "usage": used} for number in range(nodes)]
    of_pods = [
        {
            "metadata": {"name": _pod_name(number), "namespace": "shop", "labels": {"app": "app"}},
            **stamps,
            "containers": [{"name": "app", "usage": used}],
        }
        for number in range(pods)
    ]
    return orjson.dumps({"items": of_nodes}), orjson.dumps({"items": of_pods})


def changes(pods: list[dict[str, Any]], *, first_version: int) -> Iterator[bytes]:
    """Watch events without end: pod after pod becomes ready and not ready, each with a version of its own."""
    for number in itertools.count():
        pod = pods[number % len(pods)]
        ready = "False" if number // len(pods) % 2 == 0 else "True"
        conditions = [{"type": "Ready", "status": ready, "lastTransitionTime": STARTED}]
        changed = pod | {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": pod["metadata"] | {"resourceVersion": str(first_version + number)},
            "status": pod["status"] | {"conditions": conditions},
        }
        yield orjson.dumps({"type": "MODIFIED", "object": changed}) + b"\n"


def _node_name(number: int) -> str:
    return f"ip-10-0-{number // 250}-{number % 250}.ec2.internal"


def _pod_name(number: int) -> str:
    return f"app-{number // PODS_PER_WORKLOAD}-7f9c-{number % PODS_PER_WORKLOAD:05d}"


def _node(number: int) -> dict[str, Any]:
    kinds = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")
    calm = [{"type": kind, "status": "False", "reason": "Fine", "lastHeartbeatTime": STARTED} for kind in kinds]
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": STARTED}
    amounts = {"cpu": "7910m", "memory": "30959616Ki", "pods": "58", "ephemeral-storage": "76224326324"}
    return {
        "metadata": {
            "name": _node_name(number),
            "uid": f"node-{number}",
            "creationTimestamp": STARTED,
            "labels": {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": _node_name(number),
                "node.kubernetes.io/instance-type": "m6i.2xlarge",
                "topology.kubernetes.io/region": "us-east-1",
                "topology.kubernetes.io/zone": "us-east-1a",
                "topology.k8s.aws/zone-id": "use1-az6",
            },
            "managedFields": MANAGED,
        },
        "spec": {"providerID": f"aws:///us-east-1a/i-{number:017d}"},
        "status": {
            "allocatable": amounts,
            "capacity": amounts,
            "conditions": [*calm, ready],
            "images": [{"names": [f"registry.example.com/app:{tag}"], "sizeBytes": 1 << 28} for tag in range(50)],
        },
    }


def _pod(number: int, *, nodes: int) -> dict[str, Any]:
    workload = f"app-{number // PODS_PER_WORKLOAD}"
    resources = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}}
    container = {"name": "app", "image": "registry.example.com/app:1", "env": ENVIRONMENT, "resources": resources}
    state = {"name": "app", "ready": True, "restartCount": 0, "state": {"running": {"startedAt": STARTED}}}
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": STARTED}
        for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    ]
    return {
        "metadata": {
            "name": _pod_name(number),
            "namespace": "shop",
            "uid": f"pod-{number}",
            "labels": {"app.kubernetes.io/name": workload, "pod-template-hash": "7f9c"},
            "annotations": {"kubectl.kubernetes.io/restartedAt": STARTED},
            "ownerReferences": [{"kind": "ReplicaSet", "name": f"{workload}-7f9c", "controller": True}],
            "managedFields": MANAGED,
        },
        "spec": {
            "nodeName": _node_name(number % nodes),
            "containers": [container],
            "terminationGracePeriodSeconds": 30,
            "tolerations": [
                {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
                for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
            ],
        },
        "status": {"phase": "Running", "conditions": conditions, "containerStatuses": [state]},
    }


def _owner(name: str, *, above: tuple[str, str] | None = None) -> dict[str, Any]:
    owners = [{"kind": above[0], "name": above[1], "controller": True}] if above else []
    metadata = {"name": name, "namespace": "shop", "uid": name, "ownerReferences": owners, "managedFields": MANAGED}
    return {"metadata": metadata, "spec": {"replicas": PODS_PER_WORKLOAD}}


def _budget(name: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": f"pdb-{name}"},
        "spec": {"selector": {"matchLabels": {"app.kubernetes.io/name": name}}, "maxUnavailable": 2},
        "status": {"disruptionsAllowed": 2, "observedGeneration": 1},
    }
