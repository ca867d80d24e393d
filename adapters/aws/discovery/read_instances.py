"""Instances of clusters with their volumes, and their CPU by CloudWatch."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.aws.executor.status import ALIVE, MOST_FILTER_VALUES, capacity_type_of, instances
from adapters.aws.ports.discovery import FoundInstance, Volume
from adapters.aws.tags import GROUP, OWNED, cluster_names, node_group_name, tags_of
from domain.market import Zone

VOLUMES_PAGE = 500
"""Volumes of one page, EC2's own limit."""

METRICS = 500
"""Metrics of one call, CloudWatch's own limit."""
WINDOW = timedelta(minutes=15)
"""Without detailed monitoring a point comes every five minutes, some minutes late."""
PERIOD_S = 300


def instances_of(
    ec2: Any, names_of_clusters: Sequence[str], zone_ids: Mapping[str, str]
) -> dict[str, list[FoundInstance]]:
    """Instances by the cluster that their tags name."""
    found: dict[str, list[FoundInstance]] = {name: [] for name in names_of_clusters}
    for some in _chunks([OWNED + name for name in names_of_clusters], MOST_FILTER_VALUES):
        filters = [{"Name": "tag-key", "Values": some}, {"Name": "instance-state-name", "Values": list(ALIVE)}]
        for item in instances(ec2, filters):
            seen = _instance(item, zone_ids)
            for name in cluster_names(tags_of(item.get("Tags"))):
                if name in found:
                    found[name].append(seen)
    return found


def with_volumes(
    ec2: Any, found: Mapping[str, Sequence[FoundInstance]], zone_ids: Mapping[str, str]
) -> dict[str, list[FoundInstance]]:
    """The same instances with type and size of their volumes."""
    ids = sorted({instance.id for some in found.values() for instance in some})
    by_instance: dict[str, list[Volume]] = {}
    for some_ids in _chunks(ids, MOST_FILTER_VALUES):
        filters = [{"Name": "attachment.instance-id", "Values": some_ids}]
        for page in ec2.get_paginator("describe_volumes").paginate(
            Filters=filters, PaginationConfig={"PageSize": VOLUMES_PAGE}
        ):
            for item in page["Volumes"]:
                for attached in item.get("Attachments", []):
                    volume = _volume(item, attached, zone_ids)
                    by_instance.setdefault(attached["InstanceId"], []).append(volume)
    return {name: [_complete(one, by_instance.get(one.id, [])) for one in some] for name, some in found.items()}


def cpu_of(cloudwatch: Any, ids: Collection[str], now: datetime) -> dict[str, float]:
    """Mean CPU of instances over the last minutes, 0..1; those that nobody measured are left out."""
    found: dict[str, float] = {}
    for some in _chunks(sorted(ids), METRICS):
        queries = [_query(f"m{number}", name) for number, name in enumerate(some)]
        pages = cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=now - WINDOW, EndTime=now
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                if values := result.get("Values"):
                    mean = sum(values) / len(values) / 100
                    found[some[int(result["Id"][1:])]] = min(1.0, max(0.0, mean))
    return found


def _query(metric_id: str, instance_id: str) -> dict[str, Any]:
    metric = {
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
    }
    return {"Id": metric_id, "MetricStat": {"Metric": metric, "Period": PERIOD_S, "Stat": "Average"}}


def _instance(item: Mapping[str, Any], zone_ids: Mapping[str, str]) -> FoundInstance:
    tags, name = tags_of(item.get("Tags")), item["Placement"]["AvailabilityZone"]
    root = item.get("RootDeviceName", "")
    # Until their details are read, volumes are known by id, and the root by its device.
    volumes = tuple(
        Volume(id=device["Ebs"]["VolumeId"], gib=0, type="", zone_id="", root=device.get("DeviceName") == root)
        for device in item.get("BlockDeviceMappings", [])
        if "VolumeId" in device.get("Ebs", {})
    )
    return FoundInstance(
        id=item["InstanceId"],
        instance_type=item["InstanceType"],
        zone=Zone(id=zone_ids.get(name, ""), name=name),
        capacity_type=capacity_type_of(item),
        state=item["State"]["Name"],
        launched_at=item["LaunchTime"].astimezone(UTC),
        private_dns=item.get("PrivateDnsName", ""),
        subnet_id=item.get("SubnetId", ""),
        node_group=node_group_name(tags),
        scaling_group=tags.get(GROUP, ""),
        volumes=volumes,
    )


def _complete(instance: FoundInstance, volumes: Sequence[Volume]) -> FoundInstance:
    roots = {volume.id for volume in instance.volumes if volume.root}
    known = tuple(sorted((replace(volume, root=volume.id in roots) for volume in volumes), key=lambda v: v.id))
    return replace(instance, volumes=known or instance.volumes)


def _volume(item: Mapping[str, Any], attached: Mapping[str, Any], zone_ids: Mapping[str, str]) -> Volume:
    return Volume(
        id=item["VolumeId"],
        gib=item["Size"],
        type=item.get("VolumeType", ""),
        zone_id=zone_ids.get(item.get("AvailabilityZone", ""), ""),
        root=False,
        encrypted=bool(item.get("Encrypted")),
        ends_with_instance=bool(attached.get("DeleteOnTermination")),
    )


def _chunks(values: Sequence[str], most: int) -> Iterator[list[str]]:
    for start in range(0, len(values), most):
        yield list(values[start : start + most])
