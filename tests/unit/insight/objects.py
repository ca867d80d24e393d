"""Kubernetes objects as agents send them, as small as they can be."""

from typing import Any

from domain.delta import ObjectSet

Object = dict[str, Any]
REQUESTS = {"cpu": "500m", "memory": "1Gi"}


def node(
    name: str, *, instance_type: str = "m5.large", spot: bool = True, ready: bool = True, zone: str = "use1-az1"
) -> Object:
    labels = {
        "node.kubernetes.io/instance-type": instance_type,
        "topology.kubernetes.io/region": "us-east-1",
        "topology.kubernetes.io/zone": "us-east-1a",
        "topology.k8s.aws/zone-id": zone,
        "karpenter.sh/capacity-type": "spot" if spot else "on-demand",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"providerID": f"aws:///us-east-1a/i-{name}"},
        "status": {
            "allocatable": {"cpu": "2", "memory": "7Gi", "pods": "29"},
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


def pod(
    name: str,
    *,
    on: str = "",
    phase: str = "Running",
    owner: str = "ReplicaSet",
    requests: dict[str, str] = REQUESTS,
) -> Object:
    owners = [{"controller": True, "kind": owner, "name": "web", "apiVersion": "apps/v1", "uid": "u"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "ownerReferences": owners},
        "spec": {"nodeName": on, "containers": [{"name": "c", "resources": {"requests": requests}}]},
        "status": {"phase": phase},
    }


def packed(*objects: Object) -> bytes:
    return ObjectSet.of(objects).to_bytes()
