"""The shared memory of risk. Evidence in, flags out; nothing here waits, reads a clock or talks to anybody.

When a pool is flagged for all
------------------------------
Each piece of evidence has a worth (`evidence.WEIGHTS`, halved when the service does not know the instance). A pool is
flagged for as long as the evidence of the last ``ttl_s`` seconds, the best piece of each organisation, is worth at
least one flag together. So an interruption of a known instance flags for all at once, an unknown one only for whoever
reports it until another organisation agrees, and evidence that adds nothing prolongs nothing.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from actors.risk.evidence import FLAG_AT, FLAGS_OWN, Evidence
from actors.risk.flags import ALL, FlagChange, FlagView
from actors.risk.tenant import RiskSettings, Tenant
from domain.commands import EvidenceKind
from domain.market import Pool

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
MAX_PER_POOL = 64
"""Sightings kept of one pool."""

MAX_POOLS = 50_000
"""Pools with sightings; AWS sells about as many in all regions."""

MAX_SEEN = 4_000
"""Events and instances remembered of one organisation: a thousand interruptions a day leave two thousand marks."""

MAX_OWN_FLAGS = 500
"""Pools that one organisation may have flagged for itself alone."""

MAX_ORGANISATION_SCORE = 2.0
"""Most that one organisation adds to the score of a pool, in interruptions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Evidence that was taken in. ``mute`` says why it does not count for others, empty when it does."""

    evidence: Evidence
    mute: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a piece of evidence: whether it was new, why it is mute, which flags have changed."""

    accepted: bool
    mute: str = ""
    changes: tuple[FlagChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a pool is to be avoided, as anybody may know it: no names.

    ``until`` is ``None`` when it is not flagged for whoever asks. ``for_all`` tells a flag of everybody from one's own.
    ``kinds`` counts the evidence by kind, ``organisations`` the distinct ones behind it, of the last ``ttl_s`` seconds.
    """

    pool: Pool
    until: datetime | None
    for_all: bool
    kinds: Mapping[EvidenceKind, int]
    organisations: int
    score: float

    def __str__(self) -> str:
        if self.until is None:
            return f"{self.pool} is not flagged"
        counted = ", ".join(f"{count} × {kind.replace('_', ' ')}" for kind, count in sorted(self.kinds.items()))
        who = f"{self.organisations} organisations" if self.organisations > 1 else "one organisation"
        scope = "for all" if self.for_all else "for you alone, until somebody else sees the same"
        return f"{self.pool} is flagged {scope} until {self.until:%H:%M} UTC: {counted}, seen by {who}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRisk:
    """A pool on the admin's map, with all that is known of it."""

    pool: Pool
    until: datetime | None
    score: float
    organisations: int
    sightings: tuple[Sighting, ...]


@dataclass(slots=True, kw_only=True)
class RiskRegistry:
    """All evidence and all flags."""

    settings: RiskSettings = field(default_factory=RiskSettings)
    now: datetime = BEGINNING
    sightings: dict[Pool, list[Sighting]] = field(default_factory=dict)
    tenants: dict[str, Tenant] = field(default_factory=dict)
    view: FlagView = field(default_factory=FlagView)

    def observe(self, evidence: Evidence) -> Verdict:
        """Take a piece of evidence in.

        Returns
        -------
        Whether it was new, and which flags are new or last longer now. Flags end by themselves; `tick` names those.
        """
        self.now = max(self.now, evidence.at)
        tenant = self._tenant(evidence.organisation)
        if not tenant.is_new(evidence.id, evidence.instance_id, kind=evidence.kind, now=self.now, most=MAX_SEEN):
            return Verdict(accepted=False, mute="counted already")
        mute = tenant.may_speak(evidence.pool, self.settings, now=self.now)
        self._keep(Sighting(evidence=evidence, mute=mute))
        changes = (*self._own_flag(evidence), *self._flag_for_all(evidence.pool))
        return Verdict(accepted=True, mute=mute, changes=changes)

    def check(self, pool: Pool, organisation: str, *, now: datetime) -> bool:
        """Whether an organisation is to avoid a pool."""
        return self.view.check(pool, organisation, now=now)

    def score(self, pool: Pool, *, now: datetime) -> float:
        """Risk of a pool, 0..1, falling by half every ``half_life_s``: 0.63 for one fresh interruption."""
        by_organisation: Counter[str] = Counter()
        for one in self._counted(pool):
            age_s = max(0.0, (now - one.at).total_seconds())
            by_organisation[one.organisation] += one.worth * 0.5 ** (age_s / self.settings.half_life_s)
        total = sum(min(MAX_ORGANISATION_SCORE, worth) for worth in by_organisation.values())
        return 1.0 - math.exp(-total)

    def explain(self, pool: Pool, organisation: str, *, now: datetime) -> Explanation:
        """Why an organisation is to avoid a pool, without naming others."""
        for_all = self.view.check(pool, ALL, now=now)
        flagged = self.check(pool, organisation, now=now)
        recent = [e.evidence for e in self.sightings.get(pool, ()) if now - e.evidence.at < self.settings.ttl]
        counted = {id(one) for one in self._counted(pool)}
        told = [one for one in recent if one.organisation == organisation or (for_all and id(one) in counted)]
        ends = [end for scope in (ALL, organisation) if (end := self.view.until(pool, scope)) is not None and end > now]
        return Explanation(
            pool=pool,
            until=max(ends) if flagged else None,
            for_all=for_all,
            kinds=Counter(one.kind for one in told) if flagged else {},
            organisations=len({one.organisation for one in told}) if flagged else 0,
            score=self.score(pool, now=now),
        )

    def map(self, *, now: datetime, region: str = "") -> tuple[PoolRisk, ...]:
        """All pools with evidence, the riskiest first: for admins only, it names organisations."""
        pools = [pool for pool in self.sightings if region in ("", pool.region)]
        rows = [self._row(pool, now) for pool in pools]
        return tuple(sorted(rows, key=lambda row: (-row.score, row.pool)))

    def tick(self, now: datetime) -> tuple[FlagChange, ...]:
        """Forget what is over, and name the flags that have ended."""
        self.now = max(self.now, now)
        oldest = self.now - timedelta(seconds=self.settings.keep_s)
        for pool in list(self.sightings):
            kept = [one for one in self.sightings[pool] if one.evidence.at >= oldest]
            if kept:
                self.sightings[pool] = kept
            else:
                del self.sightings[pool]
        for organisation, tenant in list(self.tenants.items()):
            tenant.forget_before(oldest)
            if not tenant.seen:
                del self.tenants[organisation]
        return self.view.drop_expired(self.now)

    def clear(self, pool: Pool) -> tuple[FlagChange, ...]:
        """Take the flags of a pool back, for all and for each: an admin knows better."""
        self.sightings.pop(pool, None)
        changes = tuple(
            FlagChange(pool=pool, scope=flag.scope, until=None) for flag in self.view.all() if flag.pool == pool
        )
        for change in changes:
            self.view.apply(change)
        return changes

    def rebuild_flags(self) -> None:
        """Flags from evidence, after a restart."""
        self.view.replace_all(())
        for pool, sightings in self.sightings.items():
            for one in sightings:
                self._own_flag(one.evidence)
            self._flag_for_all(pool)
        self.view.drop_expired(self.now)

    def _tenant(self, organisation: str) -> Tenant:
        if organisation not in self.tenants:
            self.tenants[organisation] = Tenant(tokens=float(self.settings.burst), refilled_at=self.now)
        return self.tenants[organisation]

    def _keep(self, sighting: Sighting) -> None:
        """Keep a sighting. Where there is no room, whoever has most of it gives way: nobody can wash others out."""
        pool = sighting.evidence.pool
        if pool not in self.sightings and len(self.sightings) >= MAX_POOLS:
            del self.sightings[next(iter(self.sightings))]
        kept = self.sightings.setdefault(pool, [])
        kept.append(sighting)
        if len(kept) > MAX_PER_POOL:
            counts = Counter(one.evidence.organisation for one in kept)
            loudest = max(counts, key=lambda organisation: counts[organisation])
            kept.remove(next(one for one in kept if one.evidence.organisation == loudest))

    def _counted(self, pool: Pool) -> list[Evidence]:
        return [one.evidence for one in self.sightings.get(pool, ()) if not one.mute]

    def _own_flag(self, evidence: Evidence) -> tuple[FlagChange, ...]:
        if evidence.kind not in FLAGS_OWN:
            return ()
        scope = evidence.organisation
        known = self.view.until(evidence.pool, scope)
        if known is None and self.view.count(scope) >= MAX_OWN_FLAGS:
            return ()
        return self._set(FlagChange(pool=evidence.pool, scope=scope, until=evidence.at + self.settings.ttl))

    def _flag_for_all(self, pool: Pool) -> tuple[FlagChange, ...]:
        until = self._agreed_until(self._counted(pool))
        return () if until is None else self._set(FlagChange(pool=pool, scope=ALL, until=until))

    def _agreed_until(self, counted: Iterable[Evidence]) -> datetime | None:
        """Until when the evidence is worth a flag: the newest first, until there is enough of it."""
        best: dict[str, float] = {}
        for one in sorted(counted, key=lambda evidence: evidence.at, reverse=True):
            best[one.organisation] = max(one.worth, best.get(one.organisation, 0.0))
            if sum(best.values()) >= FLAG_AT:
                return one.at + self.settings.ttl
        return None

    def _set(self, change: FlagChange) -> tuple[FlagChange, ...]:
        """Apply a change if it changes anything."""
        known = self.view.until(change.pool, change.scope)
        if change.until is None or change.until <= self.now or (known is not None and known >= change.until):
            return ()
        self.view.apply(change)
        return (change,)

    def _row(self, pool: Pool, now: datetime) -> PoolRisk:
        sightings = tuple(self.sightings[pool])
        until = self.view.until(pool, ALL)
        return PoolRisk(
            pool=pool,
            until=until if until is not None and until > now else None,
            score=self.score(pool, now=now),
            organisations=len({one.evidence.organisation for one in sightings}),
            sightings=sightings,
        )
