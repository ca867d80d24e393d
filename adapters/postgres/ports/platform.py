"""What belongs to the platform rather than to a cluster: pools, audit, configuration, clock, figures."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from domain.audit import AuditEntry, AuditQuery, AuditRow, ChainReport
from domain.insight import Recommendation, RecommendationStatus, SavingsHour, StripeEvent, Subscription
from domain.market import Pool
from domain.paging import Page, PageRequest
from domain.work import ClockRun, PoolEvidence, PoolFlag


class Pools(Protocol):
    """What was seen of capacity pools, and which of them are flagged (platform scope)."""

    async def add_evidence(self, evidence: Sequence[PoolEvidence]) -> tuple[UUID, ...]:
        """Keep what was seen; ids of what was not known before. One instance counts once per kind and cluster."""

    async def evidence(self, since: datetime, pool: Pool | None = None) -> tuple[PoolEvidence, ...]:
        """What was seen since then, of one pool or of all, oldest first, at most 10 000."""

    async def flag(self, flags: Sequence[PoolFlag]) -> None:
        """Flag pools; a flag is never shortened."""

    async def unflag(self, pool: Pool) -> bool:
        """Take a flag away, and the evidence that spoke for it: it would flag the pool again after a restart."""

    async def flags(self, now: datetime) -> tuple[PoolFlag, ...]:
        """Flags that hold now, by pool."""

    async def prune(self, before: datetime) -> int:
        """Delete evidence and flags from before that time."""


class AuditLog(Protocol):
    """The append-only log. A tenant's transaction sees and extends its own chain, the platform's all of them."""

    async def append(self, entries: Sequence[AuditEntry]) -> tuple[AuditRow, ...]:
        """Add entries to their chains. Others who write to the same chain wait until this transaction ends."""

    async def page(self, organization_id: UUID | None, query: AuditQuery, request: PageRequest) -> Page[AuditRow]:
        """Entries of one chain, newest first."""

    async def get(self, entry_id: UUID) -> AuditRow | None:
        """One entry with what was before and after."""

    async def verify(self, organization_id: UUID | None) -> ChainReport:
        """Check one chain from its start to its head."""

    async def chains(self) -> tuple[UUID | None, ...]:
        """Whose chains there are, the platform's (``None``) first (platform scope)."""

    async def archive(self, organization_id: UUID, now: datetime) -> tuple[AuditRow, ...]:
        """Cut off what is older than the organisation's retention, and hand it out, oldest first, at most 10 000 rows.

        A checkpoint takes the place of the rows, so that the chain stays whole.
        """


class Config(Protocol):
    """Settings that admins change while the platform runs."""

    async def all(self) -> Mapping[str, str]:
        """All of them."""

    async def get(self, key: str) -> str | None:
        """One of them."""

    async def set(self, key: str, value: str, *, by: str, now: datetime) -> str | None:
        """Change one; what it was before."""


class ClockRuns(Protocol):
    """Runs of periodic jobs, so that missed ones are caught up (platform scope)."""

    async def begin(self, job: str, due_at: datetime, *, now: datetime, stale_before: datetime) -> bool:
        """Claim a run; false when it is done, or under way since ``stale_before`` or later."""

    async def finish(self, job: str, due_at: datetime, *, now: datetime, error: str = "") -> bool:
        """Note that a run has ended, and with what error."""

    async def last_due(self, job: str) -> datetime | None:
        """When the youngest run that has ended was due."""

    async def history(self, job: str, limit: int = 50) -> tuple[ClockRun, ...]:
        """Runs, youngest first."""

    async def prune(self, due_before: datetime) -> int:
        """Delete old runs that have ended; the youngest of each job stays."""


class Insights(Protocol):
    """Figures for charts and reports, and what Stripe tells."""

    async def add_savings(self, hours: Sequence[SavingsHour]) -> None:
        """Keep hours; a second figure of an hour replaces the first."""

    async def prepare_months(self, today: date) -> int:
        """Make partitions for this month and the next two, and say how many there were to make (platform scope)."""

    async def savings(
        self, organization_id: UUID, *, since: datetime, until: datetime, cluster_id: UUID | None = None
    ) -> tuple[SavingsHour, ...]:
        """Hours of an organisation or one of its clusters, oldest first; ``since`` included, ``until`` not."""

    async def recommend(self, recommendations: Sequence[Recommendation]) -> None:
        """Keep advice; open advice of the same kind on the same subject is superseded."""

    async def recommendations(self, cluster_id: UUID, request: PageRequest) -> Page[Recommendation]:
        """Open advice for a cluster, newest first."""

    async def resolve(self, recommendation_id: UUID, status: RecommendationStatus, now: datetime) -> bool:
        """Note what became of open advice."""

    async def receive(self, event: StripeEvent) -> bool:
        """Keep a notice of Stripe; false when it came before."""

    async def subscribe(self, subscription: Subscription) -> None:
        """Keep how an organisation's subscription stands; an older word never replaces a newer one."""

    async def subscription(self, organization_id: UUID) -> Subscription | None:
        """How it stands."""
