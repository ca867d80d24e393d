"""Answers about the audit log."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.commands import Outcome
from serve.schemas.base import Answer


class AuditModel(Answer):
    """One entry. ``hash`` covers it and the hash of the one before, in hexadecimal."""

    id: UUID
    seq: int
    at: datetime
    actor: str
    on_behalf_of: str
    event: str
    resource_type: str
    resource: str
    outcome: Outcome
    text: str
    ip: str
    user_agent: str
    request_id: str
    changed: bool
    hash: str


class ChangeModel(Answer):
    """One field before and after; ``null`` where it was not there."""

    field: str
    before: Any
    after: Any


class AuditDiff(Answer):
    """What an entry changed, field by field."""

    entry: AuditModel
    changes: list[ChangeModel]
    before: Mapping[str, Any]
    after: Mapping[str, Any]
