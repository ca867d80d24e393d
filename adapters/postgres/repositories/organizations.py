"""Organisations."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from uuid import UUID

from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.repositories.users import PostgresUsers
from adapters.postgres.rows import page, page_values, read, values_of
from domain.paging import Page, PageRequest
from domain.tenancy import Organization, User

SQL = load("organizations")


class PostgresOrganizations(Repository):
    """`adapters.postgres.ports.Organizations`."""

    __slots__ = ()

    async def sign_up(self, organization: Organization, owner: User) -> None:
        """Make an organisation, its owner and its node templates."""
        await self._session.run(SQL["create"], values_of(organization))
        await PostgresUsers(self._session).create(owner)
        values = {"organization_id": organization.id, "created_at": organization.created_at}
        await self._session.run(SQL["copy_templates"], values)

    async def get(self, organization_id: UUID) -> Organization | None:
        """One organisation."""
        return await self._session.one(Organization, SQL["get"], {"organization_id": organization_id})

    async def page(self, request: PageRequest) -> Page[Organization]:
        """Organisations, newest first."""
        rows = await self._session.rows(SQL["page"], page_values(request))
        return page(rows, request, to=partial(read, Organization))

    async def set_flags(self, organization_id: UUID, flags: Mapping[str, object], now: datetime) -> bool:
        """Replace the switches."""
        values = {"organization_id": organization_id, "flags": flags, "now": now}
        return await self._session.run(SQL["set_flags"], values) > 0

    async def set_audit_retention(self, organization_id: UUID, days: int, now: datetime) -> bool:
        """Keep the audit log this long."""
        values = {"organization_id": organization_id, "days": days, "now": now}
        return await self._session.run(SQL["set_audit_retention"], values) > 0

    async def suspend(self, organization_id: UUID, now: datetime) -> bool:
        """Shut an organisation out."""
        return await self._session.run(SQL["suspend"], {"organization_id": organization_id, "now": now}) > 0

    async def skip_onboarding(self, organization_id: UUID, now: datetime) -> bool:
        """Note that it would rather look around first."""
        values = {"organization_id": organization_id, "now": now}
        return await self._session.run(SQL["skip_onboarding"], values) > 0

    async def has_skipped_onboarding(self, organization_id: UUID) -> bool:
        """Whether that was noted."""
        return bool(await self._session.rows(SQL["has_skipped_onboarding"], {"organization_id": organization_id}))

    async def delete(self, organization_id: UUID) -> bool:
        """Delete an organisation and all it has."""
        return await self._session.run(SQL["delete"], {"organization_id": organization_id}) > 0
