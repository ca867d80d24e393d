"""Kubernetes objects of a cluster of 50 nodes and 500 pods, as an agent sends them."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from domain.market import Pool
from domain.redaction import redact

REGION = "us-east-1"
ZONES = {f"us-east-1{letter}": f"use1-az{number}" for letter, number in (("a", 4), ("b", 6), ("c", 1))}
TYPES = {
    f"{family}.{size}": (vcpu, gib_per_vcpu * vcpu)
    for family, gib_per_vcpu in {"m5": 4, "m6i": 4, "m5a": 4, "m6a": 4, "c5": 2, "c6i": 2, "r5": 8, "r6i": 8}.items()
    for size, vcpu in (("xlarge", 4), ("2xlarge", 8))
}  # fmt: skip
NODES, PODS, DEPLOYMENTS = 50, 500, 25
POD_CPU_MCPU, POD_MEMORY_MIB = (100, 200, 250, 300), (256, 512, 768)


def pools() -> list[Pool]:
    """The pools that the nodes are of, in an order in which neighbours differ in type and zone."""
    found = [Pool(region=REGION, zone_id=zone, instance_type=kind) for zone in ZONES.values() for kind in TYPES]
    return random.Random(1).sample(found, len(found))


def cluster_objects(number: int) -> list[dict[str, Any]]:
    """Redacted objects of the cluster of this number; its first nodes are of pools that other numbers have later."""
    order = pools()
    first = 3 * number % len(order)
    nodes = [_node(number, n, order[(first + n) % len(order)]) for n in range(NODES)]
    names = [node["metadata"]["name"] for node in nodes]
    items = [*nodes, *_workloads(), *_pods(number, names)]
    return [kept for item in items if (kept := redact(item)) is not None]


def instance_id(number: int, node: int) -> str:
    """The EC2 instance of a node."""
    return f"i-{number:08x}{node:09x}"


def interruption(number: int, node: int, *, event_id: str) -> dict[str, Any]:
    """What an agent says when AWS takes a node."""
    order = pools()
    pool = order[(3 * number + node) % len(order)]
    return {
        "event_id": event_id, "event_type": "spot_interruption_warning", "region": REGION,
        "instance_id": instance_id(number, node), "instance_type": pool.instance_type, "zone_id": pool.zone_id,
        "node_name": node_name(number, node), "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }  # fmt: skip


def _node(number: int, n: int, pool: Pool) -> dict[str, Any]:
    zone = next(name for name, zone_id in ZONES.items() if zone_id == pool.zone_id)
    vcpu, memory_gib = TYPES[pool.instance_type]
    room = {"cpu": f"{vcpu * 1000 - 90}m", "memory": f"{int(memory_gib * 0.93 * 1024)}Mi", "pods": "58"}
    labels = {
        "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux",
        "kubernetes.io/hostname": node_name(number, n), "node.kubernetes.io/instance-type": pool.instance_type,
        "topology.kubernetes.io/region": REGION, "topology.kubernetes.io/zone": zone,
        "topology.k8s.aws/zone-id": pool.zone_id, "eks.amazonaws.com/capacityType": "SPOT",
    }  # fmt: skip
    return {
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": node_name(number, n), "labels": labels},
        "spec": {"providerID": f"aws:///{zone}/{instance_id(number, n)}"},
        "status": {"allocatable": room, "capacity": room, "conditions": [{"type": "Ready", "status": "True"}]},
    }  # fmt: skip


def node_name(number: int, n: int) -> str:
    """A node's name."""
    return f"ip-10-{number % 250}-{n // 250}-{n % 250}.ec2.internal"


def _workloads() -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for d in range(DEPLOYMENTS):
        labels = {"app": f"app-{d}"}
        spec = {"replicas": PODS // DEPLOYMENTS, "selector": {"matchLabels": labels}}
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"app-{d}", "uid": f"d{d}", "controller": True}
        named = {"namespace": "shop", "labels": labels}
        items += [
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": f"app-{d}", **named}, "spec": spec},
            {
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "spec": spec,
                "metadata": {"name": f"app-{d}-5c9d", "ownerReferences": [owner], **named},
            },
            {
                "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": f"app-{d}", **named},
                "spec": {"maxUnavailable": "25%", "selector": {"matchLabels": labels}},
            },
        ]  # fmt: skip
    return items


def _pods(number: int, nodes: Sequence[str]) -> list[dict[str, Any]]:
    draw = random.Random(number)
    return [_pod(p, nodes[p % len(nodes)], draw) for p in range(PODS)]


def _pod(p: int, node: str, draw: random.Random) -> dict[str, Any]:
    app = f"app-{p % DEPLOYMENTS}"
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{app}-5c9d", "uid": f"r{app}", "controller": True}
    memory = f"{draw.choice(POD_MEMORY_MIB)}Mi"
    asked = {"requests": {"cpu": f"{draw.choice(POD_CPU_MCPU)}m", "memory": memory}, "limits": {"memory": memory}}
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": f"{app}-5c9d-{p:05d}", "namespace": "shop", "uid": f"p{p}", "labels": {"app": app},
            "ownerReferences": [owner],
        },
        "spec": {
            "nodeName": node, "terminationGracePeriodSeconds": 30,
            "containers": [{"name": "app", "resources": asked}],
        },
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }  # fmt: skip
