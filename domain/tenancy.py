"""Who uses the service: organisations, their people, and what proves who somebody is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.validate import require_after, require_digest, require_utc

MIN_AUDIT_RETENTION_DAYS = 90
"""Shortest time an audit log is kept: the database lets nobody cut off anything younger."""

DEFAULT_AUDIT_RETENTION_DAYS = 365


class UserRole(StrEnum):
    """What somebody is to the service."""

    CLIENT = "client"
    SUPER_ADMIN = "super_admin"


class OrganizationRole(StrEnum):
    """What somebody may do in the organisation: everything, all but own it, change clusters, or look."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


class TokenKind(StrEnum):
    """What a one-time token from a mail is good for."""

    CONFIRM = "confirm"
    RESET = "reset"
    INVITE = "invite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """A customer. ``flags`` are switches that admins set; ``suspended_at`` is when it was shut out."""

    id: UUID
    name: str
    created_at: datetime
    updated_at: datetime
    flags: Mapping[str, object] = field(default_factory=dict)
    audit_retention_days: int = DEFAULT_AUDIT_RETENTION_DAYS
    suspended_at: datetime | None = None

    def __post_init__(self) -> None:
        require_utc(created_at=self.created_at, updated_at=self.updated_at, suspended_at=self.suspended_at)
        if not self.name.strip():
            raise ValueError("name of an organisation must not be empty")
        if self.audit_retention_days < MIN_AUDIT_RETENTION_DAYS:
            raise ValueError(f"audit_retention_days must be at least {MIN_AUDIT_RETENTION_DAYS}")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person. Clients belong to exactly one organisation, super admins to none.

    Parameters
    ----------
    email
        Lower case, unique over all organisations.
    password_hash
        Argon2id, in its own text form.
    password_changed_at
        Sessions opened before it are void.
    """

    id: UUID
    email: str
    password_hash: str = field(repr=False)
    role: UserRole
    created_at: datetime
    updated_at: datetime
    password_changed_at: datetime
    organization_id: UUID | None = None
    organization_role: OrganizationRole | None = None
    name: str = ""
    email_confirmed_at: datetime | None = None
    disabled_at: datetime | None = None

    def __post_init__(self) -> None:
        require_utc(created_at=self.created_at, updated_at=self.updated_at, disabled_at=self.disabled_at)
        require_utc(password_changed_at=self.password_changed_at, email_confirmed_at=self.email_confirmed_at)
        if "@" not in self.email or self.email != self.email.strip().lower():
            raise ValueError("email must be an address in lower case")
        belongs = self.organization_id is not None and self.organization_role is not None
        if belongs != (self.role == UserRole.CLIENT) or (self.organization_id is None) != (
            self.organization_role is None
        ):
            raise ValueError("a client has an organisation and a role in it, a super admin has neither")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """One link of a session's chain of refresh tokens: using it makes the next one.

    ``family_id`` is the session. A token used a second time was stolen: the whole family is revoked.
    """

    id: UUID
    family_id: UUID
    user_id: UUID
    token_hash: bytes = field(repr=False)
    created_at: datetime
    expires_at: datetime
    organization_id: UUID | None = None
    used_at: datetime | None = None
    revoked_at: datetime | None = None

    def __post_init__(self) -> None:
        require_utc(created_at=self.created_at, expires_at=self.expires_at)
        require_digest("token_hash", self.token_hash)
        require_after(self.expires_at, self.created_at, what="expires_at after created_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeToken:
    """A token sent by mail, kept as its SHA-256. Invitations name no user yet but an organisation and a role."""

    id: UUID
    kind: TokenKind
    token_hash: bytes = field(repr=False)
    email: str
    created_at: datetime
    expires_at: datetime
    user_id: UUID | None = None
    organization_id: UUID | None = None
    organization_role: OrganizationRole | None = None
    used_at: datetime | None = None

    def __post_init__(self) -> None:
        require_utc(created_at=self.created_at, expires_at=self.expires_at)
        require_digest("token_hash", self.token_hash)
        require_after(self.expires_at, self.created_at, what="expires_at after created_at")
        if self.kind == TokenKind.INVITE:
            if self.organization_id is None or self.organization_role is None or self.user_id is not None:
                raise ValueError("an invitation names an organisation and a role, and no user")
        elif self.user_id is None:
            raise ValueError(f"a token to {self.kind} names its user")


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotentResult:
    """The answer to a request that carried an idempotency key, given again when the request comes again."""

    organization_id: UUID
    key: str
    request_hash: bytes
    status: int
    body: bytes
    created_at: datetime
    expires_at: datetime

    def __post_init__(self) -> None:
        require_utc(created_at=self.created_at, expires_at=self.expires_at)
        require_digest("request_hash", self.request_hash)
        require_after(self.expires_at, self.created_at, what="expires_at after created_at")
