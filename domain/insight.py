"""What charts, reports and bills are made of. Money is micro-USD."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.validate import require_utc


class RecommendationKind(StrEnum):
    """Who recommends: the right-sizer, the packer, or the choice of Spot pools."""

    RIGHTSIZE = "rightsize"
    PACKING = "packing"
    SPOT = "spot"


class RecommendationStatus(StrEnum):
    """What became of it."""

    OPEN = "open"
    APPLIED = "applied"
    DISMISSED = "dismissed"
    SUPERSEDED = "superseded"


class SubscriptionStatus(StrEnum):
    """How a subscription stands. ``GRACE``: a payment failed, and the days to mend that are not over."""

    TRIAL = "trial"
    ACTIVE = "active"
    GRACE = "grace"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """Advice on one thing of a cluster. ``subject`` names it (``Deployment shop/web``, ``node ip-10-0-0-1``)."""

    id: UUID
    organization_id: UUID
    cluster_id: UUID
    kind: RecommendationKind
    subject: str
    status: RecommendationStatus
    text: str
    saving_micro_usd_per_month: int
    created_at: datetime
    details: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_utc(created_at=self.created_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingsHour:
    """One hour of one cluster: what it cost, and what it would have cost without us.

    ``baseline_micro_usd`` is as `domain.spend` defines it; a saving never exceeds it. ``spot_saving_micro_usd`` is the
    part of the saving that comes from Spot, below 0 where less of it is bought than before; packing is the rest.
    """

    organization_id: UUID
    cluster_id: UUID
    hour: datetime
    baseline_micro_usd: int
    actual_micro_usd: int
    spot_node_minutes: int
    on_demand_node_minutes: int
    spot_saving_micro_usd: int = 0

    def __post_init__(self) -> None:
        require_utc(hour=self.hour)
        if self.hour.minute or self.hour.second or self.hour.microsecond:
            raise ValueError("hour must be the beginning of an hour")
        if min(self.baseline_micro_usd, self.actual_micro_usd, self.spot_node_minutes, self.on_demand_node_minutes) < 0:
            raise ValueError("amounts of an hour must not be negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeEvent:
    """A notice of Stripe. Each id is handled once."""

    id: str
    event_type: str
    body: Mapping[str, object]
    received_at: datetime
    organization_id: UUID | None = None

    def __post_init__(self) -> None:
        require_utc(received_at=self.received_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What an organisation has subscribed to."""

    organization_id: UUID
    plan: str
    status: SubscriptionStatus
    updated_at: datetime
    stripe_customer_id: str = ""
    stripe_subscription_id: str = ""
    period_ends_at: datetime | None = None
    grace_ends_at: datetime | None = None

    def __post_init__(self) -> None:
        require_utc(updated_at=self.updated_at, period_ends_at=self.period_ends_at, grace_ends_at=self.grace_ends_at)
        if (self.status == SubscriptionStatus.GRACE) != (self.grace_ends_at is not None):
            raise ValueError("grace_ends_at is set during the days of grace, and only then")
