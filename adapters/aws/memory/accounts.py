"""Customers' accounts inside one process."""

from collections.abc import Collection, Mapping, Sequence

from adapters.aws.accounts.invite import invitation
from adapters.aws.accounts.permissions import ALL
from adapters.aws.ports.access import Role
from adapters.aws.ports.accounts import Answer, Invitation, Tried, Verification

SERVICE_ACCOUNT = "999999999999"
TEMPLATE_URL = "https://example-bucket.s3.amazonaws.com/spot-optimizer.yaml"


class MemoryAccountAccess:
    """Accounts that let a given set of roles in.

    Parameters
    ----------
    missing
        Actions that each role lacks; a role that is not named does not let us in.
    """

    def __init__(self, missing: Mapping[Role, Collection[str]] | None = None) -> None:
        self.missing = dict(missing or {})
        self.forgotten: list[Role] = []

    def invite(self, aws_account_id: str, *, external_id: str = "") -> Invitation:
        """What to give a customer."""
        return invitation(
            aws_account_id,
            service_account_id=SERVICE_ACCOUNT,
            external_id=external_id,
            template_url=TEMPLATE_URL,
            region="us-east-1",
        )

    async def verify(self, role: Role, *, regions: Sequence[str]) -> Verification:
        """Which permissions the role gives."""
        if role not in self.missing or not regions:
            return Verification(role=role, problem=f"permission sts:AssumeRole is missing: {role.arn}")
        lacking = self.missing[role]
        answers = {True: Answer.MISSING, False: Answer.GRANTED}
        return Verification(
            role=role, tried=tuple(Tried(permission=one, answer=answers[one.action in lacking]) for one in ALL)
        )

    def forget(self, role: Role) -> None:
        """Drop what is held of an account."""
        self.forgotten.append(role)
