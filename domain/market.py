"""What AWS sells: instance types, capacity pools, offerings, and the catalogue of a region."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from domain.resources import Resources


class CapacityType(StrEnum):
    """How an instance is bought."""

    SPOT = "spot"
    ON_DEMAND = "on-demand"


class Arch(StrEnum):
    """Processor architectures, in Kubernetes' words."""

    AMD64 = "amd64"
    ARM64 = "arm64"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Zone:
    """An availability zone. The id (``use1-az6``) is the same for every account; the name is not."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Pool:
    """A capacity pool: region, zone id, instance type."""

    region: str
    zone_id: str
    instance_type: str

    def __str__(self) -> str:
        return f"{self.instance_type} in {self.zone_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceType:
    """An EC2 instance type as a Kubernetes node.

    ``allocatable`` is what pods fit into on EKS: capacity less kube-reserved, system-reserved and eviction threshold,
    with ``pods`` the ENI limit. ``memory_bytes`` is the nominal memory. Extended resources carry GPUs and accelerators.
    """

    name: str
    arch: Arch
    vcpu: int
    memory_bytes: int
    allocatable: Resources
    gpu_count: int = 0
    gpu_name: str = ""
    local_nvme_gb: int = 0
    bare_metal: bool = False
    burstable: bool = False
    current_generation: bool = True
    spot: bool = True

    @property
    def family(self) -> str:
        """``m6i`` of ``m6i.2xlarge``."""
        return self.name.partition(".")[0]

    @property
    def size(self) -> str:
        """``2xlarge`` of ``m6i.2xlarge``."""
        return self.name.partition(".")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offering:
    """A pool at one capacity type with its price.

    ``interruption_per_month`` is the probability (0..1) that AWS takes one such node within a month of 730 h; 0 for
    on-demand. ``price_known_by_zone`` is false when the price is the mean of the region.
    """

    pool: Pool
    zone: Zone
    capacity_type: CapacityType
    price_usd_per_h: float
    interruption_per_month: float = 0.0
    price_known_by_zone: bool = False

    def __post_init__(self) -> None:
        if not self.price_usd_per_h > 0:
            raise ValueError(f"price of {self.pool} must be above 0, not {self.price_usd_per_h}")
        if not 0 <= self.interruption_per_month <= 1:
            raise ValueError(f"interruption_per_month of {self.pool} must be within 0..1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Types and offerings of one region, as of a date, with offerings for exactly the zones asked for."""

    region: str
    as_of: date
    types: Mapping[str, InstanceType]
    offerings: tuple[Offering, ...]
    notes: tuple[str, ...] = field(default=())

    def price(self, instance_type: str, *, zone_id: str, capacity_type: CapacityType) -> float | None:
        """USD per hour of an offering, ``None`` when there is none. Linear: index it when you need many."""
        pool = Pool(region=self.region, zone_id=zone_id, instance_type=instance_type)
        prices = (o.price_usd_per_h for o in self.offerings if o.pool == pool and o.capacity_type == capacity_type)
        return next(prices, None)
