"""Instances joined to Kubernetes nodes, and what a discovery means in the domain's words. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from adapters.aws.ports.discovery import FoundCluster, FoundInstance
from domain.fleet import Instance, Lifecycle
from domain.market import CapacityType

_PROVIDER_ID = re.compile(r"aws:///(?P<zone>[a-z0-9-]+)/(?P<id>i-[0-9a-f]{8,17})")

_LIFECYCLES = {CapacityType.SPOT: Lifecycle.SPOT, CapacityType.ON_DEMAND: Lifecycle.ON_DEMAND}


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Instances by the name of the node that each is.

    ``strays`` are instances of which Kubernetes knows no node: starting up, failed to join, or left behind. ``unseen``
    are names of nodes whose instance was not found: gone, of another account, or not of EC2 (Fargate).
    """

    instances: Mapping[str, FoundInstance]
    strays: tuple[FoundInstance, ...]
    unseen: tuple[str, ...]


def instance_id_of(provider_id: str) -> str:
    """The instance id in a node's ``spec.providerID``, empty where it holds none."""
    match = _PROVIDER_ID.fullmatch(provider_id)
    return match["id"] if match else ""


def join(instances: Iterable[FoundInstance], provider_ids: Mapping[str, str]) -> Joined:
    """Join instances to nodes; ``provider_ids`` are by the nodes' names."""
    known = {instance.id: instance for instance in instances}
    ids = {node: instance_id_of(provider_id) for node, provider_id in provider_ids.items()}
    taken = set(ids.values())
    return Joined(
        instances={node: known[name] for node, name in ids.items() if name in known},
        strays=tuple(instance for name, instance in sorted(known.items()) if name not in taken),
        unseen=tuple(sorted(node for node, name in ids.items() if name not in known)),
    )


def to_instances(
    found: FoundCluster,
    *,
    organization_id: UUID,
    cluster_id: UUID,
    prices: Mapping[tuple[str, str, CapacityType], int],
    seen_at: datetime,
) -> tuple[Instance, ...]:
    """Instances of a cluster as they are stored.

    Parameters
    ----------
    prices
        Micro-USD per hour by instance type, zone id and capacity type.
    seen_at
        UTC.
    """
    return tuple(
        Instance(
            organization_id=organization_id,
            cluster_id=cluster_id,
            instance_id=one.id,
            instance_type=one.instance_type,
            lifecycle=_LIFECYCLES[one.capacity_type],
            zone_name=one.zone.name,
            zone_id=one.zone.id,
            seen_at=seen_at,
            price_micro_usd_per_h=prices.get((one.instance_type, one.zone.id, one.capacity_type)),
            cpu_utilization=one.cpu_utilization,
        )
        for one in sorted(found.instances, key=lambda one: one.id)
    )
