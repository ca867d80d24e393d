"""Entries of the audit log for what people do over HTTP."""

from collections.abc import Mapping
from uuid import UUID

from starlette.requests import Request

from adapters.clock import Clock
from adapters.postgres.ids import new_id
from domain.audit import AuditEntry
from domain.commands import Outcome
from serve.gateway.requests import info_of

MAX_USER_AGENT_CHARS = 200


def entry(
    request: Request,
    clock: Clock,
    *,
    actor: str,
    organization_id: UUID | None,
    event: str,
    resource: tuple[str, str],
    text: str = "",
    outcome: Outcome = Outcome.SUCCESS,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> AuditEntry:
    """What somebody did, with where the request came from. ``resource`` is its type and its name or id."""
    info, now = info_of(request.scope), clock.now()
    agent = request.headers.get("user-agent", "")[:MAX_USER_AGENT_CHARS]
    return AuditEntry(
        id=new_id(),
        organization_id=organization_id,
        at=now.replace(microsecond=now.microsecond // 1_000 * 1_000),
        actor=actor,
        event=event,
        resource_type=resource[0],
        resource=resource[1],
        outcome=outcome,
        text=text,
        ip=info.address,
        user_agent="".join(char if char.isprintable() else " " for char in agent),
        request_id=info.id,
        before=before or {},
        after=after or {},
    )
