"""Kubernetes objects as the API server tells them, for tests of the agent."""

from typing import Any

NAMESPACE = "shop"


def node(name: str = "n1", *, ready: str = "True", since: str = "2026-01-01T00:00:00Z", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "creationTimestamp": "2025-12-01T00:00:00Z",
            "labels": {
                "node.kubernetes.io/instance-type": "m6i.large",
                "topology.kubernetes.io/region": "us-east-1",
                "topology.kubernetes.io/zone": "us-east-1a",
                "topology.k8s.aws/zone-id": "use1-az6",
            },
            "managedFields": [{"manager": "kubelet"}],
        },
        "spec": {"providerID": f"aws:///us-east-1a/i-0{name}", **spec},
        "status": {
            "allocatable": {"cpu": "1930m", "memory": "7Gi", "pods": "29"},
            "conditions": [
                {"type": "Ready", "status": ready, "reason": "KubeletReady", "lastTransitionTime": since},
            ],
            "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
        },
    }


def pod(name: str = "api-1", *, node_name: str = "n1", **status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"uid-{name}",
            "labels": {"app": "api", "pod-template-hash": "7f9c"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "api-7f9c", "controller": True}],
        },
        "spec": {
            "nodeName": node_name,
            "containers": [
                {
                    "name": "api",
                    "image": "registry/api:1",
                    "env": [{"name": "PASSWORD", "value": "hush"}],
                    "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "256Mi"}},
                }
            ],
        },
        "status": {"phase": "Running", **status},
    }


def killed(at: str, *, container: str = "api") -> dict[str, Any]:
    """A container that was started again after it was killed for want of memory."""
    ended = {"reason": "OOMKilled", "exitCode": 137, "finishedAt": at}
    return {"name": container, "restartCount": 1, "state": {"running": {}}, "lastState": {"terminated": ended}}


def unschedulable(since: str) -> dict[str, Any]:
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/50 nodes are available: 50 Insufficient cpu.",
        "lastTransitionTime": since,
    }
    return {"phase": "Pending", "conditions": [condition]}


def config_map(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "spot-optimizer"}}
