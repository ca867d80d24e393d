"""When clusters sleep: schedules, exceptions, overrides."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from domain.validate import require_after, require_utc

HOURS_PER_WEEK = 168


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
