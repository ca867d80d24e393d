"""Where clusters are: their account and region from storage, their launch templates from what was discovered there."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from actors.execution.aws import Source
from actors.execution.ports import Where
from actors.services import Services
from adapters.aws.discovery.launching import launch_base
from adapters.aws.ports.access import Place, Role
from adapters.aws.ports.discovery import FoundCluster
from adapters.aws.ports.executor import ClusterRef, Ec2Executor
from domain.errors import RejectedError, TransientError
from domain.fleet import Cluster

FRESH = timedelta(minutes=10)
"""How long a look into an account serves: launch templates and subnets change by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    at: datetime
    cluster: FoundCluster


class AccountSites:
    """`actors.execution.aws.Sites` of the accounts that customers have linked."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._looks: dict[UUID, _Look] = {}

    async def executor(self, where: Where) -> Ec2Executor:
        """The executor of the account and region of a cluster."""
        _, place = await self._place(where)
        return self._services.aws.executor(place)

    async def cluster(self, where: Where) -> ClusterRef:
        """The cluster as EKS knows it."""
        cluster, _ = await self._place(where)
        return ClusterRef(id=str(cluster.id), name=cluster.name)

    async def source(self, where: Where, template: str) -> Source:
        """What nodes of a customer's group are launched from."""
        base = launch_base(await self._found(where), template)
        return Source(template=base.template, subnets=base.subnets)

    async def _place(self, where: Where) -> tuple[Cluster, Place]:
        async with self._services.database.tenant(where.organization_id) as tx:
            cluster = await tx.clusters.get(where.cluster_id)
            account = None
            if cluster is not None and cluster.account_id is not None:
                account = await tx.accounts.get(cluster.account_id)
        if cluster is None or account is None:
            raise RejectedError(f"no AWS account is linked to cluster {where.cluster_id}")
        role = Role(arn=account.role_arn, external_id=account.external_id)
        return cluster, Place(role=role, region=cluster.region)

    async def _found(self, where: Where) -> FoundCluster:
        now = self._services.clock.now()
        look = self._looks.get(where.cluster_id)
        if look is None or now - look.at > FRESH:
            look = _Look(at=now, cluster=await self._discover(where))
            self._looks[where.cluster_id] = look
        return look.cluster

    async def _discover(self, where: Where) -> FoundCluster:
        cluster, place = await self._place(where)
        found = await self._services.aws.discovery.discover(place.role, regions=(place.region,), with_usage=False)
        for one in found.clusters:
            if one.key == (cluster.region, cluster.name):
                return one
        if place.region in found.blind:
            raise TransientError(f"{place} could not be seen: {found.blind[place.region]}")
        raise RejectedError(f"{place} has no EKS cluster {cluster.name}")
