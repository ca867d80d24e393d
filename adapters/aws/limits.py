"""Which bucket each call takes from, and which calls change something."""

from collections.abc import Mapping
from typing import Any

from adapters.aws.ports.buckets import Bucket

SHARE = 0.5
"""Our part of every limit: the customer's own controllers (autoscalers, load balancers, CSI) call with the rest."""

READING = Bucket(size=100, per_s=20)
CHANGING = Bucket(size=50, per_s=5)
"""EC2's buckets per account, region and action (EC2 developer guide, request throttling, read 2026-10)."""

BUCKETS: Mapping[tuple[str, str], Bucket] = {
    ("ec2", "RunInstances"): Bucket(size=5, per_s=2),
    ("ec2", "TerminateInstances"): Bucket(size=100, per_s=5),
    ("ec2", "CreateTags"): Bucket(size=100, per_s=10),
}
"""EC2's actions with buckets of their own, same source."""

RESOURCES: Mapping[str, Bucket] = {
    "CreateFleet": Bucket(size=1000, per_s=2),
    "TerminateInstances": Bucket(size=1000, per_s=20),
}
"""Tokens per instance, same source. A fleet counts as RunInstances does, which the source leaves open."""

OTHERS: Mapping[str, Bucket] = {
    "auto-scaling": Bucket(size=20, per_s=5),
    "cloudwatch": Bucket(size=50, per_s=20),
    "eks": Bucket(size=20, per_s=5),
    "iam": Bucket(size=20, per_s=5),
    "pricing": Bucket(size=10, per_s=5),
    "sts": Bucket(size=50, per_s=20),
}
"""Services whose limits AWS does not publish in full: chosen well below what they are known to take."""

_READS = ("Describe", "List", "Get", "Simulate", "AssumeRole")

UNBOUNDED = frozenset(
    {
        "DescribeInstanceStatus",
        "DescribeInstances",
        "DescribeNetworkInterfaces",
        "DescribeSecurityGroups",
        "DescribeSnapshots",
        "DescribeVolumes",
    }
)
"""Calls of EC2 that take from a smaller bucket, and answer without an end, when nothing narrows them."""

_NARROWING = ("Filters", "InstanceIds", "VolumeIds", "NetworkInterfaceIds", "GroupIds", "SnapshotIds", "MaxResults")


def bucket_of(service: str, operation: str) -> Bucket:
    """The bucket of a call, all of it; our part is `SHARE`."""
    if service != "ec2":
        return OTHERS.get(service, Bucket(size=10, per_s=2))
    return BUCKETS.get((service, operation), READING if reads(operation) else CHANGING)


def reads(operation: str) -> bool:
    """Whether a call changes nothing."""
    return operation.startswith(_READS)


def is_unbounded(operation: str, parameters: Mapping[str, Any]) -> bool:
    """Whether a call asks for everything at once."""
    return operation in UNBOUNDED and not any(parameters.get(name) for name in _NARROWING)


def resources_of(operation: str, body: Mapping[str, Any]) -> float:
    """Instances that a call of EC2 starts or ends, 0 for others; ``body`` is the request's form."""
    if operation == "CreateFleet":
        return float(body.get("TargetCapacitySpecification.TotalTargetCapacity", 1))
    if operation == "TerminateInstances":
        return float(sum(name.startswith("InstanceId.") for name in body))
    return 0.0
