"""What runs in an account: EKS clusters with their node groups, Auto Scaling groups, instances and volumes."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from adapters.aws.ports.access import Role
from adapters.aws.ports.executor import GroupSize, TemplateRef
from domain.market import CapacityType, Zone
from domain.validate import require_utc


class Phase(StrEnum):
    """What a discovery is at, in this order."""

    SIGN_IN = "sign_in"
    CLUSTERS = "clusters"
    GROUPS = "groups"
    INSTANCES = "instances"
    USAGE = "usage"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a discovery is: ``done`` of ``total`` steps of the whole account, and what it has found so far."""

    account_id: str
    region: str
    phase: Phase
    done: int
    total: int
    clusters: int = 0
    instances: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """A subnet and its zone: what a launch needs to know to reach a pool."""

    id: str
    zone: Zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """An attached EBS volume. ``root`` ones come and go with their instance."""

    id: str
    gib: int
    type: str
    zone_id: str
    root: bool
    encrypted: bool = False
    ends_with_instance: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundInstance:
    """An instance of a cluster.

    Parameters
    ----------
    node_group, scaling_group
        Names, empty where it has none (a node of Karpenter's has no scaling group).
    cpu_utilization
        Mean of the last minutes by CloudWatch, 0..1, absent where it was not asked or nobody measured it.
    """

    id: str
    instance_type: str
    zone: Zone
    capacity_type: CapacityType
    state: str
    launched_at: datetime
    private_dns: str = ""
    subnet_id: str = ""
    node_group: str = ""
    scaling_group: str = ""
    volumes: tuple[Volume, ...] = ()
    cpu_utilization: float | None = None

    def __post_init__(self) -> None:
        require_utc(launched_at=self.launched_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingGroup:
    """An Auto Scaling group of a cluster, with what a launch beside it needs.

    Parameters
    ----------
    template
        Its launch template with the number of the version that is in force, absent where it has none.
    suspended
        Processes that are suspended; AZRebalance should be where members are terminated one by one.
    """

    name: str
    size: GroupSize
    template: TemplateRef | None
    subnets: tuple[Subnet, ...]
    instance_types: tuple[str, ...] = ()
    suspended: tuple[str, ...] = ()
    capacity_rebalance: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeGroup:
    """A node group that EKS manages. Its nodes are the members of its scaling groups."""

    name: str
    status: str
    capacity_type: CapacityType
    scaling_groups: tuple[str, ...]
    instance_types: tuple[str, ...] = ()
    image_type: str = ""
    release: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCluster:
    """An EKS cluster. ``notes`` say what could not be seen of it, and why."""

    name: str
    region: str
    arn: str
    status: str
    kubernetes_version: str
    endpoint: str
    vpc_id: str
    created_at: datetime | None = None
    node_groups: tuple[NodeGroup, ...] = ()
    scaling_groups: tuple[ScalingGroup, ...] = ()
    instances: tuple[FoundInstance, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Region and name: unique in an account."""
        return (self.region, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An account as it was seen.

    Parameters
    ----------
    zones
        The account's own zone names, by region.
    blind
        Regions that could not be seen, and why: nothing may be concluded from their silence.
    """

    account_id: str
    at: datetime
    clusters: tuple[FoundCluster, ...]
    zones: Mapping[str, tuple[Zone, ...]] = field(default_factory=dict)
    blind: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_utc(at=self.at)

    def zone_ids(self, region: str) -> dict[str, str]:
        """Zone ids by the account's zone names."""
        return {zone.name: zone.id for zone in self.zones.get(region, ())}


class Discovery(Protocol):
    """Looks into accounts."""

    async def discover(
        self,
        role: Role,
        *,
        regions: Sequence[str],
        measured: Collection[str] = (),
        with_usage: bool = True,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> Found:
        """See what runs in an account.

        Parameters
        ----------
        regions
            Where to look.
        measured
            ARNs of clusters whose agent measures usage: CloudWatch is asked for the others only.
        with_usage
            Whether CloudWatch is asked at all. The customer pays for it (0.01 USD for 1 000 instances, CloudWatch
            pricing, read 2026-10), so once an hour is enough.
        on_progress
            Told of each step, on the caller's event loop.

        Raises
        ------
        DeniedError
            The role does not let us in. A region that cannot be seen raises nothing: `Found.blind` names it.
        TransientError
            No region could be seen.
        """
