"""What a launch beside a node group needs, from what discovery has found. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.aws.ports.discovery import FoundCluster, ScalingGroup
from adapters.aws.ports.executor import Choice, TemplateRef
from domain.errors import RejectedError
from domain.market import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchBase:
    """Template and subnets to launch from. ``unreachable`` are pools in whose zone the group has no subnet."""

    template: TemplateRef
    choices: tuple[Choice, ...]
    unreachable: tuple[Pool, ...] = ()


def launch_base(cluster: FoundCluster, node_group: str, pools: Sequence[Pool]) -> LaunchBase:
    """Template and subnets of a node group for these pools, in their order.

    Parameters
    ----------
    node_group
        Name of a node group that EKS manages, of an Auto Scaling group, or of a group that nodes' tags name.

    Raises
    ------
    RejectedError
        The cluster has no such group, it has no launch template, or no subnet in any of the zones.
    """
    group = _group(cluster, node_group)
    if group.template is None:
        raise RejectedError(f"group {group.name} of cluster {cluster.name} has no launch template to launch from")
    # One subnet for each zone is all that a fleet takes; the first is the group's own preference.
    by_zone = {subnet.zone.id: subnet.id for subnet in reversed(group.subnets)}
    choices = tuple(Choice(pool=pool, subnet_id=by_zone[pool.zone_id]) for pool in pools if pool.zone_id in by_zone)
    if not choices:
        raise RejectedError(f"group {group.name} of cluster {cluster.name} has no subnet in any of the planned zones")
    unreachable = tuple(pool for pool in pools if pool.zone_id not in by_zone)
    return LaunchBase(template=group.template, choices=choices, unreachable=unreachable)


def _group(cluster: FoundCluster, name: str) -> ScalingGroup:
    managed = {group for one in cluster.node_groups if one.name == name for group in one.scaling_groups}
    tagged = {one.scaling_group for one in cluster.instances if one.node_group == name}
    wanted = managed | tagged | {name}
    for group in cluster.scaling_groups:
        if group.name in wanted:
            return group
    known = ", ".join(sorted(group.name for group in cluster.scaling_groups)) or "none"
    raise RejectedError(f"cluster {cluster.name} has no Auto Scaling group for {name}; it has: {known}")
