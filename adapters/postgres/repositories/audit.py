"""The audit log."""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from itertools import groupby
from uuid import UUID

from adapters.postgres.queries import Query, load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.rows import Row, columns_of, page, page_values, read, values_of
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
from domain.canonical import canonical_json
from domain.paging import Page, PageRequest

SQL = load("audit")


class PostgresAuditLog(Repository):
    """`adapters.postgres.ports.AuditLog`."""

    __slots__ = ()

    async def append(self, entries: Sequence[AuditEntry]) -> tuple[AuditRow, ...]:
        """Add entries to their chains, which are locked in one order by everybody."""
        rows: list[AuditRow] = []
        ordered = sorted(entries, key=lambda entry: chain_id(entry.organization_id))
        for organization_id, own in groupby(ordered, key=lambda entry: entry.organization_id):
            rows += await self._append(organization_id, tuple(own))
        return tuple(rows)

    async def page(self, organization_id: UUID | None, query: AuditQuery, request: PageRequest) -> Page[AuditRow]:
        """Entries of one chain, newest first."""
        values = {"chain": chain_id(organization_id), **values_of(query), **page_values(request)}
        return page(await self._session.rows(SQL["page"], values), request, to=_row, by=("at", "id"))

    async def get(self, entry_id: UUID) -> AuditRow | None:
        """One entry."""
        row = await self._session.row(SQL["get"], {"entry_id": entry_id})
        return None if row is None else _row(row)

    async def verify(self, organization_id: UUID | None) -> ChainReport:
        """Check one chain. The head is read first, so that rows added meanwhile are not missed at the end."""
        start, head = await self._at(SQL["start"], organization_id), await self._at(SQL["head"], organization_id)
        checked, report = start, partial(ChainReport, organization_id=organization_id)
        while checked.seq < head.seq:
            values = {"chain": chain_id(organization_id), "seq": checked.seq}
            rows = await self._session.rows(SQL["behind"], values)
            for row in map(_row, rows):
                if problem := problem_of(row, checked):
                    return report(rows=checked.seq - start.seq, broken_seq=checked.seq + 1, problem=problem)
                checked = ChainStart(seq=row.seq, hash=row.hash)
                if checked.seq == head.seq:
                    break
            if not rows:
                break
        problem = problem_of_end(checked, head)
        broken = checked.seq + 1 if checked.seq < head.seq else checked.seq
        return report(rows=checked.seq - start.seq, broken_seq=broken if problem else None, problem=problem)

    async def chains(self) -> tuple[UUID | None, ...]:
        """Whose chains there are."""
        return tuple(row["organization_id"] for row in await self._session.rows(SQL["chains"]))

    async def archive(self, organization_id: UUID, now: datetime) -> tuple[AuditRow, ...]:
        """Cut off what is older than the organisation's retention, and hand it out."""
        values = {"organization_id": organization_id, "now": now}
        return tuple(map(_row, await self._session.rows(SQL["archive"], values)))

    async def _append(self, organization_id: UUID | None, entries: tuple[AuditEntry, ...]) -> tuple[AuditRow, ...]:
        (head,) = await self._session.rows(SQL["lock"], {"organization_id": organization_id})
        rows = chain(entries, ChainStart(seq=head["seq"], hash=head["hash"]))
        values = columns_of(entries) | columns_of(rows)
        values |= {name: [_json(getattr(entry, name)) for entry in entries] for name in ("before", "after")}
        await self._session.run(SQL["append"], values)
        return rows

    async def _at(self, query: Query, organization_id: UUID | None) -> ChainStart:
        row = await self._session.row(query, {"chain": chain_id(organization_id)})
        return ChainStart() if row is None else read(ChainStart, row)


def _json(value: object) -> str:
    return canonical_json(value).decode()


def _row(row: Row) -> AuditRow:
    parsed = {**dict(row.items()), "before": json.loads(row["before"]), "after": json.loads(row["after"])}
    entry = read(AuditEntry, parsed)
    return AuditRow(entry=entry, seq=row["seq"], previous_hash=row["previous_hash"], hash=row["hash"])
