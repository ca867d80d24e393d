"""AWS accounts."""

from datetime import datetime
from uuid import UUID

from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.rows import values_of
from domain.fleet import Account, AccountStatus

SQL = load("accounts")


class PostgresAccounts(Repository):
    """`adapters.postgres.ports.Accounts`."""

    __slots__ = ()

    async def create(self, account: Account) -> None:
        """Add an account."""
        await self._session.run(SQL["create"], values_of(account))

    async def get(self, account_id: UUID) -> Account | None:
        """One account."""
        return await self._session.one(Account, SQL["get"], {"account_id": account_id})

    async def of_organization(self, organization_id: UUID) -> tuple[Account, ...]:
        """Accounts of an organisation, oldest first."""
        return await self._session.all(Account, SQL["of_organization"], {"organization_id": organization_id})

    async def with_status(self, status: AccountStatus) -> tuple[Account, ...]:
        """All accounts that stand so."""
        return await self._session.all(Account, SQL["with_status"], {"status": status})

    async def set_status(self, account_id: UUID, status: AccountStatus, *, reason: str, now: datetime) -> bool:
        """Note how far it is connected."""
        values = {"account_id": account_id, "status": status, "reason": reason, "now": now}
        return await self._session.run(SQL["set_status"], values) > 0

    async def set_role(self, account_id: UUID, role_arn: str, *, now: datetime) -> bool:
        """Note by which role it lets us in."""
        values = {"account_id": account_id, "role_arn": role_arn, "now": now}
        return await self._session.run(SQL["set_role"], values) > 0

    async def delete(self, account_id: UUID) -> bool:
        """Forget an account."""
        return await self._session.run(SQL["delete"], {"account_id": account_id}) > 0
