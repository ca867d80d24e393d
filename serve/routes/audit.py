"""The audit log: who did what, and what it changed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from adapters.postgres.ports import Transaction
from domain.audit import AuditQuery, AuditRow
from domain.commands import Outcome
from domain.events import in_utc
from serve.auth.callers import Caller, SignedIn
from serve.gateway.context import Gateway, GatewayDep
from serve.gateway.paging import Paging, to_answer
from serve.gateway.problems import invalid, not_found
from serve.routes.responses import SIGNED_IN, problems
from serve.schemas.audit import AuditDiff, AuditModel, ChangeModel
from serve.schemas.base import PageAnswer, without_nul

router = APIRouter(prefix="/audit", tags=["audit"])

Word = Annotated[str | None, Query(max_length=300)]


async def _query(
    since: Annotated[datetime | None, Query(description="included; with a time zone")] = None,
    until: Annotated[datetime | None, Query(description="not included; with a time zone")] = None,
    actor: Word = None,
    event: Word = None,
    resource_type: Word = None,
    resource: Word = None,
    outcome: Outcome | None = None,
) -> AuditQuery:
    words = {"actor": actor, "event": event, "resource_type": resource_type, "resource": resource}
    for name, word in words.items():
        _require_storable(name, word)
    return AuditQuery(since=_utc("since", since), until=_utc("until", until), outcome=outcome, **words)


@router.get("", responses=SIGNED_IN)
async def list_entries(
    caller: SignedIn, query: Annotated[AuditQuery, Depends(_query)], paging: Paging, gateway: GatewayDep
) -> PageAnswer[AuditModel]:
    """Entries of the organisation, newest first; for a super admin those of the platform."""
    async with _scope(gateway, caller) as tx:
        page = await tx.audit.page(caller.organization_id, query, paging)
    return to_answer(page, _model)


@router.get("/{entry_id}/diff", responses=SIGNED_IN | problems(404))
async def diff(entry_id: UUID, caller: SignedIn, gateway: GatewayDep) -> AuditDiff:
    """What an entry changed, field by field."""
    async with _scope(gateway, caller) as tx:
        row = await tx.audit.get(entry_id)
    if row is None or row.entry.organization_id != caller.organization_id:
        raise not_found("entry")
    before, after = row.entry.before, row.entry.after
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    changes = [ChangeModel(field=name, before=before.get(name), after=after.get(name)) for name in names]
    return AuditDiff(entry=_model(row), changes=changes, before=before, after=after)


@asynccontextmanager
async def _scope(gateway: Gateway, caller: Caller) -> AsyncIterator[Transaction]:
    """The tenant's own transaction; the platform's for super admins, who read its chain alone."""
    database, home = gateway.services.database, caller.organization_id
    async with database.tenant(home) if home is not None else database.platform() as tx:
        yield tx


def _model(row: AuditRow) -> AuditModel:
    entry = row.entry
    same = ("id", "at", "actor", "on_behalf_of", "event", "resource_type", "resource", "outcome", "text", "ip")
    return AuditModel(
        seq=row.seq,
        user_agent=entry.user_agent,
        request_id=entry.request_id,
        changed=bool(entry.before or entry.after),
        hash=row.hash.hex(),
        **{name: getattr(entry, name) for name in same},
    )


def _utc(name: str, moment: datetime | None) -> datetime | None:
    try:
        return in_utc(moment) if moment is not None else None
    except (ValueError, OverflowError) as err:
        raise invalid(f"query.{name}", "must be a time with a time zone, such as 2026-10-01T12:00:00Z") from err


def _require_storable(name: str, word: str | None) -> None:
    try:
        without_nul(word or "")
    except ValueError as err:
        raise invalid(f"query.{name}", str(err)) from err
