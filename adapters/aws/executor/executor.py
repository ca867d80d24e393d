"""Changes at AWS through boto3: looked up before they are asked, asked once, looked up again when no answer came."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from adapters.aws.clients import Clients
from adapters.aws.executor import fleet
from adapters.aws.executor.status import ALIVE, MOST_FILTER_VALUES, group_of, instances, status_of
from adapters.aws.executor.volumes import VolumeWork
from adapters.aws.failures import DryRunPassedError, GoneError, SafeModeError
from adapters.aws.ports.access import Permit, Place
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
from adapters.aws.zones import zone_ids
from adapters.clock import Clock
from domain.errors import RejectedError, TransientError
from domain.market import CapacityType, Pool
from domain.saga import TAG_CLUSTER, TAG_STEP, InstanceState, LaunchAnswer, Launched

T = TypeVar("T")

PAUSES_S = (1.0, 4.0)
"""Before the second and the third try of a change that came to nothing."""

ENDING = ("Terminating", "Terminated", "Detaching", "Detached")
"""Beginnings of the lifecycle states of a member that is leaving its group."""


class BotoExecutor:
    """Changes in one account and region."""

    def __init__(self, clients: Clients, place: Place, clock: Clock) -> None:
        self._clients = clients
        self._place = place
        self._clock = clock
        self._zone_ids: dict[str, str] = {}

    async def launch_spot(self, order: LaunchOrder, *, permit: Permit | None) -> LaunchOutcome:
        """Launch Spot instances in whichever of the pools are cheap and deep."""
        return await self._launch(order, CapacityType.SPOT, permit)

    async def launch_on_demand(self, order: LaunchOrder, *, permit: Permit | None) -> LaunchOutcome:
        """Launch on-demand instances in the first of the choices that have room."""
        return await self._launch(order, CapacityType.ON_DEMAND, permit)

    async def terminate_instance(self, instance_id: str, *, cluster: ClusterRef, permit: Permit | None) -> Done:
        """Terminate an instance of this cluster."""
        (status,) = await self.describe([instance_id])
        if status.ends:
            return Done.ALREADY
        _refuse_foreign(status, cluster)
        if status.group:
            problem = f"is a member of group {status.group}, which would launch another in its place"
            raise RejectedError(f"instance {instance_id} {problem}")

        def terminate(ec2: Any, *, dry: bool) -> Any:
            return ec2.terminate_instances(InstanceIds=[instance_id], DryRun=dry)

        return await self._change_ec2("ec2:TerminateInstances", terminate, permit)

    async def terminate_in_asg(self, instance_id: str, *, group: str, permit: Permit | None) -> Done:
        """Terminate a member of a group, and have the group want one less."""
        deed = "autoscaling:TerminateInstanceInAutoScalingGroup"
        asked = {"InstanceId": instance_id, "ShouldDecrementDesiredCapacity": True}

        def terminate(client: Any) -> Any:
            return client.terminate_instance_in_auto_scaling_group(**asked)

        async def attempt() -> Done:
            # Looked up before each try: a second decrement would cost the group another member.
            if await self._is_leaving(instance_id, group):
                return Done.ALREADY
            _refuse_too_small(await self.group(group))
            return await self._change("autoscaling", deed, work=terminate, permit=permit)

        return await self._again(attempt)

    async def update_asg(self, group: str, size: GroupSize, *, permit: Permit | None) -> Done:
        """Set the size of a group."""
        deed = "autoscaling:UpdateAutoScalingGroup"
        asked = {
            "AutoScalingGroupName": group,
            "MinSize": size.min,
            "MaxSize": size.max,
            "DesiredCapacity": size.desired,
        }

        def resize(client: Any) -> Any:
            return client.update_auto_scaling_group(**asked)

        async def attempt() -> Done:
            if (await self.group(group)).size == size:
                return Done.ALREADY
            return await self._change("autoscaling", deed, work=resize, permit=permit)

        return await self._again(attempt)

    async def detach_volume(
        self, volume_id: str, *, instance_id: str, unmounted: Unmounted, permit: Permit | None
    ) -> Done:
        """Detach a volume once nothing uses it."""
        work = VolumeWork(self._clients, self._place, self._clock, volume_id=volume_id, instance_id=instance_id)
        if not await work.is_attached():
            return Done.ALREADY
        if permit is not None and await permit.allows("ec2:DetachVolume"):
            await work.wait_until_unmounted(unmounted)
        done = await self._change_ec2("ec2:DetachVolume", work.detach, permit)
        if done is Done.CHANGED:
            await work.wait_until_available()
        return done

    async def describe(self, instance_ids: Sequence[str]) -> tuple[InstanceStatus, ...]:
        """How these instances stand, in this order."""
        found: dict[str, InstanceStatus] = {}
        absent = InstanceState.ABSENT
        for start in range(0, len(instance_ids), MOST_FILTER_VALUES):
            # A filter rather than ids: unknown ones are then left out instead of failing the call.
            some = list(instance_ids[start : start + MOST_FILTER_VALUES])
            found |= {status.instance_id: status for status in await self._statuses({"instance-id": some})}
        return tuple(found.get(name) or InstanceStatus(instance_id=name, state=absent) for name in instance_ids)

    async def find(self, tags: Mapping[str, str]) -> tuple[InstanceStatus, ...]:
        """Instances that carry all these tags and have not ended."""
        filters = {f"tag:{key}": [value or "*"] for key, value in tags.items()}
        return await self._statuses(filters | {"instance-state-name": list(ALIVE)})

    async def group(self, name: str) -> GroupStatus:
        """How a group stands."""

        def ask(client: Any) -> GroupStatus:
            found = client.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
            if not found:
                raise GoneError(f"there is no Auto Scaling group {name} in {self._place}")
            return group_of(found[0])

        return await self._clients.read(self._place, "autoscaling", ask)

    async def _launch(self, order: LaunchOrder, capacity_type: CapacityType, permit: Permit | None) -> LaunchOutcome:
        # EC2 forgets client tokens after a time, its tags stay with the instances.
        if known := await self.find({TAG_STEP: order.token}):
            pools = {status.instance_id: status.pool for status in known}
            answer = LaunchAnswer(launched=await self._placed(pools, capacity_type))
            return LaunchOutcome(done=Done.ALREADY, answer=answer)
        asked = fleet.request(order, capacity_type)
        answers: list[dict[str, Any]] = []

        def launch(ec2: Any, *, dry: bool) -> None:
            answers.append(ec2.create_fleet(DryRun=dry, **asked))

        done = await self._change_ec2("ec2:CreateFleet", launch, permit)
        given = answers[-1] if answers else {}
        launched = await self._placed(fleet.launched(given, order), capacity_type)
        return LaunchOutcome(
            done=done, answer=LaunchAnswer(launched=launched, failures=fleet.failures_of(given, order))
        )

    async def _placed(self, pools: Mapping[str, Pool | None], capacity_type: CapacityType) -> tuple[Launched, ...]:
        """Instances with their pools; EC2 is asked for those whose pool its answer did not tell."""
        statuses = await self.describe([name for name, pool in pools.items() if pool is None])
        known = dict(pools) | {status.instance_id: status.pool for status in statuses}
        launched = []
        for name, pool in known.items():
            if pool is None:
                raise TransientError(f"EC2 does not tell yet where instance {name} was launched")
            launched.append(Launched(instance_id=name, pool=pool, capacity_type=capacity_type))
        return tuple(launched)

    async def _change_ec2(self, deed: str, work: Callable[..., Any], permit: Permit | None) -> Done:
        """Make a change of EC2, again when no answer came: each of them may be asked twice."""

        async def attempt() -> Done:
            done = await self._change("ec2", deed, work=lambda ec2: work(ec2, dry=False), permit=permit)
            return await self._tried(work) if done is Done.DRY_RUN else done

        return await self._again(attempt)

    # Auto Scaling knows no dry run: then nothing is sent at all.
    async def _change(self, service: str, deed: str, *, work: Callable[[Any], Any], permit: Permit | None) -> Done:
        if permit is None or not await permit.allows(deed):
            return Done.DRY_RUN
        try:
            await self._clients.change(self._place, service, work, permit=permit)
        except SafeModeError:
            # The permit was taken back between the question above and the one at the door.
            return Done.DRY_RUN
        return Done.CHANGED

    async def _tried(self, work: Callable[..., Any]) -> Done:
        try:
            await self._clients.try_out(self._place, "ec2", lambda ec2: work(ec2, dry=True))
        except DryRunPassedError:
            return Done.DRY_RUN
        raise TransientError("EC2 answered a dry run as if it were none")

    async def _again(self, attempt: Callable[[], Awaitable[T]]) -> T:
        for pause_s in PAUSES_S:
            try:
                return await attempt()
            except TransientError:
                await self._clock.sleep(pause_s)
        return await attempt()

    async def _is_leaving(self, instance_id: str, group: str) -> bool:
        """Whether a member leaves its group already, or has left.

        Raises
        ------
        RejectedError
            It is no member of this group, or in its warm pool.
        """

        def ask(client: Any) -> list[dict[str, Any]]:
            answer = client.describe_auto_scaling_instances(InstanceIds=[instance_id])
            return list(answer["AutoScalingInstances"])

        found = await self._clients.read(self._place, "autoscaling", ask)
        if not found:
            (status,) = await self.describe([instance_id])
            if status.ends:
                return True
            raise RejectedError(f"instance {instance_id} is a member of no group")
        member, state = found[0]["AutoScalingGroupName"], str(found[0]["LifecycleState"])
        if member != group:
            raise RejectedError(f"instance {instance_id} is a member of group {member}, not of {group}")
        if state.startswith("Warmed"):
            raise RejectedError(f"instance {instance_id} is in the warm pool of group {group}")
        return state.startswith(ENDING)

    async def _statuses(self, asked: Mapping[str, Sequence[str]]) -> tuple[InstanceStatus, ...]:
        filters = [{"Name": name, "Values": list(values)} for name, values in asked.items()]
        region, known = self._place.region, await self._known_zone_ids()

        def ask(ec2: Any) -> tuple[InstanceStatus, ...]:
            return tuple(status_of(item, region=region, zone_ids=known) for item in instances(ec2, filters))

        return await self._clients.read(self._place, "ec2", ask)

    async def _known_zone_ids(self) -> dict[str, str]:
        if not self._zone_ids:
            self._zone_ids = await self._clients.read(self._place, "ec2", zone_ids)
        return self._zone_ids


def _refuse_foreign(status: InstanceStatus, cluster: ClusterRef) -> None:
    # Our own tag has the last word: names are free to be used again.
    marked = status.tags.get(TAG_CLUSTER)
    belongs = marked == cluster.id if marked else cluster.name in status.cluster_names
    if not belongs:
        raise RejectedError(f"instance {status.instance_id} does not belong to cluster {cluster.name}")


def _refuse_too_small(group: GroupStatus) -> None:
    if group.size.desired - 1 < group.size.min:
        raise RejectedError(f"group {group.name} would fall below its minimum of {group.size.min}")
