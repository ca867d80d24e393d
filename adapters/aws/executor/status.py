"""Instances and groups from EC2's and Auto Scaling's answers."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from adapters.aws.ports.executor import GroupSize, GroupStatus, InstanceStatus
from adapters.aws.tags import GROUP, cluster_names, tags_of
from domain.market import CapacityType, Pool
from domain.saga import InstanceState

MOST_FILTER_VALUES = 200
"""Values of one filter, EC2's own limit."""

STATES = {
    "pending": InstanceState.PENDING,
    "running": InstanceState.RUNNING,
    "shutting-down": InstanceState.ENDING,
    "terminated": InstanceState.ENDED,
    "stopping": InstanceState.ENDING,
    "stopped": InstanceState.ENDING,
}
"""EC2's states in the words of sagas."""

ALIVE = ("pending", "running", "stopping", "stopped")
"""Those of instances that have not ended."""

PAGE = 1000
"""Instances of one page, EC2's own limit: fewest calls."""


def instances(ec2: Any, filters: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Instances that match, of all pages."""
    pages = ec2.get_paginator("describe_instances").paginate(Filters=list(filters), PaginationConfig={"PageSize": PAGE})
    for page in pages:
        for reservation in page.get("Reservations", []):
            yield from reservation.get("Instances", [])


def status_of(item: Mapping[str, Any], *, region: str, zone_ids: Mapping[str, str]) -> InstanceStatus:
    """One instance; ``zone_ids`` are by the account's zone names."""
    tags, state = tags_of(item.get("Tags")), item["State"]["Name"]
    zone_id = zone_ids.get(item.get("Placement", {}).get("AvailabilityZone", ""), "")
    pool = Pool(region=region, zone_id=zone_id, instance_type=item.get("InstanceType", ""))
    return InstanceStatus(
        instance_id=item["InstanceId"],
        state=STATES[state],
        stopped=state in ("stopping", "stopped"),
        pool=pool if zone_id else None,
        capacity_type=capacity_type_of(item),
        private_dns=item.get("PrivateDnsName", ""),
        group=tags.get(GROUP, ""),
        cluster_names=cluster_names(tags),
        reason=item.get("StateReason", {}).get("Code", ""),
        launched_at=_utc(item.get("LaunchTime")),
        volumes=tuple(sorted(data_volumes(item))),
        tags=tags,
    )


def capacity_type_of(item: Mapping[str, Any]) -> CapacityType:
    """How an instance was bought."""
    return CapacityType.SPOT if item.get("InstanceLifecycle") == "spot" else CapacityType.ON_DEMAND


def data_volumes(item: Mapping[str, Any]) -> Iterator[str]:
    """Ids of attached volumes but the root's."""
    root = item.get("RootDeviceName", "")
    for device in item.get("BlockDeviceMappings", []):
        if device.get("DeviceName") != root and "Ebs" in device:
            yield device["Ebs"]["VolumeId"]


def group_of(item: Mapping[str, Any]) -> GroupStatus:
    """One Auto Scaling group."""
    return GroupStatus(
        name=item["AutoScalingGroupName"],
        size=GroupSize(min=item["MinSize"], max=item["MaxSize"], desired=item["DesiredCapacity"]),
        members={member["InstanceId"]: member["LifecycleState"] for member in item.get("Instances", [])},
        suspended=tuple(sorted(process["ProcessName"] for process in item.get("SuspendedProcesses", []))),
    )


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None
