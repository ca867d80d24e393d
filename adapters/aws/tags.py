"""Tags that say which cluster an instance, group or volume belongs to."""

from collections.abc import Iterable, Mapping
from typing import Any

OWNED = "kubernetes.io/cluster/"
"""Beginning of the tag key that Kubernetes' cloud providers look for; the cluster's name follows."""

CLUSTER_NAMES = ("eks:cluster-name", "aws:eks:cluster-name", "alpha.eksctl.io/cluster-name")
"""Tags that hold a cluster's name, set by EKS and by eksctl."""

NODE_GROUP_NAMES = ("eks:nodegroup-name", "alpha.eksctl.io/nodegroup-name", "karpenter.sh/nodepool")
"""Tags that hold the name of a node group."""

GROUP = "aws:autoscaling:groupName"


def tags_of(items: Iterable[Mapping[str, Any]] | None) -> dict[str, str]:
    """Tags as EC2 and Auto Scaling list them."""
    return {item["Key"]: item.get("Value", "") for item in items or ()}


def cluster_names(tags: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the clusters that tags speak of, each once, sorted."""
    named = {tags[key] for key in CLUSTER_NAMES if tags.get(key)}
    owned = {key.removeprefix(OWNED) for key in tags if key.startswith(OWNED)}
    return tuple(sorted(named | owned))


def node_group_name(tags: Mapping[str, str]) -> str:
    """Name of the node group that tags speak of, empty when none does."""
    return next((tags[key] for key in NODE_GROUP_NAMES if tags.get(key)), "")
