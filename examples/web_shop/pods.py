"""Pods as kubectl prints them."""

import copy
from typing import Any

from examples.web_shop.fleet import Host
from examples.web_shop.names import ip, resource_version, suffix, uid
from examples.web_shop.placing import Placed
from examples.web_shop.templates import pod_template
from examples.web_shop.workloads import Workload

_STARTED = "2026-01-28T07:12:40Z"
_PRIORITIES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
_DAEMON_TOLERATIONS = (
    ("NoExecute", "node.kubernetes.io/not-ready"),
    ("NoExecute", "node.kubernetes.io/unreachable"),
    ("NoSchedule", "node.kubernetes.io/disk-pressure"),
    ("NoSchedule", "node.kubernetes.io/memory-pressure"),
    ("NoSchedule", "node.kubernetes.io/pid-pressure"),
    ("NoSchedule", "node.kubernetes.io/unschedulable"),
)


def template_hash(workload: Workload) -> str:
    """Hash of the template, as a ReplicaSet carries it."""
    return suffix(f"{workload.namespace}/{workload.name}", 9)


def pod_name(placed: Placed) -> str:
    """Name that the controller gave the pod."""
    workload = placed.workload
    end = suffix(f"{workload.namespace}/{workload.name}/{placed.host.name}/{placed.ordinal}", 5)
    match workload.kind:
        case "Deployment":
            return f"{workload.name}-{template_hash(workload)}-{end}"
        case "StatefulSet":
            return f"{workload.name}-{placed.ordinal}"
        case "":
            return workload.name
        case _:
            return f"{workload.name}-{end}"


def pod_object(placed: Placed) -> dict[str, Any]:
    """The Pod."""
    workload, host, name = placed.workload, placed.host, pod_name(placed)
    template = copy.deepcopy(pod_template(workload))
    metadata = template["metadata"] | {
        "creationTimestamp": _STARTED,
        "name": name,
        "namespace": workload.namespace,
        "resourceVersion": resource_version(name),
        "uid": uid(f"Pod/{workload.namespace}/{name}"),
    }
    metadata["labels"] |= _controller_labels(placed, name)
    if workload.kind:
        metadata["ownerReferences"] = [_owner(workload)]
    spec = template["spec"] | {"nodeName": host.name, "priority": _PRIORITIES.get(workload.priority, 0)}
    spec["tolerations"] = spec.get("tolerations", []) + _added_tolerations(workload)
    spec["volumes"] = spec["volumes"] + _volumes(workload, name)
    if workload.kind == "DaemonSet":
        _bind_to_node(spec, host)
    status = _status(spec, host, name)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


def finished_pod(host: Host, number: int) -> dict[str, Any]:
    """A pod of an hourly export that is done: it takes no room any more."""
    workload = Workload(
        namespace="batch", name=f"order-export-{29_450_000 + 60 * number}", replicas=1, cpu=500, memory=1024, kind="Job"
    )
    pod = pod_object(Placed(workload=workload, ordinal=0, host=host))
    pod["status"]["phase"] = "Succeeded"
    for condition in pod["status"]["conditions"]:
        if condition["type"] in ("Ready", "ContainersReady"):
            condition |= {"reason": "PodCompleted", "status": "False"}
    return pod


def _controller_labels(placed: Placed, name: str) -> dict[str, str]:
    workload = placed.workload
    match workload.kind:
        case "Deployment":
            return {"pod-template-hash": template_hash(workload)}
        case "StatefulSet":
            return {"apps.kubernetes.io/pod-index": str(placed.ordinal), "statefulset.kubernetes.io/pod-name": name}
        case "DaemonSet":
            return {"controller-revision-hash": template_hash(workload), "pod-template-generation": "4"}
        case "Job":
            return {"batch.kubernetes.io/job-name": workload.name, "job-name": workload.name}
        case _:
            return {}


def _owner(workload: Workload) -> dict[str, Any]:
    kind, name = workload.kind, workload.name
    if kind == "Deployment":
        kind, name = "ReplicaSet", f"{name}-{template_hash(workload)}"
    return {
        "apiVersion": "batch/v1" if kind == "Job" else "apps/v1",
        "blockOwnerDeletion": True,
        "controller": True,
        "kind": kind,
        "name": name,
        "uid": uid(f"{kind}/{workload.namespace}/{name}"),
    }


def _added_tolerations(workload: Workload) -> list[dict[str, Any]]:
    if workload.kind == "DaemonSet":
        return [{"effect": effect, "key": key, "operator": "Exists"} for effect, key in _DAEMON_TOLERATIONS]
    return [
        {"effect": "NoExecute", "key": f"node.kubernetes.io/{state}", "operator": "Exists", "tolerationSeconds": 300}
        for state in ("not-ready", "unreachable")
    ]


def _volumes(workload: Workload, name: str) -> list[dict[str, Any]]:
    token = {
        "name": f"kube-api-access-{suffix(name, 5)}",
        "projected": {
            "defaultMode": 420,
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}},
            ],
        },
    }
    claim = {"name": "data", "persistentVolumeClaim": {"claimName": f"data-{name}"}}
    return [claim, token] if workload.volume_gib else [token]


def _bind_to_node(spec: dict[str, Any], host: Host) -> None:
    rule = "requiredDuringSchedulingIgnoredDuringExecution"
    node = {"key": "metadata.name", "operator": "In", "values": [host.name]}
    affinity = spec.setdefault("affinity", {}).setdefault("nodeAffinity", {}).setdefault(rule, {})
    for term in affinity.setdefault("nodeSelectorTerms", [{}]):
        term["matchFields"] = [node]


def _status(spec: dict[str, Any], host: Host, name: str) -> dict[str, Any]:
    address = host.ip if spec.get("hostNetwork") else ip(name, host.ip)
    return {
        "conditions": [
            {"lastProbeTime": None, "lastTransitionTime": _STARTED, "status": "True", "type": type_}
            for type_ in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
        ],
        "containerStatuses": [_container_status(container, name) for container in spec["containers"]],
        "hostIP": host.ip,
        "hostIPs": [{"ip": host.ip}],
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "qosClass": "Burstable",
        "startTime": _STARTED,
    }


def _container_status(container: dict[str, Any], pod: str) -> dict[str, Any]:
    digest = uid(container["image"]).replace("-", "") * 2
    return {
        "allocatedResources": container["resources"]["requests"],
        "containerID": f"containerd://{uid(pod + container['name']).replace('-', '') * 2}",
        "image": container["image"],
        "imageID": f"{container['image'].partition(':')[0]}@sha256:{digest}",
        "lastState": {},
        "name": container["name"],
        "ready": True,
        "resources": container["resources"],
        "restartCount": 0,
        "started": True,
        "state": {"running": {"startedAt": _STARTED}},
    }
