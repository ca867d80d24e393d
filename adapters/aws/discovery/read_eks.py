"""EKS: clusters and their node groups."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from adapters.aws.ports.discovery import FoundCluster, NodeGroup
from domain.market import CapacityType

PAGE = 100
"""Names of one page, EKS' own limit."""


def cluster_names(eks: Any) -> tuple[str, ...]:
    """Names of all clusters of a region."""
    pages = eks.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": PAGE})
    return tuple(name for page in pages for name in page["clusters"])


def cluster(eks: Any, name: str, *, region: str) -> FoundCluster:
    """A cluster without its nodes."""
    found = eks.describe_cluster(name=name)["cluster"]
    return FoundCluster(
        name=name,
        region=region,
        arn=found["arn"],
        status=found.get("status", ""),
        kubernetes_version=found.get("version", ""),
        endpoint=found.get("endpoint", ""),
        vpc_id=found.get("resourcesVpcConfig", {}).get("vpcId", ""),
        created_at=_utc(found.get("createdAt")),
    )


def node_groups(eks: Any, cluster_name: str) -> tuple[NodeGroup, ...]:
    """Node groups of a cluster."""
    pages = eks.get_paginator("list_nodegroups").paginate(clusterName=cluster_name, PaginationConfig={"PageSize": PAGE})
    names = [name for page in pages for name in page["nodegroups"]]
    answers = (eks.describe_nodegroup(clusterName=cluster_name, nodegroupName=name) for name in names)
    return tuple(_node_group(answer["nodegroup"]) for answer in answers)


def _node_group(found: Mapping[str, Any]) -> NodeGroup:
    groups = found.get("resources", {}).get("autoScalingGroups", [])
    return NodeGroup(
        name=found["nodegroupName"],
        status=found.get("status", ""),
        capacity_type=CapacityType.SPOT if found.get("capacityType") == "SPOT" else CapacityType.ON_DEMAND,
        scaling_groups=tuple(group["name"] for group in groups),
        instance_types=tuple(found.get("instanceTypes") or ()),
        image_type=found.get("amiType", ""),
        release=found.get("releaseVersion", ""),
        labels=dict(found.get("labels") or {}),
        taints=tuple(f"{t.get('key', '')}={t.get('value', '')}:{t.get('effect', '')}" for t in found.get("taints", [])),
    )


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None
