"""Linking an AWS account: what its owner is given, and whether the role that came of it lets us in."""

from dataclasses import dataclass, replace
from uuid import UUID

from actors.accounts.sites import role_of
from actors.services import Services
from adapters.aws.ports.access import Role
from adapters.aws.ports.accounts import Invitation, Need, Verification
from adapters.postgres.ids import new_id
from adapters.postgres.ports import Transaction
from adapters.postgres.ports.sites import AccountLook
from domain.errors import InputError, RejectedError
from domain.fleet import Account, AccountStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """An account after it was verified; ``may_act`` tells whether the role lets us change anything."""

    account: Account
    look: AccountLook
    lets_in: bool
    may_act: bool


class Linking:
    """Links accounts."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def invite(self, aws_account_id: str, known: Account | None) -> Invitation:
        """What to give the owner of an account; one that is linked already keeps its external id.

        Raises
        ------
        RejectedError
            This platform does not know its own AWS account, or it is no account id.
        """
        if not self._services.settings.aws_account_id:
            raise RejectedError("this platform has no AWS account: an operator must set aws_account_id")
        external_id = known.external_id if known else ""
        return self._services.aws.accounts.invite(aws_account_id, external_id=external_id)

    async def begin(self, tx: Transaction, organization_id: UUID, aws_account_id: str) -> tuple[Account, Invitation]:
        """Note that an account is to be linked, unless it is noted already."""
        known = await find(tx, organization_id, aws_account_id)
        invited = self.invite(aws_account_id, known)
        if known is not None:
            return known, invited
        now = self._services.clock.now()
        account = Account(
            id=new_id(),
            organization_id=organization_id,
            aws_account_id=aws_account_id,
            role_arn=invited.role_arn,
            external_id=invited.external_id,
            status=AccountStatus.PENDING,
            created_at=now,
            updated_at=now,
        )
        await tx.accounts.create(account)
        return account, invited

    async def try_role(self, account: Account, role_arn: str) -> Verification:
        """Try a role of the account, the one that was proposed by default. Nothing is stored.

        Raises
        ------
        InputError
            The role is none, or one of another account.
        TransientError
            AWS cannot be asked now.
        """
        role = chosen_role(account, role_arn)
        return await self._services.aws.accounts.verify(role, regions=[self._services.settings.aws_region])

    async def conclude(self, tx: Transaction, account: Account, verification: Verification) -> Verified:
        """Store what a verification has shown: the account is scanned next, or has failed with the reason.

        Another role than the account's own that does not let us in changes nothing: the own one may still do.
        """
        now, arn = self._services.clock.now(), verification.role.arn
        before = await tx.sites.look(account.id)
        blank = AccountLook(account_id=account.id, organization_id=account.organization_id)
        look = replace(
            before or blank, verified_at=now, permissions=tried(verification), warnings=verification.warnings
        )
        status = AccountStatus.SCANNING if verification.lets_in else AccountStatus.FAILED
        told = replace(account, role_arn=arn, status=status, status_reason=verification.problem, updated_at=now)
        if arn != account.role_arn and not verification.lets_in:
            return Verified(account=account, look=look, lets_in=False, may_act=False)
        await tx.accounts.set_role(account.id, arn, now=now)
        await tx.accounts.set_status(account.id, status, reason=verification.problem, now=now)
        await tx.sites.put_look(look)
        may_act = verification.is_enough_to(Need.ACT)
        return Verified(account=told, look=look, lets_in=verification.lets_in, may_act=may_act)

    async def disconnect(self, tx: Transaction, account: Account) -> None:
        """Forget an account, its external id and what was found there; clusters stay, without an account."""
        await tx.accounts.delete(account.id)
        self._services.aws.accounts.forget(role_of(account))


async def find(tx: Transaction, organization_id: UUID, aws_account_id: str) -> Account | None:
    """The account of an organisation by AWS' id."""
    accounts = await tx.accounts.of_organization(organization_id)
    return next((account for account in accounts if account.aws_account_id == aws_account_id), None)


def chosen_role(account: Account, role_arn: str) -> Role:
    """The role to be tried."""
    try:
        role = Role(arn=role_arn or account.role_arn, external_id=account.external_id)
    except ValueError as err:
        raise InputError("role", "role_arn", str(err)) from err
    if role.account_id != account.aws_account_id:
        raise InputError("role", "role_arn", f"belongs to account {role.account_id}, not {account.aws_account_id}")
    return role


def tried(verification: Verification) -> tuple[dict[str, str], ...]:
    """Each right that was tried, as it is stored."""
    return tuple(
        {
            "action": one.permission.action,
            "need": str(one.permission.need),
            "why": one.permission.why,
            "answer": str(one.answer),
            "detail": one.detail,
        }
        for one in verification.tried
    )
