"""EC2 for sagas: finds account, region and launch template of a cluster, and lets the executor there do it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from actors.execution.ports import Membership, Permit, Ruling, Where
from adapters.aws.ports.executor import (
    Choice,
    ClusterRef,
    Done,
    Ec2Executor,
    GroupSize,
    LaunchOrder,
    TemplateRef,
)
from domain.errors import RejectedError, TransientError
from domain.market import CapacityType
from domain.saga import InstanceView, LaunchAnswer, LaunchFailure, LaunchRequest, PoolFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What nodes of a template are launched from, and the subnet of each zone (by its id)."""

    template: TemplateRef
    subnets: Mapping[str, str]


class Sites(Protocol):
    """Knows where clusters are."""

    async def executor(self, where: Where) -> Ec2Executor:
        """The executor of the account and region of a cluster.

        Raises
        ------
        RejectedError
            No account is linked to it.
        """

    async def cluster(self, where: Where) -> ClusterRef:
        """The cluster as EKS knows it."""

    async def source(self, where: Where, template: str) -> Source:
        """What nodes of a customer's group are launched from.

        Raises
        ------
        RejectedError
            There is no such group, or it has no launch template.
        """


class AccountEc2:
    """`actors.execution.ports.Ec2` over the executors of many accounts."""

    def __init__(self, sites: Sites, permit: Permit) -> None:
        self._sites = sites
        self._permit = permit

    async def launch(self, request: LaunchRequest) -> LaunchAnswer:
        """Launch; zones without a subnet give nothing."""
        where = Where(organization_id=request.organization_id, cluster_id=request.cluster_id)
        source = await self._sites.source(where, request.template)
        known = [pool for pool in request.pools if pool.zone_id in source.subnets]
        homeless = tuple(
            PoolFailure(pool=pool, failure=LaunchFailure.CONFIG, text=f"{request.template} has no subnet in its zone")
            for pool in request.pools
            if pool not in known
        )
        if not known:
            return LaunchAnswer(launched=(), failures=homeless)
        order = LaunchOrder(
            token=request.token,
            cluster_id=str(request.cluster_id),
            template=source.template,
            choices=tuple(Choice(pool=pool, subnet_id=source.subnets[pool.zone_id]) for pool in known),
            count=request.count,
            tags=request.tags,
        )
        executor, permit = await self._sites.executor(where), self._bound(where)
        if request.capacity_type is CapacityType.SPOT:
            outcome = await executor.launch_spot(order, permit=permit)
        else:
            outcome = await executor.launch_on_demand(order, permit=permit)
        _refuse_dry(outcome.done)
        return LaunchAnswer(launched=outcome.answer.launched, failures=(*outcome.answer.failures, *homeless))

    async def find(self, where: Where, *, tags: Mapping[str, str]) -> tuple[InstanceView, ...]:
        """Instances that carry all these tags and have not ended."""
        found = await (await self._sites.executor(where)).find(tags)
        return tuple(status.view for status in found if not status.ends)

    async def describe(self, where: Where, instance_ids: Sequence[str]) -> tuple[InstanceView, ...]:
        """One view for each id."""
        return tuple(status.view for status in await (await self._sites.executor(where)).describe(instance_ids))

    async def memberships(self, where: Where, instance_ids: Sequence[str]) -> Mapping[str, Membership]:
        """Groups of those of these instances that are in one."""
        if not instance_ids:
            return {}
        executor = await self._sites.executor(where)
        group_of = {one.instance_id: one.group for one in await executor.describe(instance_ids) if one.group}
        groups = {name: (await executor.group(name)).size for name in sorted(set(group_of.values()))}
        return {
            instance: Membership(group=name, minimum=groups[name].min, desired=groups[name].desired)
            for instance, name in group_of.items()
        }

    async def terminate(self, where: Where, instance_id: str) -> None:
        """End an instance that is in no group."""
        executor, cluster = await self._sites.executor(where), await self._sites.cluster(where)
        _refuse_dry(await executor.terminate_instance(instance_id, cluster=cluster, permit=self._bound(where)))

    async def terminate_in_asg(self, where: Where, instance_id: str, *, asg: str) -> None:
        """End a member of a group and shrink the group by one."""
        executor = await self._sites.executor(where)
        _refuse_dry(await executor.terminate_in_asg(instance_id, group=asg, permit=self._bound(where)))

    async def update_asg(self, where: Where, asg: str, *, minimum: int) -> None:
        """Set the minimum of a group.

        Raises
        ------
        RejectedError
            It lies above the group's desired size, or below 0.
        """
        executor = await self._sites.executor(where)
        size = (await executor.group(asg)).size
        if not 0 <= minimum <= size.desired:
            raise RejectedError(f"the minimum of group {asg} must be within 0..{size.desired}, not {minimum}")
        wanted = GroupSize(min=minimum, max=size.max, desired=size.desired)
        _refuse_dry(await executor.update_asg(asg, wanted, permit=self._bound(where)))

    async def detach_volume(self, where: Where, volume_id: str, *, instance_id: str) -> None:
        """Detach a volume that was seen to be unmounted."""
        executor = await self._sites.executor(where)
        done = await executor.detach_volume(
            volume_id, instance_id=instance_id, unmounted=_unmounted, permit=self._bound(where)
        )
        _refuse_dry(done)

    def _bound(self, where: Where) -> "_Bound":
        return _Bound(self._permit, where)


class _Bound:
    """A permit for one cluster, as the adapters ask for it: in the innermost layer, once more before each call."""

    __slots__ = ("_permit", "_where")

    def __init__(self, permit: Permit, where: Where) -> None:
        self._permit = permit
        self._where = where

    async def allows(self, deed: str) -> bool:
        return await self._permit.ask(self._where, deed) is Ruling.GO


async def _unmounted() -> bool:
    """A saga asks for this only after the cluster has shown that nothing uses the volume."""
    return True


def _refuse_dry(done: Done) -> None:
    """A change that was only tried has not happened: safe mode came between our permit and the call."""
    if done is Done.DRY_RUN:
        raise TransientError("not permitted any more: it was only tried as a dry run")
