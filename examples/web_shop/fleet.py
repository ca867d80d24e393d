"""The nodes: three self-managed eksctl groups over three zones."""

import random
from dataclasses import dataclass
from typing import Any

REGION = "us-east-1"
ZONES = {"us-east-1a": "use1-az4", "us-east-1b": "use1-az6", "us-east-1c": "use1-az1"}
"""Zone names of this account and the ids of the zones behind them."""

_MIB_PER_GIB = 1024
_CAPACITY_SHARE = 0.953
"""What the kernel of a virtual machine leaves of its nominal memory, about."""

_DISK_CAPACITY, _DISK_ALLOCATABLE = "83873772Ki", "76224326324"
"""Of an 80 GiB root volume."""

_CREATED = "2026-01-12T09:30:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """An instance type as EKS runs it. ``max_pods`` is its ENI limit."""

    vcpu: int
    memory_gib: int
    max_pods: int
    gpus: int = 0

    @property
    def cpu_mcpu(self) -> int:
        """Allocatable CPU: 6 % of the first core, 1 % of the second, 0.5 % of two more, 0.25 % of the rest is kept."""
        kept = 60 + 10 * (self.vcpu > 1) + 5 * min(2, max(0, self.vcpu - 2)) + 2.5 * max(0, self.vcpu - 4)
        return int(1000 * self.vcpu - kept)

    @property
    def capacity_mib(self) -> int:
        """Memory that the kernel reports."""
        return int(self.memory_gib * _MIB_PER_GIB * _CAPACITY_SHARE)

    @property
    def memory_mib(self) -> int:
        """Allocatable memory: EKS keeps 255 MiB, 11 MiB for each pod, and 100 MiB to evict in time."""
        return self.capacity_mib - 255 - 11 * self.max_pods - 100


MACHINES = {
    "m5.xlarge": Machine(vcpu=4, memory_gib=16, max_pods=58),
    "m5.2xlarge": Machine(vcpu=8, memory_gib=32, max_pods=58),
    "m6i.xlarge": Machine(vcpu=4, memory_gib=16, max_pods=58),
    "m6i.2xlarge": Machine(vcpu=8, memory_gib=32, max_pods=58),
    "c5.xlarge": Machine(vcpu=4, memory_gib=8, max_pods=58),
    "c5.2xlarge": Machine(vcpu=8, memory_gib=16, max_pods=58),
    "r5.xlarge": Machine(vcpu=4, memory_gib=32, max_pods=58),
    "r5.2xlarge": Machine(vcpu=8, memory_gib=64, max_pods=58),
    "g4dn.xlarge": Machine(vcpu=4, memory_gib=16, max_pods=29, gpus=1),
    "g4dn.2xlarge": Machine(vcpu=8, memory_gib=32, max_pods=29, gpus=1),
}

_FLEET = (
    ("general", "m5.xlarge", 8, 1),
    ("general", "m5.2xlarge", 7, 2),
    ("general", "m6i.xlarge", 5, 1),
    ("general", "m6i.2xlarge", 4, 1),
    ("general", "c5.xlarge", 2, 1),
    ("general", "c5.2xlarge", 3, 0),
    ("memory", "r5.xlarge", 3, 0),
    ("memory", "r5.2xlarge", 5, 0),
    ("gpu", "g4dn.xlarge", 2, 0),
    ("gpu", "g4dn.2xlarge", 1, 0),
)
"""Group, instance type, on-demand nodes, Spot nodes."""

_LABELS = {
    "general": {"workload": "general"},
    "memory": {"workload": "memory"},
    "gpu": {"workload": "gpu", "k8s.amazonaws.com/accelerator": "nvidia-tesla-t4"},
}
TAINTS = {
    "general": [],
    "memory": [{"effect": "NoSchedule", "key": "dedicated", "value": "memory"}],
    "gpu": [{"effect": "NoSchedule", "key": "nvidia.com/gpu", "value": "true"}],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A node of the example."""

    name: str
    ip: str
    group: str
    instance_type: str
    zone: str
    spot: bool
    instance_id: str

    @property
    def machine(self) -> Machine:
        """What it is made of."""
        return MACHINES[self.instance_type]


def hosts(rng: random.Random) -> list[Host]:
    """All nodes, zones in turn within each group."""
    result: list[Host] = []
    per_group: dict[str, int] = {}
    for group, instance_type, on_demand, spot in _FLEET:
        for index in range(on_demand + spot):
            turn = per_group[group] = per_group.get(group, -1) + 1
            zone_index = turn % len(ZONES)
            ip = f"10.0.{32 * zone_index + rng.randrange(32)}.{rng.randrange(4, 252)}"
            result.append(
                Host(
                    name=f"ip-{ip.replace('.', '-')}.ec2.internal",
                    ip=ip,
                    group=group,
                    instance_type=instance_type,
                    zone=list(ZONES)[zone_index],
                    spot=index >= on_demand,
                    instance_id=f"i-0{rng.getrandbits(64):016x}",
                )
            )
    return result


def node_object(host: Host, *, uid: str) -> dict[str, Any]:
    """The Node as kubectl prints it."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "annotations": {
                "alpha.kubernetes.io/provided-node-ip": host.ip,
                "node.alpha.kubernetes.io/ttl": "0",
                "volumes.kubernetes.io/controller-managed-attach-detach": "true",
            },
            "creationTimestamp": _CREATED,
            "labels": _node_labels(host),
            "name": host.name,
            "resourceVersion": str(48_000_000 + int(uid[:6], 16) % 900_000),
            "uid": uid,
        },
        "spec": {
            "providerID": f"aws:///{host.zone}/{host.instance_id}",
            **({"taints": TAINTS[host.group]} if TAINTS[host.group] else {}),
        },
        "status": _node_status(host),
    }


def _node_labels(host: Host) -> dict[str, str]:
    return {
        "alpha.eksctl.io/cluster-name": "web-shop",
        "alpha.eksctl.io/instance-id": host.instance_id,
        "alpha.eksctl.io/nodegroup-name": host.group,
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/instance-type": host.instance_type,
        "beta.kubernetes.io/os": "linux",
        "failure-domain.beta.kubernetes.io/region": REGION,
        "failure-domain.beta.kubernetes.io/zone": host.zone,
        "k8s.io/cloud-provider-aws": "5553ae84a0d29114870f67bbabd07d44",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": host.name,
        "kubernetes.io/os": "linux",
        "node-lifecycle": "spot" if host.spot else "on-demand",
        "node.kubernetes.io/instance-type": host.instance_type,
        "topology.ebs.csi.aws.com/zone": host.zone,
        "topology.k8s.aws/zone-id": ZONES[host.zone],
        "topology.kubernetes.io/region": REGION,
        "topology.kubernetes.io/zone": host.zone,
        **_LABELS[host.group],
    }


def _node_status(host: Host) -> dict[str, Any]:
    machine = host.machine
    always = {"hugepages-1Gi": "0", "hugepages-2Mi": "0", "pods": str(machine.max_pods)}
    if machine.gpus:
        always["nvidia.com/gpu"] = str(machine.gpus)
    return {
        "addresses": [
            {"address": host.ip, "type": "InternalIP"},
            {"address": host.name, "type": "InternalDNS"},
            {"address": host.name, "type": "Hostname"},
        ],
        "allocatable": always
        | {
            "cpu": f"{machine.cpu_mcpu}m",
            "ephemeral-storage": _DISK_ALLOCATABLE,
            "memory": f"{machine.memory_mib * 1024}Ki",
        },
        "capacity": always
        | {
            "cpu": str(machine.vcpu),
            "ephemeral-storage": _DISK_CAPACITY,
            "memory": f"{machine.capacity_mib * 1024}Ki",
        },
        "conditions": [
            _condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
            _condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
            _condition("PIDPressure", "False", "KubeletHasSufficientPID"),
            _condition("Ready", "True", "KubeletReady"),
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "architecture": "amd64",
            "containerRuntimeVersion": "containerd://1.7.27",
            "kernelVersion": "6.1.134-152.225.amzn2023.x86_64",
            "kubeletVersion": "v1.32.3-eks-473151a",
            "operatingSystem": "linux",
            "osImage": "Amazon Linux 2023.7.20250512",
        },
    }


def _condition(type_: str, status: str, reason: str) -> dict[str, str]:
    return {
        "lastHeartbeatTime": "2026-02-03T10:14:51Z",
        "lastTransitionTime": _CREATED,
        "reason": reason,
        "status": status,
        "type": type_,
    }
