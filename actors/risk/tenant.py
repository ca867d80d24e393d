"""What one organisation may make others believe: a rate, a share of each region, a bounded memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from domain.commands import EvidenceKind
from domain.market import Pool

SAME_STORM = timedelta(minutes=1)
"""Evidence of one pool within as long is one storm and costs one token: AWS takes many nodes of a pool at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSettings:
    """Limits of the registry. Times in seconds.

    Parameters
    ----------
    ttl_s
        How long evidence keeps a pool flagged (GLOBAL_RISK_TTL).
    half_life_s
        In which the score of a pool falls by half.
    keep_s
        How long evidence is kept for the admin's map; also how long an instance is remembered as counted.
    burst, refill_per_h
        Token bucket of an organisation: pools it may speak of at once, and how fast that is given back.
    max_share
        Share of the pools of a region that one organisation may speak of to others within ``ttl_s``.
    region_pools
        Number of pools by region, from the catalogue.
    default_region_pools
        For regions that are not listed: the smallest region of the catalogue has about as many.
    """

    ttl_s: int = 1_800
    half_life_s: int = 3_600
    keep_s: int = 86_400
    burst: int = 60
    refill_per_h: int = 120
    max_share: float = 0.02
    region_pools: Mapping[str, int] = field(default_factory=dict)
    default_region_pools: int = 1_000

    def __post_init__(self) -> None:
        for name in ("ttl_s", "half_life_s", "keep_s", "burst", "refill_per_h", "default_region_pools"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 < self.max_share <= 1:
            raise ValueError(f"max_share must be above 0 and at most 1, not {self.max_share}")

    @property
    def ttl(self) -> timedelta:
        """``ttl_s`` as a duration."""
        return timedelta(seconds=self.ttl_s)

    def most_pools(self, region: str) -> int:
        """How many pools of a region one organisation may speak of at once."""
        return max(1, int(self.max_share * self.region_pools.get(region, self.default_region_pools)))


@dataclass(slots=True, kw_only=True)
class Tenant:
    """What is remembered of an organisation.

    ``spoken`` says when it last spoke of a pool to others; ``seen`` which events and instances have counted.
    """

    tokens: float
    refilled_at: datetime
    spoken: dict[Pool, datetime] = field(default_factory=dict)
    seen: dict[str, datetime] = field(default_factory=dict)

    def is_new(self, event_id: str, instance_id: str, *, kind: EvidenceKind, now: datetime, most: int) -> bool:
        """Whether neither the event nor the instance has counted; remembers both, the oldest make room."""
        marks = (f"event {event_id}", f"{kind} {instance_id}")
        if any(mark in self.seen for mark in marks):
            return False
        for mark in marks:
            while len(self.seen) >= most:
                del self.seen[next(iter(self.seen))]
            self.seen[mark] = now
        return True

    def may_speak(self, pool: Pool, settings: RiskSettings, *, now: datetime) -> str:
        """Why what it says of a pool does not count for others, empty when it does; takes a token then."""
        last = self.spoken.get(pool)
        if last is not None and now - last < SAME_STORM:
            return ""
        self._refill(settings, now)
        self.spoken = {one: at for one, at in self.spoken.items() if now - at < settings.ttl}
        of_region = sum(one.region == pool.region for one in self.spoken)
        if pool not in self.spoken and of_region >= settings.most_pools(pool.region):
            return f"it speaks of {of_region} pools of {pool.region} already"
        if self.tokens < 1:
            return "it speaks of too many pools in a short time"
        self.tokens -= 1
        self.spoken[pool] = now
        return ""

    def forget_before(self, moment: datetime) -> None:
        """Drop marks that are older."""
        self.seen = {mark: at for mark, at in self.seen.items() if at >= moment}

    def _refill(self, settings: RiskSettings, now: datetime) -> None:
        hours = max(0.0, (now - self.refilled_at).total_seconds()) / 3600
        self.tokens = min(float(settings.burst), self.tokens + hours * settings.refill_per_h)
        self.refilled_at = max(self.refilled_at, now)
