"""Auto Scaling groups with their launch templates and subnets."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from adapters.aws.executor.status import MOST_FILTER_VALUES, group_of
from adapters.aws.ports.discovery import ScalingGroup, Subnet
from adapters.aws.ports.executor import TemplateRef
from adapters.aws.tags import OWNED, cluster_names, tags_of
from domain.market import Zone

PAGE = 100
"""Groups of one page, Auto Scaling's own limit."""

Raw = Mapping[str, Any]


def groups(autoscaling: Any, names_of_clusters: Sequence[str]) -> dict[str, list[Raw]]:
    """Groups by the cluster that their tags name, as Auto Scaling lists them."""
    found: dict[str, list[Raw]] = {name: [] for name in names_of_clusters}
    for item in _groups_tagged(autoscaling, [OWNED + name for name in names_of_clusters]):
        for name in cluster_names(tags_of(item.get("Tags"))):
            if name in found:
                found[name].append(item)
    return found


def template_ids(items: Sequence[Raw]) -> list[str]:
    """Ids of the launch templates of groups, each once, sorted."""
    return sorted({spec["LaunchTemplateId"] for item in items if (spec := _template(item))})


def template_versions(ec2: Any, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """Numbers that ``$Default`` and ``$Latest`` stand for, by launch template id. EC2 has no filter by id here."""
    versions: dict[str, dict[str, str]] = {}
    for some in _chunks(ids):
        for template in ec2.describe_launch_templates(LaunchTemplateIds=some)["LaunchTemplates"]:
            versions[template["LaunchTemplateId"]] = {
                "$Default": str(template["DefaultVersionNumber"]),
                "$Latest": str(template["LatestVersionNumber"]),
            }
    return versions


def subnets(ec2: Any, items: Sequence[Raw], zone_ids: Mapping[str, str]) -> dict[str, Subnet]:
    """Subnets of groups, by id."""
    ids = sorted({name for item in items for name in _subnet_ids(item)})
    found: dict[str, Subnet] = {}
    for some in _chunks(ids):
        filters = [{"Name": "subnet-id", "Values": some}]
        for page in ec2.get_paginator("describe_subnets").paginate(
            Filters=filters, PaginationConfig={"PageSize": MOST_FILTER_VALUES}
        ):
            for subnet in page["Subnets"]:
                name = subnet["AvailabilityZone"]
                zone = Zone(id=subnet.get("AvailabilityZoneId") or zone_ids.get(name, ""), name=name)
                found[subnet["SubnetId"]] = Subnet(id=subnet["SubnetId"], zone=zone)
    return found


def scaling_group(
    item: Raw, *, versions: Mapping[str, Mapping[str, str]], known_subnets: Mapping[str, Subnet]
) -> ScalingGroup:
    """One group, its template's version resolved to a number."""
    status = group_of(item)
    return ScalingGroup(
        name=status.name,
        size=status.size,
        template=_template_ref(item, versions),
        subnets=tuple(known_subnets[name] for name in _subnet_ids(item) if name in known_subnets),
        instance_types=tuple(_instance_types(item)),
        suspended=status.suspended,
        capacity_rebalance=bool(item.get("CapacityRebalance")),
    )


def _groups_tagged(autoscaling: Any, keys: Sequence[str]) -> Iterator[Raw]:
    for some in _chunks(keys):
        filters = [{"Name": "tag-key", "Values": some}]
        for page in autoscaling.get_paginator("describe_auto_scaling_groups").paginate(
            Filters=filters, PaginationConfig={"PageSize": PAGE}
        ):
            yield from page["AutoScalingGroups"]


def _template(item: Raw) -> Raw | None:
    """The launch template of a group, whichever of the two ways it names one. Launch configurations are none."""
    if spec := item.get("LaunchTemplate"):
        return dict(spec)
    mixed = item.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {}).get("LaunchTemplateSpecification")
    return dict(mixed) if mixed and "LaunchTemplateId" in mixed else None


def _template_ref(item: Raw, versions: Mapping[str, Mapping[str, str]]) -> TemplateRef | None:
    spec = _template(item)
    if spec is None or spec["LaunchTemplateId"] not in versions:
        return None
    asked = str(spec.get("Version") or "$Default")
    number = versions[spec["LaunchTemplateId"]].get(asked, asked)
    return TemplateRef(id=spec["LaunchTemplateId"], version=number) if number.isdigit() else None


def _subnet_ids(item: Raw) -> list[str]:
    return [name.strip() for name in item.get("VPCZoneIdentifier", "").split(",") if name.strip()]


def _instance_types(item: Raw) -> Iterator[str]:
    for override in item.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {}).get("Overrides", []):
        if "InstanceType" in override:
            yield override["InstanceType"]


def _chunks(values: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(values), MOST_FILTER_VALUES):
        yield list(values[start : start + MOST_FILTER_VALUES])
