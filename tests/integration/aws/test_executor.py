"""The executor keeps its promises against a world, and nothing reaches AWS without a permit."""

import pytest

from adapters.aws.calls import Calls
from adapters.aws.clients import Clients
from adapters.aws.executor.executor import BotoExecutor
from adapters.aws.failures import DeniedError, SafeModeError
from adapters.aws.memory.buckets import MemoryBuckets
from adapters.aws.ports.executor import ClusterRef, Done, GroupSize
from demo.aws import fill
from demo.aws.fill import Customer
from demo.aws.world import Fault, World
from domain.errors import InvariantError, RejectedError, TransientError
from domain.market import Pool
from domain.saga import TAG_STEP, LaunchFailure
from tests.integration.aws.conftest import Here, HurriedClock, own_session
from tests.unit.aws.builders import CLUSTER, REGION, Allowing, Refusing, make_order, make_place, make_pool
from tests.unit.aws.contracts import ExecutorContract, Group, unused

HASTE_S = 2.0
"""Longest silence in the test of time-outs: far above what a world takes on a busy machine for anything else."""

CODES = {LaunchFailure.QUOTA: "MaxSpotInstanceCountExceeded", LaunchFailure.CAPACITY: "InsufficientInstanceCapacity"}


class WorldStage:
    def __init__(self, world: World, owner: Customer, executor: BotoExecutor) -> None:
        self.world = world
        self.owner = owner
        self.executor = executor
        self._subnets = fill.subnets(owner, REGION)
        self._template = fill.add_template(owner, REGION, "workers")
        self._before = sum(world.changes().values())

    def fill(self, pool: Pool, room: int) -> None:
        self.world.fleets.rooms[(pool.instance_type, pool.zone_id)] = room

    def refuse(self, pool: Pool, failure: LaunchFailure) -> None:
        self.world.fleets.refusals[(pool.instance_type, pool.zone_id)] = CODES[failure]

    def subnet(self, zone_id: str) -> str:
        return self._subnets[zone_id]

    def template(self) -> str:
        return self._template

    def add_group(self, size: GroupSize) -> Group:
        members = fill.add_group(
            self.owner,
            REGION,
            CLUSTER.name,
            name="workers",
            template_id=self._template,
            size=(size.min, size.max, size.desired),
        )
        return Group(name="workers", members=members)

    def add_volume(self, instance_id: str) -> str:
        return fill.add_volume(self.owner, REGION, instance_id)

    def lose_answer(self, operation: str) -> None:
        self.world.faults.append(Fault(operation=operation, code="InternalError", status=500, after=True))

    def changes(self) -> int:
        return sum(self.world.changes().values()) - self._before


@pytest.fixture
def stage(world: World, owner: Customer, clients: Clients, clock: HurriedClock) -> WorldStage:
    return WorldStage(world, owner, BotoExecutor(clients, make_place(), clock))


class TestBotoExecutor(ExecutorContract):
    async def test_a_throttled_launch_is_asked_again_and_launches_once(self, stage: WorldStage) -> None:
        stage.world.faults.append(Fault(operation="CreateFleet", times=2))
        outcome = await stage.executor.launch_spot(self.order(stage), permit=Allowing())
        assert len(outcome.answer.launched) == 1
        assert stage.world.counts()["CreateFleet"] == 3

    async def test_a_launch_that_takes_too_long_to_answer_launches_once(
        self, stage: WorldStage, here: Here, clock: HurriedClock
    ) -> None:
        calls = Calls(threads=4)
        hasty = Clients(calls, MemoryBuckets(clock), clock, endpoint_url=here.url, own=own_session, silence_s=HASTE_S)
        stage.world.faults.append(Fault(operation="CreateFleet", after=True, delay_s=1.5 * HASTE_S))
        executor = BotoExecutor(hasty, make_place(), clock)
        outcome = await executor.launch_spot(self.order(stage), permit=Allowing())
        assert len(outcome.answer.launched) == 1
        assert len(await executor.find({TAG_STEP: "launch-1"})) == 1
        assert stage.world.counts()["CreateFleet"] == 2
        await calls.aclose()

    async def test_a_throttled_account_is_told_as_passing_after_three_tries(self, stage: WorldStage) -> None:
        stage.world.faults.append(Fault(operation="CreateFleet", times=9))
        with pytest.raises(TransientError):
            await stage.executor.launch_spot(self.order(stage), permit=Allowing())
        assert stage.world.counts()["CreateFleet"] == 3

    async def test_a_launch_is_found_again_after_ec2_has_forgotten_its_token(self, stage: WorldStage) -> None:
        first = await stage.executor.launch_spot(self.order(stage), permit=Allowing())
        stage.world.fleets.tokens.clear()
        again = await stage.executor.launch_spot(self.order(stage), permit=Allowing())
        assert again.done is Done.ALREADY
        assert again.answer.launched == first.answer.launched

    async def test_a_lost_answer_to_a_termination_in_a_group_costs_one_member(self, stage: WorldStage) -> None:
        group = stage.add_group(GroupSize(min=0, max=3, desired=3))
        stage.lose_answer("TerminateInstanceInAutoScalingGroup")
        await stage.executor.terminate_in_asg(group.members[0], group=group.name, permit=Allowing())
        assert (await stage.executor.group(group.name)).size.desired == 2
        assert stage.world.counts()["TerminateInstanceInAutoScalingGroup"] == 1

    async def test_a_missing_permission_is_named_and_nothing_is_launched(self, stage: WorldStage) -> None:
        stage.world.denied.add("ec2:CreateFleet")
        with pytest.raises(DeniedError, match="ec2:CreateFleet"):
            await stage.executor.launch_spot(self.order(stage), permit=Allowing())
        assert await stage.executor.find({TAG_STEP: "launch-1"}) == ()

    async def test_a_dry_run_of_what_is_not_allowed_says_so(self, stage: WorldStage) -> None:
        stage.world.denied.add("ec2:CreateFleet")
        with pytest.raises(DeniedError):
            await stage.executor.launch_spot(self.order(stage), permit=None)

    async def test_a_root_volume_is_never_detached(self, stage: WorldStage) -> None:
        name = await self.launch_one(stage)
        ec2 = stage.owner.client("ec2", REGION)
        (reservation,) = ec2.describe_instances(InstanceIds=[name])["Reservations"]
        root = reservation["Instances"][0]["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
        with pytest.raises(RejectedError, match="root volume"):
            await stage.executor.detach_volume(root, instance_id=name, unmounted=unused, permit=Allowing())

    async def test_a_volume_is_detached_only_after_it_is_unmounted(self, stage: WorldStage) -> None:
        name = await self.launch_one(stage)
        volume, looks = stage.add_volume(name), iter([False, False, True])

        async def unmounted() -> bool:
            assert stage.world.counts()["DetachVolume"] == 0
            return next(looks)

        done = await stage.executor.detach_volume(volume, instance_id=name, unmounted=unmounted, permit=Allowing())
        assert done is Done.CHANGED

    async def test_an_instance_of_the_clusters_group_name_is_ours_by_its_tags(self, stage: WorldStage) -> None:
        group = stage.add_group(GroupSize(min=0, max=3, desired=1))
        (status,) = await stage.executor.describe(group.members)
        assert status.cluster_names == (CLUSTER.name,)
        assert status.group == group.name
        stranger = ClusterRef(id=CLUSTER.id, name="another")
        with pytest.raises(RejectedError, match="does not belong"):
            await stage.executor.terminate_instance(group.members[0], cluster=stranger, permit=Allowing())

    async def test_a_storm_of_full_pools_ends_in_an_answer_that_names_them_all(self, stage: WorldStage) -> None:
        pools = [make_pool(f"{family}.{size}") for family in ("c6i", "m6i", "r6i") for size in ("large", "xlarge")]
        for pool in pools:
            stage.fill(pool, 0)
        outcome = await stage.executor.launch_spot(self.order(stage, *pools, count=3), permit=Allowing())
        assert outcome.answer.launched == ()
        assert set(outcome.exhausted) == set(pools)
        assert stage.world.counts()["CreateFleet"] == 1


class TestTheGates:
    async def test_a_change_without_a_permit_never_leaves_whoever_asks_for_it(
        self, clients: Clients, world: World
    ) -> None:
        before = world.counts()["TerminateInstances"]
        with pytest.raises(InvariantError, match="without a permit"):
            await clients.read(make_place(), "ec2", lambda ec2: ec2.terminate_instances(InstanceIds=["i-1"]))
        with pytest.raises(InvariantError, match="without a permit"):
            await clients.try_out(make_place(), "ec2", lambda ec2: ec2.terminate_instances(InstanceIds=["i-1"]))
        assert world.counts()["TerminateInstances"] == before

    async def test_the_permit_is_asked_at_the_door_for_each_change(self, clients: Clients, world: World) -> None:
        permit = Refusing()
        with pytest.raises(SafeModeError):
            await clients.change(
                make_place(), "ec2", lambda ec2: ec2.terminate_instances(InstanceIds=["i-1"]), permit=permit
            )
        assert permit.asked == ["ec2:TerminateInstances"]
        assert world.changes() == {}

    async def test_a_dry_run_needs_no_permit_and_changes_nothing(self, clients: Clients, world: World) -> None:
        with pytest.raises(RejectedError):
            await clients.try_out(
                make_place(), "ec2", lambda ec2: ec2.terminate_instances(InstanceIds=["i-1"], DryRun=True)
            )
        assert world.changes() == {}

    async def test_a_call_that_asks_for_everything_at_once_is_a_bug_of_ours(self, clients: Clients) -> None:
        with pytest.raises(InvariantError, match="without a filter"):
            await clients.read(make_place(), "ec2", lambda ec2: ec2.describe_instances())

    async def test_a_permit_that_is_taken_back_at_the_last_moment_leaves_a_dry_run(self, stage: WorldStage) -> None:
        class Hesitating(Allowing):
            async def allows(self, deed: str) -> bool:
                return await super().allows(deed) and len(self.asked) == 1

        outcome = await stage.executor.launch_spot(
            make_order(template=stage.template(), subnet=stage.subnet), permit=Hesitating()
        )
        assert outcome.done is Done.DRY_RUN
        assert stage.changes() == 0
