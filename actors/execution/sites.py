"""Where the clusters of sagas are, by what discovery has stored."""

from actors.accounts.sites import DiscoveredSites
from actors.execution.aws import Source
from actors.execution.ports import Where
from actors.services import Services
from adapters.aws.discovery.launching import launch_base
from adapters.aws.ports.executor import ClusterRef, Ec2Executor


class AccountSites:
    """`actors.execution.aws.Sites` in the accounts that customers have linked."""

    def __init__(self, services: Services) -> None:
        self._aws = services.aws
        self._sites = DiscoveredSites(services.database)

    async def executor(self, where: Where) -> Ec2Executor:
        """The executor of the account and region of a cluster."""
        site = await self._sites.site(where.organization_id, where.cluster_id)
        return self._aws.executor(site.place)

    async def cluster(self, where: Where) -> ClusterRef:
        """The cluster as EKS knows it."""
        site = await self._sites.site(where.organization_id, where.cluster_id)
        return ClusterRef(id=str(where.cluster_id), name=site.found.name)

    async def source(self, where: Where, template: str) -> Source:
        """What nodes of a customer's group are launched from."""
        site = await self._sites.site(where.organization_id, where.cluster_id)
        base = launch_base(site.found, template)
        return Source(template=base.template, subnets=base.subnets)
