"""Twins of organisations, people and tokens."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from adapters.postgres.ids import new_id
from adapters.postgres.memory.tables import MemoryRepository, page_of
from adapters.postgres.ports import Rotation, RotationOutcome
from adapters.postgres.repositories.tokens import heir
from adapters.postgres.repositories.users import LAST_OWNER
from domain.audit import AuditRow
from domain.errors import RejectedError
from domain.paging import Page, PageRequest
from domain.templates import DEFAULT_TEMPLATES, StoredTemplate
from domain.tenancy import (
    IdempotentResult,
    OneTimeToken,
    Organization,
    OrganizationRole,
    RefreshToken,
    TokenKind,
    User,
    UserRole,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Skip:
    """A row of ``onboarding_skips``."""

    organization_id: UUID
    skipped_at: datetime


class MemoryOrganizations(MemoryRepository):
    """Twin of `Organizations`."""

    async def sign_up(self, organization: Organization, owner: User) -> None:
        """Make an organisation, its owner and its node templates."""
        self._view.platform_only()
        self._view.insert_new(organization.id, organization)
        await MemoryUsers(self._view).create(owner)
        at = organization.created_at
        for spec in DEFAULT_TEMPLATES:
            template = StoredTemplate(
                id=new_id(), organization_id=organization.id, spec=spec, created_at=at, updated_at=at
            )
            self._view.put(template.id, template)

    async def get(self, organization_id: UUID) -> Organization | None:
        """One organisation."""
        return self._view.get(Organization, organization_id)

    async def page(self, request: PageRequest) -> Page[Organization]:
        """Organisations, newest first."""
        return page_of(self._view.all(Organization), request)

    async def set_flags(self, organization_id: UUID, flags: Mapping[str, object], now: datetime) -> bool:
        """Replace the switches."""
        self._view.platform_only()
        return self._change(organization_id, flags=dict(flags), updated_at=now)

    async def set_audit_retention(self, organization_id: UUID, days: int, now: datetime) -> bool:
        """Keep the audit log this long."""
        try:
            return self._change(organization_id, audit_retention_days=days, updated_at=now)
        except ValueError as err:
            raise RejectedError(str(err)) from err

    async def suspend(self, organization_id: UUID, now: datetime) -> bool:
        """Shut an organisation out."""
        self._view.platform_only()
        found = self._view.get(Organization, organization_id)
        if found is None or found.suspended_at is not None:
            return False
        return self._change(organization_id, suspended_at=now, updated_at=now)

    async def skip_onboarding(self, organization_id: UUID, now: datetime) -> bool:
        """Note that it would rather look around first."""
        if self._view.get(Organization, organization_id) is None:
            return False
        return self._view.insert(organization_id, _Skip(organization_id=organization_id, skipped_at=now))

    async def has_skipped_onboarding(self, organization_id: UUID) -> bool:
        """Whether that was noted."""
        return self._view.get(_Skip, organization_id) is not None

    async def delete(self, organization_id: UUID) -> bool:
        """Delete an organisation and all it has."""
        gone = self._view.drop(Organization, organization_id)
        if gone:
            self._view.cascade("organization_id", organization_id, keep=(AuditRow,))
        return gone

    def _change(self, organization_id: UUID, **changes: object) -> bool:
        found = self._view.get(Organization, organization_id)
        if found is not None:
            self._view.put(found.id, replace(found, **changes))  # type: ignore[arg-type]
        return found is not None


class MemoryUsers(MemoryRepository):
    """Twin of `Users`."""

    async def create(self, user: User) -> None:
        """Add somebody."""
        self._view.refuse_twin(User, lambda other: other.email == user.email, "users_email_key")
        self._view.insert_new(user.id, user)

    async def get(self, user_id: UUID) -> User | None:
        """Somebody by id."""
        return self._view.get(User, user_id)

    async def by_email(self, email: str) -> User | None:
        """Somebody by e-mail address."""
        return next(iter(self._view.all(User, lambda user: user.email == email)), None)

    async def of_organization(self, organization_id: UUID) -> tuple[User, ...]:
        """The team."""
        team = self._view.all(User, lambda user: user.organization_id == organization_id)
        return tuple(sorted(team, key=lambda user: user.email))

    async def set_password(self, user_id: UUID, password_hash: str, now: datetime) -> bool:
        """Change the password."""
        found = self._view.get(User, user_id)
        if found is not None:
            changed = replace(found, password_hash=password_hash, password_changed_at=now, updated_at=now)
            self._view.put(user_id, changed)
        return found is not None

    async def set_role(self, user_id: UUID, role: OrganizationRole, now: datetime) -> bool:
        """Change what somebody may do."""
        if role != OrganizationRole.OWNER:
            self._refuse_last_owner(user_id)
        found = self._view.get(User, user_id)
        if found is None or found.organization_role is None:
            return False
        self._view.put(user_id, replace(found, organization_role=role, updated_at=now))
        return True

    async def confirm_email(self, user_id: UUID, now: datetime) -> bool:
        """Note that the address was confirmed."""
        found = self._view.get(User, user_id)
        if found is None or found.email_confirmed_at is not None:
            return False
        self._view.put(user_id, replace(found, email_confirmed_at=now, updated_at=now))
        return True

    async def remove(self, user_id: UUID) -> bool:
        """Remove somebody."""
        self._refuse_last_owner(user_id)
        gone = self._view.drop(User, user_id)
        if gone:
            self._view.cascade("user_id", user_id)
        return gone

    async def count_super_admins(self) -> int:
        """Super admins there are."""
        self._view.platform_only()
        return len(self._view.all(User, lambda user: user.role == UserRole.SUPER_ADMIN))

    def _refuse_last_owner(self, user_id: UUID) -> None:
        found = self._view.get(User, user_id)
        if found is None or found.organization_role != OrganizationRole.OWNER:
            return
        team = self._view.all(User, lambda user: user.organization_id == found.organization_id)
        if sum(user.organization_role == OrganizationRole.OWNER for user in team) == 1:
            raise RejectedError(LAST_OWNER)


class MemoryTokens(MemoryRepository):
    """Twin of `Tokens`."""

    async def start_family(self, token: RefreshToken) -> None:
        """Keep the first refresh token of a session."""
        self._view.insert_new(token.id, token)

    async def rotate(self, shown_hash: bytes, successor: RefreshToken, now: datetime) -> Rotation:
        """Use a refresh token and keep its successor."""
        shown = next(iter(self._view.all(RefreshToken, lambda token: token.token_hash == shown_hash)), None)
        if shown is None or shown.revoked_at is not None or shown.expires_at <= now:
            return Rotation(outcome=RotationOutcome.UNKNOWN)
        if shown.used_at is not None:
            await self.revoke_family(shown.family_id, now)
            return Rotation(outcome=RotationOutcome.REUSED, shown=shown)
        self._view.put(shown.id, replace(shown, used_at=now))
        await self.start_family(heir(successor, shown))
        return Rotation(outcome=RotationOutcome.ROTATED, shown=shown)

    async def revoke_family(self, family_id: UUID, now: datetime) -> int:
        """End a session."""
        return self._revoke(self._view.all(RefreshToken, lambda token: token.family_id == family_id), now)

    async def revoke_user(self, user_id: UUID, now: datetime) -> int:
        """End all sessions of somebody."""
        return self._revoke(self._view.all(RefreshToken, lambda token: token.user_id == user_id), now)

    async def issue(self, token: OneTimeToken) -> None:
        """Keep a one-time token; earlier ones of its kind are void."""
        mine = (token.email, token.kind, token.organization_id)
        for old in self._view.all(OneTimeToken, lambda t: (t.email, t.kind, t.organization_id) == mine):
            self._view.put(old.id, replace(old, used_at=old.used_at or token.created_at))
        self._view.insert_new(token.id, token)

    async def redeem(self, kind: TokenKind, token_hash: bytes, now: datetime) -> OneTimeToken | None:
        """Use up a token."""
        known = self._view.all(OneTimeToken, lambda token: (token.token_hash, token.kind) == (token_hash, kind))
        for token in known:
            if token.used_at is None and token.expires_at > now:
                used = replace(token, used_at=now)
                self._view.put(token.id, used)
                return used
        return None

    async def remember(self, result: IdempotentResult) -> IdempotentResult:
        """Keep the answer to a request, or hear the one that was kept first."""
        first = await self.recall(result.organization_id, result.key, result.created_at)
        if first is None:
            self._view.put((result.organization_id, result.key), result)
        return first or result

    async def recall(self, organization_id: UUID, key: str, now: datetime) -> IdempotentResult | None:
        """The answer kept for an idempotency key."""
        found = self._view.get(IdempotentResult, (organization_id, key))
        return found if found is not None and found.expires_at > now else None

    async def prune(self, now: datetime) -> int:
        """Delete what has expired."""
        self._view.platform_only()
        gone = self._view.drop_all(RefreshToken, lambda token: token.expires_at <= now)
        gone += self._view.drop_all(OneTimeToken, lambda token: token.expires_at <= now)
        return gone + self._view.drop_all(IdempotentResult, lambda result: result.expires_at <= now)

    def _revoke(self, tokens: tuple[RefreshToken, ...], now: datetime) -> int:
        valid = [token for token in tokens if token.revoked_at is None]
        for token in valid:
            self._view.put(token.id, replace(token, revoked_at=now))
        return len(valid)
