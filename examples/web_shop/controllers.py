"""Controllers, budgets and volumes as kubectl prints them."""

from typing import Any

from examples.web_shop.names import resource_version, suffix, uid
from examples.web_shop.placing import Placed
from examples.web_shop.pods import pod_name, template_hash
from examples.web_shop.templates import labels_of, pod_template
from examples.web_shop.workloads import Workload

_CREATED = "2025-09-02T13:05:11Z"


def controller_objects(workload: Workload, pods: int) -> list[dict[str, Any]]:
    """The controller of a workload that runs ``pods`` pods, with its ReplicaSets."""
    if workload.kind not in ("Deployment", "StatefulSet", "DaemonSet"):
        return []
    selector = {"matchLabels": labels_of(workload)}
    spec: dict[str, Any] = {"selector": selector, "template": pod_template(workload), "revisionHistoryLimit": 10}
    status: dict[str, Any] = {"observedGeneration": 4}
    if workload.kind == "DaemonSet":
        status |= {"currentNumberScheduled": pods, "desiredNumberScheduled": pods, "numberReady": pods}
    else:
        spec["replicas"] = pods
        status |= {"availableReplicas": pods, "readyReplicas": pods, "replicas": pods, "updatedReplicas": pods}
    controller = _object("apps/v1", workload.kind, workload.name, namespace=workload.namespace) | {
        "spec": spec,
        "status": status,
    }
    controller["metadata"] |= {"generation": 4, "labels": labels_of(workload)}
    return [controller] + (_replica_sets(workload, pods) if workload.kind == "Deployment" else [])


def budget_object(workload: Workload) -> dict[str, Any] | None:
    """The PodDisruptionBudget of a workload, with all its pods healthy."""
    if not workload.budget:
        return None
    field, _, value = workload.budget.partition("=")
    count = -(-workload.replicas * int(value[:-1]) // 100) if value.endswith("%") else int(value)
    desired = workload.replicas - count if field == "maxUnavailable" else count
    budget = _object("policy/v1", "PodDisruptionBudget", workload.name, namespace=workload.namespace)
    budget["metadata"] |= {"generation": 1}
    return budget | {
        "spec": {
            field: value if value.endswith("%") else int(value),
            "selector": {"matchLabels": {"app.kubernetes.io/name": workload.name}},
        },
        "status": {
            "currentHealthy": workload.replicas,
            "desiredHealthy": desired,
            "disruptionsAllowed": workload.replicas - desired,
            "expectedPods": workload.replicas,
            "observedGeneration": 1,
        },
    }


def volume_objects(placed: Placed) -> list[dict[str, Any]]:
    """The claim of a pod and the zonal disk that it is bound to."""
    workload = placed.workload
    if not workload.volume_gib:
        return []
    name = f"data-{pod_name(placed)}"
    claim = _object("v1", "PersistentVolumeClaim", name, namespace=workload.namespace)
    size = {"storage": f"{workload.volume_gib}Gi"}
    volume = _object("v1", "PersistentVolume", f"pvc-{claim['metadata']['uid']}", namespace="")
    common = {"accessModes": ["ReadWriteOnce"], "storageClassName": "gp3", "volumeMode": "Filesystem"}
    zone = {"key": "topology.ebs.csi.aws.com/zone", "operator": "In", "values": [placed.host.zone]}
    return [
        claim
        | {
            "spec": common | {"resources": {"requests": size}, "volumeName": volume["metadata"]["name"]},
            "status": {"accessModes": ["ReadWriteOnce"], "capacity": size, "phase": "Bound"},
        },
        volume
        | {
            "spec": common
            | {
                "capacity": size,
                "claimRef": {"kind": "PersistentVolumeClaim", "name": name, "namespace": workload.namespace},
                "csi": {"driver": "ebs.csi.aws.com", "fsType": "ext4", "volumeHandle": f"vol-0{suffix(name, 16)}"},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [zone]}]}},
                "persistentVolumeReclaimPolicy": "Delete",
            },
            "status": {"phase": "Bound"},
        },
    ]


def _replica_sets(workload: Workload, pods: int) -> list[dict[str, Any]]:
    """The current one, and the one of the release before it, which is scaled to nothing."""
    older = suffix(f"{workload.namespace}/{workload.name}/before", 9)
    return [
        _replica_set(workload, template_hash(workload), replicas=pods),
        _replica_set(workload, older, replicas=0),
    ]


def _replica_set(workload: Workload, hash_: str, *, replicas: int) -> dict[str, Any]:
    labels = labels_of(workload) | {"pod-template-hash": hash_}
    replica_set = _object("apps/v1", "ReplicaSet", f"{workload.name}-{hash_}", namespace=workload.namespace)
    owner = {
        "apiVersion": "apps/v1",
        "blockOwnerDeletion": True,
        "controller": True,
        "kind": "Deployment",
        "name": workload.name,
        "uid": uid(f"Deployment/{workload.namespace}/{workload.name}"),
    }
    replica_set["metadata"] |= {"generation": 1, "labels": labels, "ownerReferences": [owner]}
    return replica_set | {
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod_template(workload)},
        "status": {"observedGeneration": 1, "replicas": replicas},
    }


def _object(api_version: str, kind: str, name: str, *, namespace: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "creationTimestamp": _CREATED,
        "name": name,
        "resourceVersion": resource_version(f"{kind}/{namespace}/{name}"),
        "uid": uid(f"{kind}/{namespace}/{name}"),
    }
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}
