"""Access to customers' accounts through boto3."""

from collections.abc import Sequence

from adapters.aws.accounts.invite import invitation
from adapters.aws.accounts.verify import BotoVerifier
from adapters.aws.clients import Clients
from adapters.aws.ports.access import Role
from adapters.aws.ports.accounts import Invitation, Verification
from adapters.clock import Clock


class BotoAccountAccess:
    """Links accounts.

    Parameters
    ----------
    service_account_id
        The AWS account that we run in.
    template_url
        Where AWS finds the template (S3), empty where nobody has put it there.
    """

    def __init__(
        self,
        clients: Clients,
        clock: Clock,
        *,
        service_account_id: str,
        template_url: str = "",
        home: str = "us-east-1",
    ) -> None:
        self._clients = clients
        self._verifier = BotoVerifier(clients, clock)
        self._service_account_id = service_account_id
        self._template_url = template_url
        self._home = home

    def invite(self, aws_account_id: str, *, external_id: str = "") -> Invitation:
        """What to give a customer."""
        return invitation(
            aws_account_id,
            service_account_id=self._service_account_id,
            external_id=external_id,
            template_url=self._template_url,
            region=self._home,
        )

    async def verify(self, role: Role, *, regions: Sequence[str]) -> Verification:
        """Sign in and try each permission."""
        return await self._verifier.verify(role, regions=regions)

    def forget(self, role: Role) -> None:
        """Drop what is held of an account."""
        self._clients.forget(role)
