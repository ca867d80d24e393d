"""Where connected clusters are: account, region, node groups and launch templates, by what discovery has stored."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from adapters.aws.discovery.stored import from_json
from adapters.aws.ports.access import Place, Role
from adapters.aws.ports.discovery import FoundCluster
from adapters.postgres.ports import Database
from domain.errors import RejectedError
from domain.fleet import Account, AccountStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A connected cluster in AWS.

    Parameters
    ----------
    place
        Where its executor works.
    found
        The cluster as it was last seen: `adapters.aws.discovery.launching.launch_base` tells what to launch from,
        ``scaling_groups`` the limits of each group, ``instances`` the members.
    seen_at
        When that was, UTC.
    """

    place: Place
    found: FoundCluster
    seen_at: datetime


class DiscoveredSites:
    """Finds clusters of customers by what discovery has stored."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def site(self, organization_id: UUID, cluster_id: UUID) -> Site:
        """Where a cluster is.

        Raises
        ------
        RejectedError
            It has no account, discovery has not found it there, or the account does not let us in any more.
        InputError
            What was stored is of another version: the next discovery mends it.
        """
        async with self._database.tenant(organization_id) as tx:
            known = await tx.sites.of_cluster(cluster_id)
        if known is None:
            raise RejectedError(f"cluster {cluster_id} was not found in any linked AWS account")
        account, seen = known
        if account.status is AccountStatus.FAILED:
            raise RejectedError(f"AWS account {account.aws_account_id} does not let us in: {account.status_reason}")
        place = Place(role=role_of(account), region=seen.region)
        return Site(place=place, found=from_json(seen.body), seen_at=seen.seen_at)


def role_of(account: Account) -> Role:
    """The role by which an account lets us in."""
    return Role(arn=account.role_arn, external_id=account.external_id)
