"""Discovery against moto: clusters, groups, instances, volumes and usage, and what happens where it may not look."""

import asyncio

import pytest

from adapters.aws.clients import Clients
from adapters.aws.discovery.diff import diff
from adapters.aws.discovery.discovery import BotoDiscovery
from adapters.aws.failures import DeniedError
from adapters.aws.ports.discovery import Found, Phase, Progress
from adapters.aws.ports.executor import GroupSize, TemplateRef
from demo.aws import fill
from demo.aws.fill import Customer
from demo.aws.prefilled import Prefilled
from demo.aws.requests import Answer, Asked
from demo.aws.world import Fault, World
from domain.errors import TransientError
from domain.market import CapacityType
from tests.integration.aws.conftest import HurriedClock
from tests.unit.aws.builders import REGION, make_role

FAR, EMPTY = "eu-west-1", "ap-south-1"


@pytest.fixture
def discovery(clients: Clients, clock: HurriedClock) -> BotoDiscovery:
    return BotoDiscovery(clients, clock)


@pytest.fixture
def filled(owner: Customer) -> fill.Filled:
    return fill.add_cluster(owner, REGION, "shop", nodes=3)


async def test_a_cluster_is_found_with_all_that_it_is_made_of(
    discovery: BotoDiscovery, owner: Customer, filled: fill.Filled
) -> None:
    volume = fill.add_volume(owner, REGION, filled.members[0])
    found = await discovery.discover(make_role(), regions=[REGION])
    (cluster,) = found.clusters
    assert (cluster.name, cluster.kubernetes_version, cluster.status) == ("shop", "1.33", "ACTIVE")
    (node_group,) = cluster.node_groups
    assert (node_group.name, node_group.capacity_type) == ("shop-workers", CapacityType.ON_DEMAND)
    (group,) = cluster.scaling_groups
    assert group.size == GroupSize(min=0, max=5, desired=3)
    assert group.template == TemplateRef(id=filled.template_id, version="1")
    assert len(group.subnets) == 2
    assert all(subnet.zone.id.startswith("use1-az") for subnet in group.subnets)
    assert {one.id for one in cluster.instances} == set(filled.members)
    first = next(one for one in cluster.instances if one.id == filled.members[0])
    assert (first.scaling_group, first.node_group) == ("shop-workers", "shop-workers")
    assert first.zone.id == found.zone_ids(REGION)[first.zone.name]
    assert [(v.gib, v.root) for v in first.volumes if v.id == volume] == [(20, False)]
    assert sum(v.root for v in first.volumes) == 1
    assert cluster.notes == ()


async def test_regions_without_clusters_cost_one_call(discovery: BotoDiscovery, world: World) -> None:
    found = await discovery.discover(make_role(), regions=[EMPTY])
    assert found.clusters == ()
    asked = world.counts()
    assert asked.pop("ListClusters") == 1
    assert set(asked) <= {"AssumeRole", "GetCallerIdentity"}


async def test_instances_of_no_cluster_are_left_out(
    discovery: BotoDiscovery, owner: Customer, filled: fill.Filled
) -> None:
    owner.client("ec2", REGION).run_instances(ImageId=fill.IMAGE, MinCount=1, MaxCount=1)
    found = await discovery.discover(make_role(), regions=[REGION])
    assert {one.id for one in found.clusters[0].instances} == set(filled.members)


async def test_the_accounts_of_others_are_not_seen(discovery: BotoDiscovery, filled: fill.Filled) -> None:
    found = await discovery.discover(make_role("222222222222"), regions=[REGION])
    assert found.clusters == ()
    assert filled.members


async def test_usage_is_asked_of_cloudwatch_only_where_no_agent_measures(
    discovery: BotoDiscovery, owner: Customer, filled: fill.Filled, world: World
) -> None:
    fill.add_cpu(owner, REGION, filled.members[:1], 40.0)
    found = await discovery.discover(make_role(), regions=[REGION])
    usage = {one.id: one.cpu_utilization for one in found.clusters[0].instances}
    assert usage[filled.members[0]] == pytest.approx(0.4)
    assert usage[filled.members[1]] is None
    before = world.counts()["GetMetricData"]
    await discovery.discover(make_role(), regions=[REGION], measured=[found.clusters[0].arn])
    await discovery.discover(make_role(), regions=[REGION], with_usage=False)
    assert world.counts()["GetMetricData"] == before


async def test_progress_ends_with_all_steps_done(discovery: BotoDiscovery, filled: fill.Filled) -> None:
    told: list[Progress] = []
    await discovery.discover(make_role(), regions=[REGION, EMPTY], on_progress=told.append)
    assert [one.done for one in told] == sorted(one.done for one in told)
    assert told[0].phase is Phase.SIGN_IN
    last = told[-1]
    assert (last.phase, last.done, last.clusters, last.instances) == (Phase.DONE, last.total, 1, len(filled.members))


async def test_a_launch_template_that_was_deleted_under_its_group_is_left_out(
    discovery: BotoDiscovery, owner: Customer, filled: fill.Filled
) -> None:
    spare = fill.add_template(owner, REGION, "spare")
    fill.add_group(owner, REGION, "shop", name="orphan", template_id=spare, size=(0, 1, 0))
    owner.client("ec2", REGION).delete_launch_template(LaunchTemplateId=spare)
    (cluster,) = (await discovery.discover(make_role(), regions=[REGION])).clusters
    templates = {group.name: group.template for group in cluster.scaling_groups}
    assert templates == {"shop-workers": TemplateRef(id=filled.template_id, version="1"), "orphan": None}


async def test_a_role_that_does_not_let_us_in_is_told(discovery: BotoDiscovery, world: World) -> None:
    world.denied.add("sts:AssumeRole")
    with pytest.raises(DeniedError, match="sts:AssumeRole"):
        await discovery.discover(make_role(), regions=[REGION])


async def test_what_may_not_be_seen_is_noted_and_the_rest_is_seen(
    discovery: BotoDiscovery, filled: fill.Filled, world: World
) -> None:
    world.denied |= {"autoscaling:DescribeAutoScalingGroups", "ec2:DescribeVolumes", "cloudwatch:GetMetricData"}
    found = await discovery.discover(make_role(), regions=[REGION])
    (cluster,) = found.clusters
    assert {one.id for one in cluster.instances} == set(filled.members)
    assert len(cluster.notes) == 3
    assert any("autoscaling:DescribeAutoScalingGroups" in note for note in cluster.notes)


async def test_a_region_that_fails_is_blind_and_the_others_are_seen(
    discovery: BotoDiscovery, owner: Customer, filled: fill.Filled, world: World
) -> None:
    fill.add_cluster(owner, FAR, "far", nodes=1)
    both = await discovery.discover(make_role(), regions=[REGION, FAR])
    world.faults.append(Fault(operation="ListClusters", code="ServerException", status=500, times=99, region=FAR))
    one: Found = await discovery.discover(make_role(), regions=[REGION, FAR])
    assert list(one.blind) == [FAR]
    assert [cluster.name for cluster in one.clusters] == ["shop"]
    assert not diff(both, one).clusters.removed
    assert filled.members


async def test_an_answer_that_cannot_be_read_makes_its_region_blind(
    discovery: BotoDiscovery, filled: fill.Filled, world: World
) -> None:
    def odd(asked: Asked, _account: str) -> Answer | None:
        if asked.operation != "DescribeCluster" or asked.region != REGION:
            return None
        return 200, [("Content-Type", "application/json")], b'{"cluster": {"name": "shop"}}'

    world.prefilled = odd
    found = await discovery.discover(make_role(), regions=[REGION, EMPTY])
    assert "cannot be read" in found.blind[REGION]
    assert filled.members


async def test_an_account_of_which_nothing_can_be_seen_is_told_as_passing(
    discovery: BotoDiscovery, world: World
) -> None:
    world.faults.append(Fault(operation="ListClusters", code="ServerException", status=500, times=99))
    with pytest.raises(TransientError, match="no region"):
        await discovery.discover(make_role(), regions=[REGION])


async def test_many_accounts_side_by_side_are_each_seen_whole_and_apart(discovery: BotoDiscovery, world: World) -> None:
    world.prefilled = Prefilled(regions=(REGION, FAR), clusters=3, nodes=4)
    roles = [make_role(f"30000000000{number}") for number in range(3)]
    found = await asyncio.gather(*(discovery.discover(role, regions=[REGION, FAR, EMPTY]) for role in roles))
    for role, one in zip(roles, found, strict=True):
        assert [(cluster.region, cluster.name) for cluster in one.clusters] == [
            (FAR, "shop-1"),
            (REGION, "shop-0"),
            (REGION, "shop-2"),
        ]
        assert all(f":{role.account_id}:" in cluster.arn for cluster in one.clusters)
        instances = [instance for cluster in one.clusters for instance in cluster.instances]
        assert len({instance.id for instance in instances}) == 12
        assert {instance.cpu_utilization for instance in instances} == {0.25}
        assert {sum(volume.root for volume in instance.volumes) for instance in instances} == {1}
    assert len({i.id for one in found for c in one.clusters for i in c.instances}) == 36
