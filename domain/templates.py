"""Node templates of organisations, as they are kept."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.validate import require_utc


class TemplateStrategy(StrEnum):
    """What nodes of a template are bought as."""

    SPOT = "spot"
    SPOT_WITH_FALLBACK = "spot_with_fallback"
    HYBRID = "hybrid"
    ON_DEMAND = "on_demand"


class TemplateArchitecture(StrEnum):
    """Architectures in EC2's words."""

    X86_64 = "x86_64"
    ARM64 = "arm64"


class DiskType(StrEnum):
    """EBS volume types that boot a node."""

    GP2 = "gp2"
    GP3 = "gp3"
    IO1 = "io1"
    IO2 = "io2"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSpec:
    """What a node template says, without whose it is. ``on_demand_percent`` is for hybrids, 0 otherwise."""

    name: str
    families: tuple[str, ...]
    architecture: TemplateArchitecture
    strategy: TemplateStrategy
    on_demand_percent: int = 0
    disk_type: DiskType = DiskType.GP3
    disk_gib: int = 50
    is_default: bool = False

    def __post_init__(self) -> None:
        if not self.name or not self.families:
            raise ValueError("a node template has a name and at least one family")
        if not 1 <= self.disk_gib <= 16_384:
            raise ValueError(f"disk_gib must be within 1..16384, not {self.disk_gib}")
        if (self.strategy == TemplateStrategy.HYBRID) != (0 < self.on_demand_percent < 100):
            raise ValueError("on_demand_percent is within 1..99 for hybrids and 0 otherwise")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTemplate:
    """A node template of an organisation; its name is unique there, and one at most is the default."""

    id: UUID
    organization_id: UUID
    spec: TemplateSpec
    created_at: datetime
    updated_at: datetime

    def __post_init__(self) -> None:
        require_utc(created_at=self.created_at, updated_at=self.updated_at)


DEFAULT_TEMPLATES = (
    TemplateSpec(
        name="General Purpose - Balanced",
        families=("m5", "m6i", "m7i"),
        architecture=TemplateArchitecture.X86_64,
        strategy=TemplateStrategy.SPOT_WITH_FALLBACK,
        is_default=True,
    ),
    TemplateSpec(
        name="Compute Optimized - High Performance",
        families=("c5", "c6i", "c7i"),
        architecture=TemplateArchitecture.X86_64,
        strategy=TemplateStrategy.SPOT,
    ),
    TemplateSpec(
        name="Memory Optimized - Large Workloads",
        families=("r5", "r6i", "r7i"),
        architecture=TemplateArchitecture.X86_64,
        strategy=TemplateStrategy.HYBRID,
        on_demand_percent=50,
    ),
    TemplateSpec(
        name="ARM-Based - Cost Efficient",
        families=("t4g", "m6g", "c6g"),
        architecture=TemplateArchitecture.ARM64,
        strategy=TemplateStrategy.SPOT,
    ),
    TemplateSpec(
        name="GPU - AI/ML Workloads",
        families=("g4dn", "g5", "p3"),
        architecture=TemplateArchitecture.X86_64,
        strategy=TemplateStrategy.ON_DEMAND,
    ),
)
"""What every organisation starts with."""
