"""What a launch beside a node group needs, from what discovery has found. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from adapters.aws.ports.discovery import FoundCluster, ScalingGroup
from adapters.aws.ports.executor import Choice, TemplateRef
from domain.errors import RejectedError
from domain.market import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchBase:
    """Template to launch from, and the subnet of each zone by its id: a fleet takes one for each zone."""

    template: TemplateRef
    subnets: Mapping[str, str]

    def choices(self, pools: Iterable[Pool]) -> tuple[Choice, ...]:
        """The pools that can be reached, in their order; those in zones without a subnet are left out."""
        return tuple(
            Choice(pool=pool, subnet_id=self.subnets[pool.zone_id]) for pool in pools if pool.zone_id in self.subnets
        )


def launch_base(cluster: FoundCluster, node_group: str) -> LaunchBase:
    """What new nodes of a group are launched from.

    Parameters
    ----------
    node_group
        Name of a node group that EKS manages, of an Auto Scaling group, or of a group that nodes' tags name.

    Raises
    ------
    RejectedError
        The cluster has no such group, or it has no launch template or no subnet.
    """
    group = _group(cluster, node_group)
    if group.template is None:
        raise RejectedError(f"group {group.name} of cluster {cluster.name} has no launch template to launch from")
    # Where a zone has several subnets, the first is the group's own preference.
    subnets = {subnet.zone.id: subnet.id for subnet in reversed(group.subnets)}
    if not subnets:
        raise RejectedError(f"group {group.name} of cluster {cluster.name} has no subnet that could be seen")
    return LaunchBase(template=group.template, subnets=subnets)


def _group(cluster: FoundCluster, name: str) -> ScalingGroup:
    managed = {group for one in cluster.node_groups if one.name == name for group in one.scaling_groups}
    tagged = {one.scaling_group for one in cluster.instances if one.node_group == name}
    wanted = managed | tagged | {name}
    for group in cluster.scaling_groups:
        if group.name in wanted:
            return group
    known = ", ".join(sorted(group.name for group in cluster.scaling_groups)) or "none"
    raise RejectedError(f"cluster {cluster.name} has no Auto Scaling group for {name}; it has: {known}")
