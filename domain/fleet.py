"""What a customer brings: AWS accounts, clusters and their keys, instances, templates, policies, hibernation."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from domain.validate import require_after, require_digest, require_utc

HOURS_PER_WEEK = 168
KEY_PREFIX_CHARS = 8
"""Characters of an API key that are kept readable, so that people can tell their keys apart."""

_AWS_ACCOUNT = re.compile(r"[0-9]{12}")


class AccountStatus(StrEnum):
    """How far an AWS account is connected."""

    PENDING = "pending"
    SCANNING = "scanning"
    ACTIVE = "active"
    FAILED = "failed"


class ClusterStatus(StrEnum):
    """How a cluster stands: agent never seen, agent alive, agent silent, or cut off by its owner."""

    PENDING = "pending"
    ACTIVE = "active"
    SILENT = "silent"
    DISCONNECTED = "disconnected"


class Lifecycle(StrEnum):
    """How an instance was bought, in EC2's words."""

    SPOT = "spot"
    ON_DEMAND = "on_demand"


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


class PolicySection(StrEnum):
    """Parts of a cluster's policy, each changed on its own."""

    KARPENTER = "karpenter"
    STRATEGY = "strategy"
    BINPACK = "binpack"
    FALLBACK = "fallback"
    SPREAD = "spread"
    RIGHTSIZE = "rightsize"
    BUFFER = "buffer"
    CONSTRAINTS = "constraints"
    EXCLUSIONS = "exclusions"


Sections = Mapping[PolicySection, Mapping[str, object]]

DEFAULT_POLICY: Sections = MappingProxyType(
    {
        PolicySection.KARPENTER: {"enabled": False},
        PolicySection.STRATEGY: {"allocation": "capacity-optimized"},
        PolicySection.BINPACK: {"aggressiveness": 40},
        PolicySection.FALLBACK: {"on_demand": True},
        PolicySection.SPREAD: {"zones": True},
        PolicySection.RIGHTSIZE: {"mode": "recommendations"},
        PolicySection.BUFFER: {"percent": 20},
        PolicySection.CONSTRAINTS: {},
        PolicySection.EXCLUSIONS: {"namespaces": ["kube-system", "kube-public", "kube-node-lease"]},
    }
)
"""Policy of a cluster whose owner has set nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An AWS account that the customer lets us into by a role. ``external_id`` is ours and unique."""

    id: UUID
    organization_id: UUID
    aws_account_id: str
    role_arn: str
    external_id: str
    status: AccountStatus
    created_at: datetime
    updated_at: datetime
    status_reason: str = ""

    def __post_init__(self) -> None:
        require_utc(created_at=self.created_at, updated_at=self.updated_at)
        if not _AWS_ACCOUNT.fullmatch(self.aws_account_id):
            raise ValueError("aws_account_id must be 12 digits")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A Kubernetes cluster. One connected by hand, by its agent alone, has no account.

    Parameters
    ----------
    zone_ids
        The account's zone names and the ids behind them: ``{"us-east-1a": "use1-az6"}``.
    last_heartbeat_at, agent_version, node_count
        As the last heartbeat told; absent, empty and 0 before the first.
    """

    id: UUID
    organization_id: UUID
    name: str
    region: str
    status: ClusterStatus
    created_at: datetime
    updated_at: datetime
    account_id: UUID | None = None
    vpc_id: str = ""
    endpoint: str = ""
    kubernetes_version: str = ""
    zone_ids: Mapping[str, str] = field(default_factory=dict)
    last_heartbeat_at: datetime | None = None
    agent_version: str = ""
    node_count: int = 0

    def __post_init__(self) -> None:
        require_utc(created_at=self.created_at, updated_at=self.updated_at, last_heartbeat_at=self.last_heartbeat_at)
        if not self.name or not self.region:
            raise ValueError("a cluster has a name and a region")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """What is kept of an agent's heartbeat: the last one of each cluster."""

    cluster_id: UUID
    organization_id: UUID
    at: datetime
    agent_version: str = ""
    node_count: int = 0
    details: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_utc(at=self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """An agent's key, kept as its SHA-256 only."""

    id: UUID
    organization_id: UUID
    cluster_id: UUID
    key_hash: bytes = field(repr=False)
    prefix: str
    label: str
    created_at: datetime
    last_used_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_reason: str = ""

    def __post_init__(self) -> None:
        require_utc(created_at=self.created_at, expires_at=self.expires_at, revoked_at=self.revoked_at)
        require_digest("key_hash", self.key_hash)
        if len(self.prefix) != KEY_PREFIX_CHARS:
            raise ValueError(f"prefix must be {KEY_PREFIX_CHARS} characters, not {len(self.prefix)}")
        if self.expires_at is not None:
            require_after(self.expires_at, self.created_at, what="expires_at after created_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHolder:
    """Whom an API key speaks for, and all that the gateway needs to answer without asking again."""

    api_key_id: UUID
    cluster_id: UUID
    organization_id: UUID
    region: str
    zone_ids: Mapping[str, str]
    cluster_status: ClusterStatus
    suspended: bool
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_reason: str = ""

    def is_valid(self, now: datetime) -> bool:
        """Whether the key opens anything at this time (UTC)."""
        if self.revoked_at is not None or self.suspended or self.cluster_status == ClusterStatus.DISCONNECTED:
            return False
        return self.expires_at is None or self.expires_at > now


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedKey:
    """The signing key that belongs to an API key, encrypted. ``key_id`` is what the agent is told."""

    api_key_id: UUID
    organization_id: UUID
    cluster_id: UUID
    key_id: str
    sealed: bytes = field(repr=False)
    created_at: datetime

    def __post_init__(self) -> None:
        require_utc(created_at=self.created_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """An EC2 instance of a cluster. Money is micro-USD per hour; utilisation 0..1, absent when nobody measured it."""

    organization_id: UUID
    cluster_id: UUID
    instance_id: str
    instance_type: str
    lifecycle: Lifecycle
    zone_name: str
    zone_id: str
    seen_at: datetime
    price_micro_usd_per_h: int | None = None
    cpu_utilization: float | None = None
    memory_utilization: float | None = None

    def __post_init__(self) -> None:
        require_utc(seen_at=self.seen_at)
        for name, share in (("cpu", self.cpu_utilization), ("memory", self.memory_utilization)):
            if share is not None and not 0 <= share <= 1:
                raise ValueError(f"{name}_utilization must be within 0..1, not {share}")
        if self.price_micro_usd_per_h is not None and self.price_micro_usd_per_h < 0:
            raise ValueError("price_micro_usd_per_h must not be negative")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterPolicy:
    """A cluster's policy with the defaults filled in. ``version`` is 0 while nothing was ever set."""

    cluster_id: UUID
    organization_id: UUID
    sections: Sections
    version: int = 0
    updated_at: datetime | None = None

    def __post_init__(self) -> None:
        require_utc(updated_at=self.updated_at)
        if missing := set(PolicySection) - set(self.sections):
            raise ValueError(f"a policy has all sections, and misses {', '.join(sorted(missing))}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HibernationSchedule:
    """When a cluster is awake: one truth value per hour of the week, from Monday 00:00 in ``time_zone``."""

    cluster_id: UUID
    organization_id: UUID
    awake: tuple[bool, ...]
    time_zone: str
    updated_at: datetime
    prewarm: bool = True
    prewarm_minutes: int = 30
    enabled: bool = True

    def __post_init__(self) -> None:
        require_utc(updated_at=self.updated_at)
        if len(self.awake) != HOURS_PER_WEEK:
            raise ValueError(f"awake must have {HOURS_PER_WEEK} elements, not {len(self.awake)}")
        if not 0 <= self.prewarm_minutes <= 240:
            raise ValueError(f"prewarm_minutes must be within 0..240, not {self.prewarm_minutes}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HibernationException:
    """A day (in the schedule's time zone) on which the cluster is awake or asleep whatever the schedule says."""

    id: UUID
    cluster_id: UUID
    organization_id: UUID
    day: date
    awake: bool
    label: str
    created_at: datetime

    def __post_init__(self) -> None:
        require_utc(created_at=self.created_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class HibernationOverride:
    """Awake or asleep by hand, from one time to another."""

    id: UUID
    cluster_id: UUID
    organization_id: UUID
    awake: bool
    starts_at: datetime
    ends_at: datetime
    created_at: datetime

    def __post_init__(self) -> None:
        require_utc(starts_at=self.starts_at, ends_at=self.ends_at, created_at=self.created_at)
        require_after(self.ends_at, self.starts_at, what="ends_at after starts_at")
