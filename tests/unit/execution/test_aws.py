"""Sagas over the executors of accounts."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from actors.execution.aws import AccountEc2, Source
from actors.execution.ports import Ruling, Where
from adapters.aws.memory.executor import MemoryCloud, MemoryExecutor
from adapters.aws.ports.executor import ClusterRef, Ec2Executor, GroupSize, GroupStatus, TemplateRef
from adapters.clock import VirtualClock
from adapters.postgres.ids import new_id
from domain.errors import RejectedError, TransientError
from domain.market import CapacityType, Pool
from domain.saga import TAG_STEP, InstanceState, LaunchFailure, LaunchRequest

HERE = Where(organization_id=new_id(), cluster_id=new_id())
POOLS = tuple(Pool(region="us-east-1", zone_id=f"use1-az{n}", instance_type="m5.large") for n in (1, 2, 9))


@dataclass
class Sites:
    """One cloud, with subnets in two zones, and a permit."""

    cloud: MemoryCloud = field(default_factory=MemoryCloud)
    ruling: Ruling = Ruling.GO
    asked: list[str] = field(default_factory=list)

    async def executor(self, where: Where) -> Ec2Executor:
        return MemoryExecutor(self.cloud, VirtualClock())

    async def cluster(self, where: Where) -> ClusterRef:
        return ClusterRef(id=str(where.cluster_id), name="shop")

    async def source(self, where: Where, template: str) -> Source:
        subnets = {"use1-az1": "subnet-1", "use1-az2": "subnet-2"}
        return Source(template=TemplateRef(id="lt-1", version="3"), subnets=subnets)

    async def ask(self, where: Where, act: str) -> Ruling:
        self.asked.append(act)
        return self.ruling


def make_request(**fields: Any) -> LaunchRequest:
    defaults: dict[str, Any] = {
        "cluster_id": HERE.cluster_id,
        "organization_id": HERE.organization_id,
        "template": "general",
        "capacity_type": CapacityType.SPOT,
        "pools": POOLS,
        "count": 2,
        "token": "token-1",
        "tags": {"spotopt:saga": "7"},
    }
    return LaunchRequest(**(defaults | fields))


async def test_a_launch_happens_once_in_zones_that_have_a_subnet() -> None:
    sites = Sites()
    ec2 = AccountEc2(sites, sites)
    first, again = await ec2.launch(make_request()), await ec2.launch(make_request())
    assert [one.instance_id for one in first.launched] == [one.instance_id for one in again.launched]
    assert len(sites.cloud.instances) == 2
    assert [(one.pool, one.failure) for one in first.failures] == [(POOLS[2], LaunchFailure.CONFIG)]
    assert {view.instance_id for view in await ec2.find(HERE, tags={TAG_STEP: "token-1"})} == set(sites.cloud.instances)


async def test_a_launch_into_zones_without_a_subnet_calls_nobody() -> None:
    sites = Sites()
    answer = await AccountEc2(sites, sites).launch(make_request(pools=POOLS[2:]))
    assert (answer.launched, len(answer.failures), sites.asked) == ((), 1, [])


async def test_on_demand_is_bought_on_demand_and_what_we_launched_can_be_ended() -> None:
    sites = Sites()
    ec2 = AccountEc2(sites, sites)
    answer = await ec2.launch(make_request(capacity_type=CapacityType.ON_DEMAND, count=1))
    (one,) = answer.launched
    assert one.capacity_type is CapacityType.ON_DEMAND
    await ec2.terminate(HERE, one.instance_id)
    views = await ec2.describe(HERE, [one.instance_id, "i-unknown"])
    assert views[0].state in (InstanceState.ENDING, InstanceState.ENDED)
    assert views[1].state is InstanceState.ABSENT


async def test_safe_mode_that_comes_between_is_not_taken_for_success() -> None:
    sites = Sites(ruling=Ruling.STOP)
    with pytest.raises(TransientError):
        await AccountEc2(sites, sites).launch(make_request())
    assert (sites.cloud.instances, sites.asked) == ({}, ["ec2:CreateFleet"])


async def test_a_minimum_is_lowered_but_never_above_what_is_wanted() -> None:
    sites = Sites()
    ec2 = AccountEc2(sites, sites)
    group = GroupStatus(name="workers", size=GroupSize(min=2, max=5, desired=3), members={})
    sites.cloud.groups["workers"] = group
    await ec2.update_asg(HERE, "workers", minimum=1)
    assert sites.cloud.groups["workers"].size == GroupSize(min=1, max=5, desired=3)
    for wrong in (-1, 4):
        with pytest.raises(RejectedError):
            await ec2.update_asg(HERE, "workers", minimum=wrong)


async def test_a_volume_is_detached_from_the_instance_it_hangs_on() -> None:
    sites = Sites()
    sites.cloud.volumes["vol-1"] = "i-1"
    ec2 = AccountEc2(sites, sites)
    await ec2.detach_volume(HERE, "vol-1", instance_id="i-1")
    assert sites.cloud.volumes["vol-1"] == ""
