"""What a customer brings: AWS accounts, clusters and their keys, instances, policies."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from domain.validate import require_after, require_digest, require_utc

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
        PolicySection.STRATEGY: {"mode": "recommend", "rebalance": "ignore", "allocation": "capacity-optimized"},
        PolicySection.BINPACK: {"aggressiveness": 40, "eviction_cost_usd": 0.002, "payback_h": 24},
        PolicySection.FALLBACK: {"on_demand": True, "interruption_cost_h": 6},
        PolicySection.SPREAD: {"max_pool_share": 1, "max_loss_share": 0.5, "max_loss_probability": 1},
        PolicySection.RIGHTSIZE: {"mode": "recommendations"},
        PolicySection.BUFFER: {"percent": 20},
        PolicySection.CONSTRAINTS: {
            "families": [],
            "architectures": [],
            "allow_burstable": True,
            "allow_bare_metal": False,
            "dry_run": False,
        },
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
    """What is kept of an agent's heartbeat: the last one of each cluster. A ``node_count`` of 0 is not known."""

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
