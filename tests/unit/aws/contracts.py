"""What buckets and the executor promise. Run over the twins (unit) and over Redis and a world (integration)."""

from dataclasses import dataclass
from typing import Protocol

import pytest

from adapters.aws.failures import GoneError
from adapters.aws.ports.buckets import Bucket, Buckets
from adapters.aws.ports.executor import ClusterRef, Done, Ec2Executor, GroupSize
from domain.errors import InvariantError, RejectedError, TransientError
from domain.market import CapacityType, Pool
from domain.saga import TAG_CLUSTER, TAG_STEP, LaunchFailure
from tests.unit.aws.builders import CLUSTER, Allowing, Refusing, make_order, make_pool

SMALL = Bucket(size=3, per_s=0.5)


class BucketsContract:
    """A subclass gives the fixture ``buckets``."""

    async def test_a_full_bucket_gives_its_size_at_once_and_then_makes_callers_wait_in_turn(
        self, buckets: Buckets
    ) -> None:
        waits = [await buckets.reserve("a", SMALL, most_wait_s=60) for _ in range(5)]
        assert waits == pytest.approx([0, 0, 0, 2, 4], abs=0.2)

    async def test_a_wait_that_is_too_long_takes_nothing(self, buckets: Buckets) -> None:
        await buckets.reserve("a", SMALL, tokens=3, most_wait_s=0)
        assert await buckets.reserve("a", SMALL, most_wait_s=1) is None
        assert await buckets.reserve("a", SMALL, most_wait_s=60) == pytest.approx(2, abs=0.2)

    async def test_buckets_of_other_keys_stay_full(self, buckets: Buckets) -> None:
        await buckets.reserve("a", SMALL, tokens=3, most_wait_s=0)
        assert await buckets.reserve("b", SMALL, most_wait_s=0) == 0

    async def test_a_drained_bucket_makes_the_next_caller_wait(self, buckets: Buckets) -> None:
        await buckets.drain("a", SMALL)
        assert await buckets.reserve("a", SMALL, most_wait_s=60) == pytest.approx(2, abs=0.2)

    async def test_draining_forgives_no_debt(self, buckets: Buckets) -> None:
        await buckets.reserve("a", SMALL, tokens=5, most_wait_s=60)
        await buckets.drain("a", SMALL)
        assert await buckets.reserve("a", SMALL, most_wait_s=60) == pytest.approx(6, abs=0.2)

    async def test_more_tokens_than_a_bucket_holds_are_waited_for(self, buckets: Buckets) -> None:
        assert await buckets.reserve("a", SMALL, tokens=4, most_wait_s=60) == pytest.approx(2, abs=0.2)


class Stage(Protocol):
    """What a test may do to the other side of an executor."""

    executor: Ec2Executor

    def fill(self, pool: Pool, room: int) -> None:
        """Leave a pool this much room."""

    def refuse(self, pool: Pool, failure: LaunchFailure) -> None:
        """Have a pool refuse launches for a reason that is not its own."""

    def subnet(self, zone_id: str) -> str:
        """A subnet of a zone."""

    def template(self) -> str:
        """Id of a launch template."""

    def add_group(self, size: GroupSize) -> "Group":
        """A group with as many members as it wants."""

    def add_volume(self, instance_id: str) -> str:
        """A volume on an instance."""

    def lose_answer(self, operation: str) -> None:
        """Have the next such call done, and its answer lost."""

    def changes(self) -> int:
        """How many changes reached AWS."""


@dataclass(frozen=True)
class Group:
    name: str
    members: tuple[str, ...]


ALLOWING = Allowing()


class ExecutorContract:
    """A subclass gives the fixture ``stage``."""

    async def launch_one(self, stage: Stage, token: str = "launch-1") -> str:
        outcome = await stage.executor.launch_spot(self.order(stage, token=token), permit=ALLOWING)
        return outcome.answer.launched[0].instance_id

    def order(self, stage: Stage, *pools: Pool, token: str = "launch-1", count: int = 1):  # type: ignore[no-untyped-def]
        return make_order(*pools, token=token, count=count, template=stage.template(), subnet=stage.subnet)

    async def test_a_launch_gives_instances_with_their_pool_and_our_tags(self, stage: Stage) -> None:
        outcome = await stage.executor.launch_spot(self.order(stage), permit=ALLOWING)
        assert outcome.done is Done.CHANGED
        (launched,) = outcome.answer.launched
        assert (launched.pool, launched.capacity_type) == (make_pool(), CapacityType.SPOT)
        (status,) = await stage.executor.describe([launched.instance_id])
        assert status.pool == make_pool()
        assert status.capacity_type is CapacityType.SPOT
        tags = {TAG_CLUSTER: CLUSTER.id, TAG_STEP: "launch-1", "Name": "shop-node"}
        assert tags.items() <= status.tags.items()

    async def test_an_on_demand_launch_takes_the_first_choice_that_has_room(self, stage: Stage) -> None:
        first, second = make_pool("m6i.2xlarge"), make_pool("m6i.large")
        stage.fill(first, 0)
        outcome = await stage.executor.launch_on_demand(self.order(stage, first, second), permit=ALLOWING)
        assert [one.pool for one in outcome.answer.launched] == [second]
        assert outcome.answer.launched[0].capacity_type is CapacityType.ON_DEMAND
        assert outcome.exhausted == (first,)

    async def test_the_same_launch_asked_twice_launches_once(self, stage: Stage) -> None:
        first = await stage.executor.launch_spot(self.order(stage, count=2), permit=ALLOWING)
        again = await stage.executor.launch_spot(self.order(stage, count=2), permit=ALLOWING)
        assert again.done is Done.ALREADY
        assert {one.instance_id for one in again.answer.launched} == {one.instance_id for one in first.answer.launched}
        assert len(await stage.executor.find({TAG_CLUSTER: CLUSTER.id})) == 2

    async def test_a_lost_answer_to_a_launch_leads_to_the_same_instances(self, stage: Stage) -> None:
        stage.lose_answer("CreateFleet")
        outcome = await self.try_twice(stage)
        assert len(outcome.answer.launched) == 1
        assert len(await stage.executor.find({TAG_STEP: "launch-1"})) == 1

    async def try_twice(self, stage: Stage):  # type: ignore[no-untyped-def]
        try:
            return await stage.executor.launch_spot(self.order(stage), permit=ALLOWING)
        except TransientError:
            return await stage.executor.launch_spot(self.order(stage), permit=ALLOWING)

    async def test_a_fleet_that_is_filled_in_part_tells_which_pools_had_no_room(self, stage: Stage) -> None:
        narrow, full = make_pool("c6i.large"), make_pool("m6i.large", "use1-az2")
        stage.fill(narrow, 1)
        stage.fill(full, 0)
        outcome = await stage.executor.launch_spot(self.order(stage, narrow, full, count=3), permit=ALLOWING)
        assert [one.pool for one in outcome.answer.launched] == [narrow]
        assert set(outcome.exhausted) == {narrow, full}

    async def test_a_quota_is_no_lack_of_capacity(self, stage: Stage) -> None:
        stage.refuse(make_pool(), LaunchFailure.QUOTA)
        outcome = await stage.executor.launch_spot(self.order(stage), permit=ALLOWING)
        assert outcome.answer.launched == ()
        assert [one.failure for one in outcome.answer.failures] == [LaunchFailure.QUOTA]
        assert outcome.exhausted == ()

    async def test_one_token_for_two_launches_is_a_bug_of_ours(self, stage: Stage) -> None:
        stage.fill(make_pool(), 0)
        await stage.executor.launch_spot(self.order(stage), permit=ALLOWING)
        with pytest.raises(InvariantError):
            await stage.executor.launch_spot(self.order(stage, make_pool("c6i.large")), permit=ALLOWING)

    async def test_nothing_is_changed_without_the_permit(self, stage: Stage) -> None:
        ours, group = await self.launch_one(stage), stage.add_group(GroupSize(min=0, max=3, desired=1))
        volume, before = stage.add_volume(ours), stage.changes()
        executor, size = stage.executor, GroupSize(min=0, max=5, desired=0)
        for permit in (Refusing(), None):
            order = self.order(stage, token="launch-2")
            assert (await executor.launch_spot(order, permit=permit)).done is Done.DRY_RUN
            assert (await executor.launch_on_demand(order, permit=permit)).done is Done.DRY_RUN
            assert await executor.terminate_instance(ours, cluster=CLUSTER, permit=permit) is Done.DRY_RUN
            member = group.members[0]
            assert await executor.terminate_in_asg(member, group=group.name, permit=permit) is Done.DRY_RUN
            assert await executor.update_asg(group.name, size, permit=permit) is Done.DRY_RUN
            done = await executor.detach_volume(volume, instance_id=ours, unmounted=unused, permit=permit)
            assert done is Done.DRY_RUN
        assert stage.changes() == before

    async def test_an_instance_of_ours_is_terminated_once(self, stage: Stage) -> None:
        name = await self.launch_one(stage)
        assert await stage.executor.terminate_instance(name, cluster=CLUSTER, permit=ALLOWING) is Done.CHANGED
        assert await stage.executor.terminate_instance(name, cluster=CLUSTER, permit=ALLOWING) is Done.ALREADY
        (status,) = await stage.executor.describe([name])
        assert status.ends
        assert await stage.executor.find({TAG_CLUSTER: ""}) == ()

    async def test_an_instance_that_nobody_knows_has_ended(self, stage: Stage) -> None:
        unknown = "i-0fffffffffffffff0"
        assert await stage.executor.terminate_instance(unknown, cluster=CLUSTER, permit=ALLOWING) is Done.ALREADY
        (status,) = await stage.executor.describe([unknown])
        assert status.ends

    async def test_an_instance_of_another_cluster_is_left_alone(self, stage: Stage) -> None:
        name, other = await self.launch_one(stage), ClusterRef(id="another", name="shop")
        with pytest.raises(RejectedError, match="does not belong"):
            await stage.executor.terminate_instance(name, cluster=other, permit=ALLOWING)

    async def test_a_member_of_a_group_is_not_terminated_as_if_it_were_alone(self, stage: Stage) -> None:
        group = stage.add_group(GroupSize(min=0, max=3, desired=1))
        with pytest.raises(RejectedError, match="group"):
            await stage.executor.terminate_instance(group.members[0], cluster=CLUSTER, permit=ALLOWING)

    async def test_a_member_ends_with_its_group_wanting_one_less_and_only_once(self, stage: Stage) -> None:
        group = stage.add_group(GroupSize(min=0, max=3, desired=2))
        member = group.members[0]
        assert await stage.executor.terminate_in_asg(member, group=group.name, permit=ALLOWING) is Done.CHANGED
        assert await stage.executor.terminate_in_asg(member, group=group.name, permit=ALLOWING) is Done.ALREADY
        assert (await stage.executor.group(group.name)).size == GroupSize(min=0, max=3, desired=1)

    async def test_a_group_never_falls_below_its_minimum(self, stage: Stage) -> None:
        group = stage.add_group(GroupSize(min=1, max=3, desired=1))
        with pytest.raises(RejectedError, match="below its minimum of 1"):
            await stage.executor.terminate_in_asg(group.members[0], group=group.name, permit=ALLOWING)

    async def test_a_member_of_another_group_is_left_alone(self, stage: Stage) -> None:
        group = stage.add_group(GroupSize(min=0, max=3, desired=1))
        with pytest.raises(RejectedError, match="not of"):
            await stage.executor.terminate_in_asg(group.members[0], group="another", permit=ALLOWING)

    async def test_the_size_of_a_group_is_set_once(self, stage: Stage) -> None:
        group, size = stage.add_group(GroupSize(min=1, max=3, desired=1)), GroupSize(min=0, max=4, desired=0)
        assert await stage.executor.update_asg(group.name, size, permit=ALLOWING) is Done.CHANGED
        assert (await stage.executor.group(group.name)).size == size
        assert await stage.executor.update_asg(group.name, size, permit=ALLOWING) is Done.ALREADY

    async def test_a_group_that_is_not_there_is_told_as_gone(self, stage: Stage) -> None:
        with pytest.raises(GoneError):
            await stage.executor.update_asg("nowhere", GroupSize(min=0, max=1, desired=0), permit=ALLOWING)

    async def test_a_volume_is_detached_once(self, stage: Stage) -> None:
        name = await self.launch_one(stage)
        volume = stage.add_volume(name)
        for expected in (Done.CHANGED, Done.ALREADY):
            done = await stage.executor.detach_volume(volume, instance_id=name, unmounted=unused, permit=ALLOWING)
            assert done is expected

    async def test_a_volume_on_another_instance_is_left_alone(self, stage: Stage) -> None:
        volume = stage.add_volume(await self.launch_one(stage))
        with pytest.raises(RejectedError, match="hangs on"):
            await stage.executor.detach_volume(
                volume, instance_id="i-0fffffffffffffff0", unmounted=unused, permit=ALLOWING
            )


async def unused() -> bool:
    return True
