"""Node templates."""

from datetime import datetime
from uuid import UUID

from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.rows import Row, read, values_of
from domain.errors import RejectedError
from domain.templates import StoredTemplate, TemplateSpec

SQL = load("templates")
IS_DEFAULT = "the default template stays: make another one the default first"


class PostgresTemplates(Repository):
    """`adapters.postgres.ports.Templates`."""

    __slots__ = ()

    async def create(self, template: StoredTemplate) -> None:
        """Add a template."""
        if template.spec.is_default:
            await self._clear_default(template.organization_id, template.created_at)
        await self._session.run(SQL["create"], values_of(template) | values_of(template.spec))

    async def get(self, template_id: UUID) -> StoredTemplate | None:
        """One template."""
        row = await self._session.row(SQL["get"], {"template_id": template_id})
        return None if row is None else _template(row)

    async def of_organization(self, organization_id: UUID) -> tuple[StoredTemplate, ...]:
        """Templates of an organisation, by name."""
        rows = await self._session.rows(SQL["of_organization"], {"organization_id": organization_id})
        return tuple(map(_template, rows))

    async def make_default(self, template_id: UUID, now: datetime) -> bool:
        """Make one the default of its organisation."""
        template = await self.get(template_id)
        if template is None:
            return False
        await self._clear_default(template.organization_id, now)
        return await self._session.run(SQL["set_default"], {"template_id": template_id, "now": now}) > 0

    async def delete(self, template_id: UUID) -> bool:
        """Delete a template."""
        if await self._session.run(SQL["delete"], {"template_id": template_id}):
            return True
        if await self.get(template_id) is not None:
            raise RejectedError(IS_DEFAULT)
        return False

    async def _clear_default(self, organization_id: UUID, now: datetime) -> None:
        await self._session.run(SQL["clear_default"], {"organization_id": organization_id, "now": now})


def _template(row: Row) -> StoredTemplate:
    names = ("id", "organization_id", "created_at", "updated_at")
    return StoredTemplate(spec=read(TemplateSpec, row), **{name: row[name] for name in names})
