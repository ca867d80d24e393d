"""Kubernetes objects as tests need them."""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

from tests.kube.client import JsonObject

NONE: Mapping[str, str] = MappingProxyType({})

ENDS_AFTER = "kube.test/ends-after"
"""Annotation of a pod: time (``500ms``) from being asked to end until it has ended, below its grace period."""

READY_AFTER = "kube.test/ready-after"
"""Annotation of a pod: time from being bound to being ready."""

NEVER_READY = "kube.test/never-ready"
"""Annotation of a pod with ``true``: it starts and never becomes ready."""

NOT_READY = "kube.test/not-ready"
"""Label of a node with ``true``: its kubelet has gone silent."""


def make_node(
    name: str, *, zone: str = "us-east-1a", spot: bool = True, cpu: int = 8, labels: Mapping[str, str] = NONE
) -> JsonObject:
    """A node of an EKS node group, as its kubelet would register it."""
    amounts = {"cpu": str(cpu), "memory": f"{cpu * 4}Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    known = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "m6i.2xlarge",
        "topology.kubernetes.io/region": zone[:-1],
        "topology.kubernetes.io/zone": zone,
        "karpenter.sh/capacity-type": "spot" if spot else "on-demand",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": known | dict(labels)},
        "spec": {"providerID": f"aws:///{zone}/{instance_id(name)}"},
        "status": {"capacity": amounts, "allocatable": amounts},
    }


def instance_id(node: str) -> str:
    """The EC2 instance of a node that `make_node` made."""
    return f"i-{hashlib.sha256(node.encode()).hexdigest()[:17]}"


def make_namespace(name: str, *, labels: Mapping[str, str] = NONE) -> JsonObject:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels)}}


def make_pod_spec(*, grace_s: int = 30, cpu: str = "100m") -> JsonObject:
    """One container that requests something."""
    resources = {"requests": {"cpu": cpu, "memory": "64Mi"}}
    container = {"name": "main", "image": "registry.example.com/main", "resources": resources}
    return {"terminationGracePeriodSeconds": grace_s, "containers": [container]}


def make_deployment(
    namespace: str, name: str, *, replicas: int = 1, grace_s: int = 30, annotations: Mapping[str, str] = NONE
) -> JsonObject:
    """A Deployment whose pods carry the label ``app`` with its name and these annotations."""
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels, "annotations": dict(annotations)},
        "spec": make_pod_spec(grace_s=grace_s),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


def make_stateful_set(namespace: str, name: str, *, annotations: Mapping[str, str] = NONE) -> JsonObject:
    """A StatefulSet of one pod."""
    made = make_deployment(namespace, name, annotations=annotations)
    return made | {"kind": "StatefulSet", "spec": made["spec"] | {"serviceName": name}}


def make_replication_controller(namespace: str, name: str, *, annotations: Mapping[str, str] = NONE) -> JsonObject:
    """A ReplicationController of one pod, as there were before Deployments."""
    made = make_deployment(namespace, name, annotations=annotations)
    spec = made["spec"] | {"selector": {"app": name}}
    return made | {"apiVersion": "v1", "kind": "ReplicationController", "spec": spec}


def make_budget(namespace: str, app: str, *, min_available: int) -> JsonObject:
    """A disruption budget over the pods of a Deployment."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": app, "namespace": namespace},
        "spec": {"minAvailable": min_available, "selector": {"matchLabels": {"app": app}}},
    }
