"""People."""

from datetime import datetime
from uuid import UUID

from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.rows import values_of
from domain.errors import RejectedError
from domain.tenancy import OrganizationRole, User

SQL = load("users")
LAST_OWNER = "an organisation keeps at least one owner"


class PostgresUsers(Repository):
    """`adapters.postgres.ports.Users`."""

    __slots__ = ()

    async def create(self, user: User) -> None:
        """Add somebody."""
        await self._session.run(SQL["create"], values_of(user))

    async def get(self, user_id: UUID) -> User | None:
        """Somebody by id."""
        return await self._session.one(User, SQL["get"], {"user_id": user_id})

    async def by_email(self, email: str) -> User | None:
        """Somebody by e-mail address."""
        return await self._session.one(User, SQL["by_email"], {"email": email})

    async def of_organization(self, organization_id: UUID) -> tuple[User, ...]:
        """The team."""
        return await self._session.all(User, SQL["of_organization"], {"organization_id": organization_id})

    async def set_password(self, user_id: UUID, password_hash: str, now: datetime) -> bool:
        """Change the password."""
        values = {"user_id": user_id, "password_hash": password_hash, "now": now}
        return await self._session.run(SQL["set_password"], values) > 0

    async def set_role(self, user_id: UUID, role: OrganizationRole, now: datetime) -> bool:
        """Change what somebody may do."""
        if role != OrganizationRole.OWNER:
            await self._refuse_last_owner(user_id)
        return await self._session.run(SQL["set_role"], {"user_id": user_id, "role": role, "now": now}) > 0

    async def confirm_email(self, user_id: UUID, now: datetime) -> bool:
        """Note that the address was confirmed."""
        return await self._session.run(SQL["confirm_email"], {"user_id": user_id, "now": now}) > 0

    async def remove(self, user_id: UUID) -> bool:
        """Remove somebody."""
        await self._refuse_last_owner(user_id)
        return await self._session.run(SQL["remove"], {"user_id": user_id}) > 0

    async def count_super_admins(self) -> int:
        """Super admins there are."""
        (row,) = await self._session.rows(SQL["count_super_admins"])
        return int(row["number"])

    async def _refuse_last_owner(self, user_id: UUID) -> None:
        owners = await self._session.rows(SQL["lock_owners"], {"user_id": user_id})
        if [row["id"] for row in owners] == [user_id]:
            raise RejectedError(LAST_OWNER)
