"""EC2 and Auto Scaling inside one process, as far as the executor changes them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from adapters.aws.failures import GoneError
from adapters.aws.ports.access import Permit
from adapters.aws.ports.executor import (
    ClusterRef,
    Done,
    GroupSize,
    GroupStatus,
    InstanceStatus,
    LaunchOrder,
    LaunchOutcome,
    Unmounted,
)
from adapters.clock import Clock
from domain.errors import InvariantError, RejectedError, TransientError
from domain.market import CapacityType, Pool
from domain.saga import (
    TAG_CLUSTER,
    TAG_STEP,
    InstanceState,
    LaunchAnswer,
    Launched,
    LaunchFailure,
    PoolFailure,
)

UNMOUNT_LIMIT_S = 120.0
STEP_S = 3.0


@dataclass
class MemoryCloud:
    """One account and region.

    Parameters
    ----------
    rooms
        Instances that a pool still has room for; pools that are not named have plenty.
    refusals
        What pools answer instead of launching, for reasons that are not theirs.
    failing
        Errors that the next changes end with, one each, before anything is changed.
    losing
        As ``failing``, after the change was made: the answer is lost.
    """

    instances: dict[str, InstanceStatus] = field(default_factory=dict)
    groups: dict[str, GroupStatus] = field(default_factory=dict)
    volumes: dict[str, str] = field(default_factory=dict)
    rooms: dict[Pool, int] = field(default_factory=dict)
    refusals: dict[Pool, LaunchFailure] = field(default_factory=dict)
    failing: list[Exception] = field(default_factory=list)
    losing: list[Exception] = field(default_factory=list)
    orders: dict[str, tuple[LaunchOrder, CapacityType, LaunchAnswer]] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)

    def begin(self, deed: str) -> None:
        """Note that a change is made."""
        if self.failing:
            raise self.failing.pop(0)
        self.changes.append(deed)

    def end(self) -> None:
        """Answer, or lose the answer."""
        if self.losing:
            raise self.losing.pop(0)


class MemoryExecutor:
    """The executor over a cloud in memory."""

    def __init__(self, cloud: MemoryCloud, clock: Clock) -> None:
        self.cloud = cloud
        self._clock = clock

    async def launch_spot(self, order: LaunchOrder, *, permit: Permit | None) -> LaunchOutcome:
        """Launch Spot instances, spread over the pools that have room."""
        return await self._launch(order, CapacityType.SPOT, permit)

    async def launch_on_demand(self, order: LaunchOrder, *, permit: Permit | None) -> LaunchOutcome:
        """Launch on-demand instances in the first of the choices that have room."""
        return await self._launch(order, CapacityType.ON_DEMAND, permit)

    async def terminate_instance(self, instance_id: str, *, cluster: ClusterRef, permit: Permit | None) -> Done:
        """Terminate an instance of this cluster."""
        (status,) = await self.describe([instance_id])
        if status.ends:
            return Done.ALREADY
        marked = status.tags.get(TAG_CLUSTER)
        if not (marked == cluster.id if marked else cluster.name in status.cluster_names):
            raise RejectedError(f"instance {instance_id} does not belong to cluster {cluster.name}")
        if status.group:
            raise RejectedError(f"instance {instance_id} is a member of group {status.group}")
        if not await _allows(permit, "ec2:TerminateInstances"):
            return Done.DRY_RUN
        self._end(instance_id, "ec2:TerminateInstances")
        return Done.CHANGED

    async def terminate_in_asg(self, instance_id: str, *, group: str, permit: Permit | None) -> Done:
        """Terminate a member of a group, and have the group want one less."""
        (status,) = await self.describe([instance_id])
        if status.ends:
            return Done.ALREADY
        if status.group != group:
            raise RejectedError(f"instance {instance_id} is a member of {status.group or 'no group'}, not of {group}")
        held = await self.group(group)
        if held.size.desired - 1 < held.size.min:
            raise RejectedError(f"group {group} would fall below its minimum of {held.size.min}")
        if not await _allows(permit, "autoscaling:TerminateInstanceInAutoScalingGroup"):
            return Done.DRY_RUN
        self._end(instance_id, "autoscaling:TerminateInstanceInAutoScalingGroup")
        members = {name: state for name, state in held.members.items() if name != instance_id}
        size = replace(held.size, desired=held.size.desired - 1)
        self.cloud.groups[group] = replace(held, size=size, members=members)
        return Done.CHANGED

    async def update_asg(self, group: str, size: GroupSize, *, permit: Permit | None) -> Done:
        """Set the size of a group."""
        held = await self.group(group)
        if held.size == size:
            return Done.ALREADY
        if not await _allows(permit, "autoscaling:UpdateAutoScalingGroup"):
            return Done.DRY_RUN
        self.cloud.begin("autoscaling:UpdateAutoScalingGroup")
        self.cloud.groups[group] = replace(held, size=size)
        self.cloud.end()
        return Done.CHANGED

    async def detach_volume(
        self, volume_id: str, *, instance_id: str, unmounted: Unmounted, permit: Permit | None
    ) -> Done:
        """Detach a volume once nothing uses it."""
        if volume_id not in self.cloud.volumes:
            raise GoneError(f"there is no volume {volume_id}")
        holder = self.cloud.volumes[volume_id]
        if not holder:
            return Done.ALREADY
        if holder != instance_id:
            raise RejectedError(f"volume {volume_id} hangs on {holder}, not on {instance_id}")
        if not await _allows(permit, "ec2:DetachVolume"):
            return Done.DRY_RUN
        ends = self._clock.monotonic() + UNMOUNT_LIMIT_S
        while not await unmounted():
            if self._clock.monotonic() >= ends:
                raise TransientError(f"volume {volume_id} is still in use after {UNMOUNT_LIMIT_S:.0f} s")
            await self._clock.sleep(STEP_S)
        self.cloud.begin("ec2:DetachVolume")
        self.cloud.volumes[volume_id] = ""
        self.cloud.end()
        return Done.CHANGED

    async def describe(self, instance_ids: Sequence[str]) -> tuple[InstanceStatus, ...]:
        """How these instances stand, in this order."""
        absent = InstanceState.ABSENT
        known = self.cloud.instances
        return tuple(known.get(name) or InstanceStatus(instance_id=name, state=absent) for name in instance_ids)

    async def find(self, tags: Mapping[str, str]) -> tuple[InstanceStatus, ...]:
        """Instances that carry all these tags and have not ended."""

        def carries(status: InstanceStatus) -> bool:
            return all(key in status.tags and value in ("", status.tags[key]) for key, value in tags.items())

        return tuple(status for status in self.cloud.instances.values() if carries(status) and not status.ends)

    async def group(self, name: str) -> GroupStatus:
        """How a group stands."""
        if name not in self.cloud.groups:
            raise GoneError(f"there is no Auto Scaling group {name}")
        return self.cloud.groups[name]

    async def _launch(self, order: LaunchOrder, capacity_type: CapacityType, permit: Permit | None) -> LaunchOutcome:
        if known := await self.find({TAG_STEP: order.token}):
            launched = tuple(_launched(status, capacity_type) for status in known)
            return LaunchOutcome(done=Done.ALREADY, answer=LaunchAnswer(launched=launched))
        if not await _allows(permit, "ec2:CreateFleet"):
            return LaunchOutcome(done=Done.DRY_RUN, answer=LaunchAnswer(launched=()))
        self.cloud.begin("ec2:CreateFleet")
        earlier = self.cloud.orders.get(order.token)
        if earlier is not None and earlier[:2] != (order, capacity_type):
            raise InvariantError(f"token {order.token} was used for another launch")
        answer = earlier[2] if earlier is not None else self._filled(order, capacity_type)
        self.cloud.orders[order.token] = (order, capacity_type, answer)
        self.cloud.end()
        return LaunchOutcome(done=Done.CHANGED, answer=answer)

    def _filled(self, order: LaunchOrder, capacity_type: CapacityType) -> LaunchAnswer:
        launched: list[Launched] = []
        failures: list[PoolFailure] = []
        for choice in order.choices:
            if len(launched) >= order.count:
                break
            failure = self.cloud.refusals.get(choice.pool)
            room = 0 if failure else self.cloud.rooms.get(choice.pool, order.count)
            taken = min(room, order.count - len(launched))
            if choice.pool in self.cloud.rooms:
                self.cloud.rooms[choice.pool] -= taken
            launched += [self._start(choice.pool, order, capacity_type) for _ in range(taken)]
            if len(launched) < order.count:
                meaning = failure or LaunchFailure.CAPACITY
                failures.append(PoolFailure(pool=choice.pool, failure=meaning, text=f"no room: {meaning}"))
        return LaunchAnswer(launched=tuple(launched), failures=tuple(failures))

    def _start(self, pool: Pool, order: LaunchOrder, capacity_type: CapacityType) -> Launched:
        name = f"i-{len(self.cloud.instances) + 1:017x}"
        self.cloud.instances[name] = InstanceStatus(
            instance_id=name,
            state=InstanceState.RUNNING,
            pool=pool,
            capacity_type=capacity_type,
            launched_at=self._clock.now(),
            tags={**order.tags, TAG_CLUSTER: order.cluster_id, TAG_STEP: order.token},
        )
        return Launched(instance_id=name, pool=pool, capacity_type=capacity_type)

    def _end(self, instance_id: str, deed: str) -> None:
        self.cloud.begin(deed)
        status = self.cloud.instances[instance_id]
        self.cloud.instances[instance_id] = replace(status, state=InstanceState.ENDING, stopped=False)
        self.cloud.end()


def with_group(cloud: MemoryCloud, name: str, size: GroupSize, members: Iterable[InstanceStatus]) -> None:
    """Put a group with its members into a cloud."""
    known = {status.instance_id: replace(status, group=name) for status in members}
    cloud.instances |= known
    cloud.groups[name] = GroupStatus(name=name, size=size, members=dict.fromkeys(known, "InService"))


async def _allows(permit: Permit | None, deed: str) -> bool:
    return permit is not None and await permit.allows(deed)


def _launched(status: InstanceStatus, capacity_type: CapacityType) -> Launched:
    if status.pool is None:
        raise TransientError(f"where instance {status.instance_id} was launched is not known")
    return Launched(
        instance_id=status.instance_id, pool=status.pool, capacity_type=status.capacity_type or capacity_type
    )
