"""The audit log: who did what to what, each row bound to the one before by a hash.

There is one chain per organisation and one for the platform. A row's hash is SHA-256 over the hash before it and the
canonical JSON of its content, so anybody who holds the rows can check them without the service.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.canonical import canonical_json
from domain.commands import Outcome
from domain.validate import require_utc

GENESIS = bytes(32)
"""What the first row of a chain has before it."""

PLATFORM_CHAIN = UUID(int=0)
"""Id of the platform's chain; those of organisations have the organisation's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One thing that happened.

    Parameters
    ----------
    organization_id
        Whose chain it belongs to; absent for the platform's.
    at
        UTC, in whole milliseconds.
    actor
        Who did it: an e-mail address, ``System``, ``System (Boto3)``.
    on_behalf_of
        Whom an admin impersonated, empty otherwise.
    event, resource_type, resource
        A stable word for what was done, and what to.
    before, after
        What changed, empty when nothing did.
    """

    id: UUID
    organization_id: UUID | None
    at: datetime
    actor: str
    event: str
    resource_type: str
    resource: str
    outcome: Outcome
    text: str = ""
    on_behalf_of: str = ""
    ip: str = ""
    user_agent: str = ""
    request_id: str = ""
    before: Mapping[str, object] = field(default_factory=dict)
    after: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_utc(at=self.at)
        if self.at.microsecond % 1000:
            raise ValueError("at must be in whole milliseconds")
        if not self.actor or not self.event:
            raise ValueError("an audit entry names its actor and what was done")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """An entry in its chain. ``seq`` counts from 1 without gaps."""

    entry: AuditEntry
    seq: int
    previous_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """Which entries to show; what is absent does not matter. ``since`` is included, ``until`` is not."""

    since: datetime | None = None
    until: datetime | None = None
    actor: str | None = None
    event: str | None = None
    resource_type: str | None = None
    resource: str | None = None
    outcome: Outcome | None = None

    def __post_init__(self) -> None:
        require_utc(since=self.since, until=self.until)

    def matches(self, entry: AuditEntry) -> bool:
        """Whether an entry is among those asked for."""
        if (self.since and entry.at < self.since) or (self.until and entry.at >= self.until):
            return False
        names = ("actor", "event", "resource_type", "resource", "outcome")
        return all(getattr(self, name) in (None, getattr(entry, name)) for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainStart:
    """Where a chain begins: at its first row, or behind the rows that retention has cut off."""

    seq: int = 0
    hash: bytes = GENESIS


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    """What checking a chain has shown. ``broken_seq`` is the first row that is not what was written."""

    organization_id: UUID | None
    rows: int
    broken_seq: int | None = None
    problem: str = ""

    @property
    def sound(self) -> bool:
        """Whether every row is what was written."""
        return self.broken_seq is None


def chain_id(organization_id: UUID | None) -> UUID:
    """Id of a chain."""
    return organization_id or PLATFORM_CHAIN


def row_hash(entry: AuditEntry, *, seq: int, previous_hash: bytes) -> bytes:
    """SHA-256 over the hash before and the canonical content of a row."""
    content = {
        "actor": entry.actor,
        "after": dict(entry.after),
        "at_ms": int(entry.at.timestamp() * 1000),
        "before": dict(entry.before),
        "event": entry.event,
        "id": str(entry.id),
        "ip": entry.ip,
        "on_behalf_of": entry.on_behalf_of,
        "organization_id": str(entry.organization_id or ""),
        "outcome": str(entry.outcome),
        "request_id": entry.request_id,
        "resource": entry.resource,
        "resource_type": entry.resource_type,
        "seq": seq,
        "text": entry.text,
        "user_agent": entry.user_agent,
    }
    return hashlib.sha256(previous_hash + canonical_json(content)).digest()


def chain(entries: tuple[AuditEntry, ...], after: ChainStart) -> tuple[AuditRow, ...]:
    """Entries as rows that continue a chain."""
    rows: list[AuditRow] = []
    previous = after.hash
    for seq, entry in enumerate(entries, start=after.seq + 1):
        digest = row_hash(entry, seq=seq, previous_hash=previous)
        rows.append(AuditRow(entry=entry, seq=seq, previous_hash=previous, hash=digest))
        previous = digest
    return tuple(rows)


def problem_of(row: AuditRow, after: ChainStart) -> str:
    """What is wrong with a row that should follow ``after``, empty when nothing is."""
    if row.seq != after.seq + 1:
        return f"row {after.seq + 1} is missing: row {row.seq} follows row {after.seq}"
    if row.previous_hash != after.hash:
        return f"row {row.seq} does not carry the hash of the row before"
    if row.hash != row_hash(row.entry, seq=row.seq, previous_hash=row.previous_hash):
        return f"row {row.seq} was changed after it was written"
    return ""


def problem_of_end(checked: ChainStart, head: ChainStart) -> str:
    """What is wrong with the end of a chain, whose last row should be the head; empty when nothing is."""
    if checked.seq < head.seq:
        return f"rows {checked.seq + 1} to {head.seq} are missing"
    return "" if checked == head else f"row {checked.seq} is not the one that was written last"
