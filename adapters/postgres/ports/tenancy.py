"""Organisations, their people, and tokens."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from domain.paging import Page, PageRequest
from domain.tenancy import (
    IdempotentResult,
    OneTimeToken,
    Organization,
    OrganizationRole,
    RefreshToken,
    TokenKind,
    User,
)


class RotationOutcome(StrEnum):
    """What came of a refresh token that was shown."""

    ROTATED = "rotated"
    UNKNOWN = "unknown"
    """Never given out, expired, or of a session that has ended."""
    REUSED = "reused"
    """Shown a second time: stolen. Its whole family is revoked now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """Outcome of a rotation and, unless the token is unknown, the token that was shown."""

    outcome: RotationOutcome
    shown: RefreshToken | None = None


class Organizations(Protocol):
    """Customers. Those who sign up are made in platform scope."""

    async def sign_up(self, organization: Organization, owner: User) -> None:
        """Make an organisation, its owner and its node templates, all or nothing.

        Raises
        ------
        RejectedError
            The e-mail address is taken.
        """

    async def get(self, organization_id: UUID) -> Organization | None:
        """One organisation."""

    async def page(self, request: PageRequest) -> Page[Organization]:
        """Organisations, newest first."""

    async def set_flags(self, organization_id: UUID, flags: Mapping[str, object], now: datetime) -> bool:
        """Replace the switches; false when there is no such organisation."""

    async def set_audit_retention(self, organization_id: UUID, days: int, now: datetime) -> bool:
        """Keep the audit log this long (at least `domain.tenancy.MIN_AUDIT_RETENTION_DAYS`)."""

    async def suspend(self, organization_id: UUID, now: datetime) -> bool:
        """Shut an organisation out: its keys and sessions open nothing."""

    async def skip_onboarding(self, organization_id: UUID, now: datetime) -> bool:
        """Note that it would rather look around before it connects anything; false when that was noted already."""

    async def has_skipped_onboarding(self, organization_id: UUID) -> bool:
        """Whether that was noted."""

    async def delete(self, organization_id: UUID) -> bool:
        """Delete an organisation and all it has. Its audit log stays until retention ends it."""


class Users(Protocol):
    """People."""

    async def create(self, user: User) -> None:
        """Add somebody: a member who accepted an invitation, or a super admin (platform scope).

        Raises
        ------
        RejectedError
            The e-mail address is taken.
        """

    async def get(self, user_id: UUID) -> User | None:
        """Somebody by id."""

    async def by_email(self, email: str) -> User | None:
        """Somebody by e-mail address, in lower case."""

    async def of_organization(self, organization_id: UUID) -> tuple[User, ...]:
        """The team, by e-mail address."""

    async def set_password(self, user_id: UUID, password_hash: str, now: datetime) -> bool:
        """Change the password; sessions opened before are void."""

    async def set_role(self, user_id: UUID, role: OrganizationRole, now: datetime) -> bool:
        """Change what somebody may do.

        Raises
        ------
        RejectedError
            It would leave the organisation without an owner.
        """

    async def confirm_email(self, user_id: UUID, now: datetime) -> bool:
        """Note that the address was confirmed; the first time counts."""

    async def remove(self, user_id: UUID) -> bool:
        """Remove somebody. Raises as `set_role` does."""

    async def count_super_admins(self) -> int:
        """Super admins there are (platform scope)."""


class Tokens(Protocol):
    """Refresh tokens, one-time tokens, and answers to repeated requests. Hashes are SHA-256."""

    async def start_family(self, token: RefreshToken) -> None:
        """Keep the first refresh token of a session."""

    async def rotate(self, shown_hash: bytes, successor: RefreshToken, now: datetime) -> Rotation:
        """Use a refresh token and keep its successor, which takes over family, user and organisation.

        A token that was used before revokes its family.
        """

    async def revoke_family(self, family_id: UUID, now: datetime) -> int:
        """End a session; says how many tokens that took."""

    async def revoke_user(self, user_id: UUID, now: datetime) -> int:
        """End all sessions of somebody."""

    async def issue(self, token: OneTimeToken) -> None:
        """Keep a one-time token. Earlier ones of the same kind to the same address are void."""

    async def redeem(self, kind: TokenKind, token_hash: bytes, now: datetime) -> OneTimeToken | None:
        """Use up a token; ``None`` when it is unknown, used, or expired."""

    async def remember(self, result: IdempotentResult) -> IdempotentResult:
        """Keep the answer to a request, or hear the one that was kept first."""

    async def recall(self, organization_id: UUID, key: str, now: datetime) -> IdempotentResult | None:
        """The answer kept for an idempotency key."""

    async def prune(self, now: datetime) -> int:
        """Delete what has expired (platform scope)."""
