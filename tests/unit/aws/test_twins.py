"""The twins keep the promises of buckets and executor."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.aws.memory.buckets import MemoryBuckets
from adapters.aws.memory.executor import MemoryCloud, MemoryExecutor, with_group
from adapters.aws.ports.executor import Done, GroupSize, InstanceStatus
from adapters.clock import VirtualClock
from domain.errors import TransientError
from domain.market import CapacityType, Pool
from domain.saga import InstanceState, LaunchFailure
from tests.unit.aws.builders import CLUSTER, Allowing, make_order, make_pool
from tests.unit.aws.contracts import SMALL, BucketsContract, ExecutorContract, Group


class TestMemoryBuckets(BucketsContract):
    @pytest.fixture
    def buckets(self) -> MemoryBuckets:
        return MemoryBuckets(VirtualClock())

    async def test_a_bucket_refills_with_time(self) -> None:
        clock = VirtualClock()
        buckets = MemoryBuckets(clock)
        await buckets.reserve("a", SMALL, tokens=3, most_wait_s=0)
        await clock.advance(4)
        assert await buckets.reserve("a", SMALL, tokens=2, most_wait_s=0) == 0
        assert await buckets.reserve("a", SMALL, most_wait_s=0) is None


@given(gaps=st.lists(st.floats(0, 10), min_size=1, max_size=40))
async def test_whenever_callers_come_no_window_sees_more_calls_than_the_bucket_gives(gaps: list[float]) -> None:
    clock = VirtualClock()
    buckets, sent = MemoryBuckets(clock), []
    for gap in gaps:
        await clock.advance(gap)
        wait_s = await buckets.reserve("a", SMALL, most_wait_s=30)
        if wait_s is not None:
            sent.append(clock.monotonic() + wait_s)
    assert sent == sorted(sent)
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            assert last - first + 1 <= SMALL.size + (sent[last] - sent[first]) * SMALL.per_s + 1e-6


class MemoryStage:
    def __init__(self) -> None:
        self.cloud = MemoryCloud()
        self.clock = VirtualClock()
        self.executor = MemoryExecutor(self.cloud, self.clock)

    def fill(self, pool: Pool, room: int) -> None:
        self.cloud.rooms[pool] = room

    def refuse(self, pool: Pool, failure: LaunchFailure) -> None:
        self.cloud.refusals[pool] = failure

    def subnet(self, zone_id: str) -> str:
        return f"subnet-{zone_id}"

    def template(self) -> str:
        return "lt-0123456789abcdef0"

    def add_group(self, size: GroupSize) -> Group:
        names = [f"i-0abcdef0{number:09x}" for number in range(size.desired)]
        members = [
            InstanceStatus(
                instance_id=name,
                state=InstanceState.RUNNING,
                pool=make_pool(),
                capacity_type=CapacityType.ON_DEMAND,
                cluster_names=(CLUSTER.name,),
            )
            for name in names
        ]
        with_group(self.cloud, "workers", size, members)
        return Group(name="workers", members=tuple(names))

    def add_volume(self, instance_id: str) -> str:
        self.cloud.volumes["vol-1"] = instance_id
        return "vol-1"

    def lose_answer(self, operation: str) -> None:
        self.cloud.losing.append(TransientError(f"the answer to {operation} is lost"))

    def changes(self) -> int:
        return len(self.cloud.changes)


class TestMemoryExecutor(ExecutorContract):
    @pytest.fixture
    def stage(self) -> MemoryStage:
        return MemoryStage()

    async def test_a_volume_in_use_is_waited_for_until_the_limit(self, stage: MemoryStage) -> None:
        outcome = await stage.executor.launch_spot(make_order(), permit=Allowing())
        name = outcome.answer.launched[0].instance_id
        volume = stage.add_volume(name)

        async def in_use() -> bool:
            return False

        waiting = asyncio.create_task(
            stage.executor.detach_volume(volume, instance_id=name, unmounted=in_use, permit=Allowing())
        )
        await stage.clock.advance(200)
        with pytest.raises(TransientError, match="still in use"):
            await waiting
        assert stage.cloud.volumes[volume] == name

    async def test_a_change_that_failed_before_it_was_made_can_be_asked_again(self, stage: MemoryStage) -> None:
        stage.cloud.failing.append(TransientError("throttled"))
        with pytest.raises(TransientError):
            await stage.executor.launch_spot(make_order(), permit=Allowing())
        assert (await stage.executor.launch_spot(make_order(), permit=Allowing())).done is Done.CHANGED
