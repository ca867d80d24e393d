"""Twins of what belongs to the platform: pools, audit, configuration, clock, figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from adapters.postgres.memory.tables import MemoryRepository, by_age, page_of
from domain.audit import (
    AuditEntry,
    AuditQuery,
    AuditRow,
    ChainReport,
    ChainStart,
    chain,
    chain_id,
    problem_of,
    problem_of_end,
)
from domain.config import DEFAULT_CONFIG
from domain.errors import InvariantError
from domain.insight import Recommendation, RecommendationStatus, SavingsHour, StripeEvent, Subscription
from domain.market import Pool
from domain.paging import Page, PageRequest
from domain.tenancy import DEFAULT_AUDIT_RETENTION_DAYS, Organization
from domain.work import ClockRun, PoolEvidence, PoolFlag


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A row of the configuration."""

    key: str
    value: str


DEFAULT_CONFIG_ROWS = tuple(Setting(key=key, value=default.value) for key, default in DEFAULT_CONFIG.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where a chain ends, and behind which row it begins."""

    organization_id: UUID | None
    start: ChainStart
    head: ChainStart


class MemoryPools(MemoryRepository):
    """Twin of `Pools`."""

    async def add_evidence(self, evidence: Sequence[PoolEvidence]) -> tuple[UUID, ...]:
        """Keep what was seen."""
        self._view.platform_only()
        return tuple(seen.id for seen in evidence if self._add(seen))

    async def evidence(self, since: datetime, pool: Pool | None = None) -> tuple[PoolEvidence, ...]:
        """What was seen since then."""
        self._view.platform_only()
        seen = self._view.all(PoolEvidence, lambda e: e.at >= since and pool in (None, e.pool))
        return tuple(sorted(seen, key=lambda e: (e.at, e.id)))

    async def flag(self, flags: Sequence[PoolFlag]) -> None:
        """Flag pools."""
        self._view.platform_only()
        for flag in flags:
            old = self._view.get(PoolFlag, flag.pool)
            if old is None or old.until < flag.until:
                self._view.put(flag.pool, flag)

    async def unflag(self, pool: Pool) -> bool:
        """Take a flag away, and the evidence that spoke for it."""
        self._view.platform_only()
        self._view.drop_all(PoolEvidence, lambda seen: seen.pool == pool)
        return self._view.drop(PoolFlag, pool)

    async def flags(self, now: datetime) -> tuple[PoolFlag, ...]:
        """Flags that hold now."""
        self._view.platform_only()
        return tuple(sorted(self._view.all(PoolFlag, lambda flag: flag.until > now), key=lambda flag: flag.pool))

    async def prune(self, before: datetime) -> int:
        """Delete evidence and flags from before that time."""
        self._view.platform_only()
        gone = self._view.drop_all(PoolEvidence, lambda seen: seen.at < before)
        return gone + self._view.drop_all(PoolFlag, lambda flag: flag.until < before)

    def _add(self, seen: PoolEvidence) -> bool:
        mine = (seen.cluster_id, seen.kind, seen.instance_id)
        if seen.instance_id and self._view.exists(
            PoolEvidence, lambda e: (e.cluster_id, e.kind, e.instance_id) == mine
        ):
            return False
        return self._view.insert(seen.id, seen)


class MemoryAuditLog(MemoryRepository):
    """Twin of `AuditLog`. Rows are kept by their entry's id."""

    async def append(self, entries: Sequence[AuditEntry]) -> tuple[AuditRow, ...]:
        """Add entries to their chains."""
        rows: list[AuditRow] = []
        for entry in sorted(entries, key=lambda entry: chain_id(entry.organization_id)):
            if self._view.tenant not in (None, entry.organization_id):
                raise InvariantError("this audit chain belongs to another tenant")
            head = self._head(entry.organization_id)
            (row,) = chain((entry,), head.head)
            self._view.insert_new(entry.id, row)
            self._view.put(entry.organization_id, replace(head, head=ChainStart(seq=row.seq, hash=row.hash)))
            rows.append(row)
        return tuple(rows)

    async def page(self, organization_id: UUID | None, query: AuditQuery, request: PageRequest) -> Page[AuditRow]:
        """Entries of one chain, newest first."""
        rows = {row.entry.id: row for row in self._rows(organization_id) if query.matches(row.entry)}
        found = page_of([row.entry for row in rows.values()], request, by=("at", "id"))
        return Page(items=tuple(rows[entry.id] for entry in found.items), next=found.next)

    async def get(self, entry_id: UUID) -> AuditRow | None:
        """One entry."""
        row = self._view.get(AuditRow, entry_id)
        return row if row is not None and self._view.tenant in (None, row.entry.organization_id) else None

    async def verify(self, organization_id: UUID | None) -> ChainReport:
        """Check one chain."""
        head = self._head(organization_id)
        checked = head.start
        for row in self._rows(organization_id):
            if problem := problem_of(row, checked):
                return _report(head, checked, checked.seq + 1, problem=problem)
            checked = ChainStart(seq=row.seq, hash=row.hash)
        problem = problem_of_end(checked, head.head)
        return _report(head, checked, min(checked.seq + 1, head.head.seq) if problem else None, problem=problem)

    async def chains(self) -> tuple[UUID | None, ...]:
        """Whose chains there are."""
        self._view.platform_only()
        return tuple(sorted((head.organization_id for head in self._view.all(Head)), key=chain_id))

    async def archive(self, organization_id: UUID, now: datetime) -> tuple[AuditRow, ...]:
        """Cut off what is older than the organisation's retention, and hand it out."""
        owner = self._view.get(Organization, organization_id)
        days = owner.audit_retention_days if owner else DEFAULT_AUDIT_RETENTION_DAYS
        rows = self._rows(organization_id)
        old = [row.seq for row in rows if row.entry.at < now - timedelta(days=days)]
        gone = [row for row in rows if row.seq <= max(old, default=0)]
        for row in gone:
            self._view.drop(AuditRow, row.entry.id)
        if gone:
            start = ChainStart(seq=gone[-1].seq, hash=gone[-1].hash)
            self._view.put(organization_id, replace(self._head(organization_id), start=start))
        return tuple(gone)

    def _head(self, organization_id: UUID | None) -> Head:
        fresh = Head(organization_id=organization_id, start=ChainStart(), head=ChainStart())
        return self._view.get(Head, organization_id) or fresh

    def _rows(self, organization_id: UUID | None) -> list[AuditRow]:
        if self._view.tenant not in (None, organization_id):
            return []
        own = self._view.all(AuditRow, lambda row: row.entry.organization_id == organization_id)
        return sorted(own, key=lambda row: row.seq)


class MemoryConfig(MemoryRepository):
    """Twin of `Config`."""

    async def all(self) -> Mapping[str, str]:
        """All of them."""
        return {row.key: row.value for row in sorted(self._view.all(Setting), key=lambda row: row.key)}

    async def get(self, key: str) -> str | None:
        """One of them."""
        found = self._view.get(Setting, key)
        return None if found is None else found.value

    async def set(self, key: str, value: str, *, by: str, now: datetime) -> str | None:
        """Change one."""
        self._view.platform_only()
        before = await self.get(key)
        self._view.put(key, Setting(key=key, value=value))
        return before


class MemoryClockRuns(MemoryRepository):
    """Twin of `ClockRuns`."""

    async def begin(self, job: str, due_at: datetime, *, now: datetime, stale_before: datetime) -> bool:
        """Claim a run."""
        self._view.platform_only()
        old = self._view.get(ClockRun, (job, due_at))
        if old is not None and (old.done_at is not None or old.started_at >= stale_before):
            return False
        self._view.put((job, due_at), ClockRun(job=job, due_at=due_at, started_at=now))
        return True

    async def finish(self, job: str, due_at: datetime, *, now: datetime, error: str = "") -> bool:
        """Note that a run has ended."""
        self._view.platform_only()
        run = self._view.get(ClockRun, (job, due_at))
        if run is None or run.done_at is not None:
            return False
        self._view.put((job, due_at), replace(run, done_at=now, error=error))
        return True

    async def last_due(self, job: str) -> datetime | None:
        """When the youngest run that has ended was due."""
        return max((run.due_at for run in await self.history(job, 1 << 30) if run.done_at is not None), default=None)

    async def history(self, job: str, limit: int = 50) -> tuple[ClockRun, ...]:
        """Runs, youngest first."""
        self._view.platform_only()
        runs = self._view.all(ClockRun, lambda run: run.job == job)
        return tuple(sorted(runs, key=lambda run: run.due_at, reverse=True)[:limit])

    async def prune(self, due_before: datetime) -> int:
        """Delete old runs that have ended."""
        self._view.platform_only()
        ended = self._view.all(ClockRun, lambda run: run.done_at is not None)
        youngest = {run.job: run.due_at for run in sorted(ended, key=lambda run: run.due_at)}
        old = [run for run in ended if run.due_at < due_before and run.due_at < youngest[run.job]]
        return sum(self._view.drop(ClockRun, (run.job, run.due_at)) for run in old)


class MemoryInsights(MemoryRepository):
    """Twin of `Insights`."""

    async def add_savings(self, hours: Sequence[SavingsHour]) -> None:
        """Keep hours."""
        for hour in hours:
            self._view.put((hour.cluster_id, hour.hour), hour)

    async def prepare_months(self, today: date) -> int:
        """Nothing to prepare, whatever the day."""
        self._view.platform_only()
        return 0

    async def savings(
        self, organization_id: UUID, *, since: datetime, until: datetime, cluster_id: UUID | None = None
    ) -> tuple[SavingsHour, ...]:
        """Hours, oldest first."""
        own = self._view.all(SavingsHour, lambda hour: hour.organization_id == organization_id)
        asked = [h for h in own if since <= h.hour < until and cluster_id in (None, h.cluster_id)]
        return tuple(sorted(asked, key=lambda hour: (hour.hour, hour.cluster_id)))

    async def recommend(self, recommendations: Sequence[Recommendation]) -> None:
        """Keep advice."""
        for new in recommendations:
            mine = (new.cluster_id, new.kind, new.subject)
            for old in self._open(new.cluster_id):
                if (old.cluster_id, old.kind, old.subject) == mine:
                    self._view.put(old.id, replace(old, status=RecommendationStatus.SUPERSEDED))
            self._view.insert_new(new.id, new)

    async def recommendations(self, cluster_id: UUID, request: PageRequest) -> Page[Recommendation]:
        """Open advice, newest first."""
        return page_of(self._open(cluster_id), request)

    async def resolve(self, recommendation_id: UUID, status: RecommendationStatus, now: datetime) -> bool:
        """Note what became of open advice."""
        found = self._view.get(Recommendation, recommendation_id)
        if found is None or found.status != RecommendationStatus.OPEN:
            return False
        self._view.put(found.id, replace(found, status=status))
        return True

    async def receive(self, event: StripeEvent) -> bool:
        """Keep a notice of Stripe once."""
        self._view.platform_only()
        return self._view.insert(event.id, event)

    async def subscribe(self, subscription: Subscription) -> None:
        """Keep how a subscription stands."""
        self._view.platform_only()
        old = self._view.get(Subscription, subscription.organization_id)
        if old is None or old.updated_at < subscription.updated_at:
            self._view.put(subscription.organization_id, subscription)

    async def subscription(self, organization_id: UUID) -> Subscription | None:
        """How it stands."""
        return self._view.get(Subscription, organization_id)

    def _open(self, cluster_id: UUID) -> tuple[Recommendation, ...]:
        own = self._view.all(Recommendation, lambda r: r.cluster_id == cluster_id)
        return tuple(by_age([r for r in own if r.status == RecommendationStatus.OPEN]))


def _report(head: Head, checked: ChainStart, broken: int | None, *, problem: str) -> ChainReport:
    rows = checked.seq - head.start.seq
    return ChainReport(organization_id=head.organization_id, rows=rows, broken_seq=broken, problem=problem)
