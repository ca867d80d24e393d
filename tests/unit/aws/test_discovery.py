"""What has changed between two looks, and instances joined to nodes."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.aws.discovery.diff import diff
from adapters.aws.discovery.joining import instance_id_of, join, to_instances
from adapters.aws.discovery.launching import launch_base
from adapters.aws.discovery.stored import from_json, to_json
from adapters.aws.failures import DeniedError
from adapters.aws.memory.discovery import MemoryDiscovery
from adapters.aws.ports.discovery import FoundInstance, NodeGroup, Phase, Progress, ScalingGroup, Subnet, Volume
from adapters.aws.ports.executor import GroupSize, TemplateRef
from adapters.aws.tags import cluster_names, node_group_name
from adapters.clock import VirtualClock
from domain.errors import InputError, RejectedError, TransientError
from domain.fleet import Lifecycle
from domain.market import CapacityType
from tests.unit.aws.builders import (
    NOW,
    REGION,
    ZONES,
    make_cluster,
    make_found,
    make_instance,
    make_pool,
    make_role,
)

ONE, TWO, THREE = (f"i-0000000000000000{number}" for number in (1, 2, 3))


def make_group(desired: int) -> ScalingGroup:
    return ScalingGroup(name="workers", size=GroupSize(min=0, max=9, desired=desired), template=None, subnets=())


def test_the_first_look_finds_everything_new() -> None:
    found = diff(None, make_found(make_cluster()))
    assert [cluster.name for cluster in found.clusters.added] == ["shop"]
    assert not found.within


def test_a_look_that_sees_the_same_finds_no_difference() -> None:
    assert not diff(make_found(make_cluster()), make_found(make_cluster()))


def test_instances_that_came_went_or_changed_are_told_with_what_changed() -> None:
    before = make_cluster(instances=(make_instance(ONE), make_instance(TWO)))
    after = make_cluster(instances=(make_instance(TWO, state="stopping"), make_instance(THREE)))
    (within,) = diff(make_found(before), make_found(after)).within
    assert [one.id for one in within.instances.added] == [THREE]
    assert [one.id for one in within.instances.removed] == [ONE]
    assert [(one.after.id, one.facts) for one in within.instances.changed] == [(TWO, ("state",))]


def test_usage_alone_is_no_change() -> None:
    before = make_cluster(instances=(make_instance(cpu_utilization=0.2),))
    after = make_cluster(instances=(make_instance(cpu_utilization=0.3),))
    assert not diff(make_found(before), make_found(after))


def test_a_new_version_of_kubernetes_is_a_change_of_the_cluster() -> None:
    found = diff(make_found(make_cluster()), make_found(make_cluster(kubernetes_version="1.34")))
    (changed,) = found.clusters.changed
    assert changed.facts == ("kubernetes_version",)


def test_a_group_that_somebody_resized_is_a_change_within_its_cluster() -> None:
    before, after = (make_cluster(scaling_groups=(make_group(size),)) for size in (3, 2))
    (within,) = diff(make_found(before), make_found(after)).within
    assert [one.facts for one in within.scaling_groups.changed] == [("size",)]


def test_nothing_is_gone_from_a_region_that_could_not_be_seen() -> None:
    before = make_found(make_cluster(), make_cluster("far", "eu-west-1"))
    found = diff(before, make_found(make_cluster(), blind={"eu-west-1": "throttled"}))
    assert not found.clusters.removed
    assert [c.name for c in diff(before, make_found(make_cluster())).clusters.removed] == ["far"]


@given(old=st.sets(st.integers(0, 9)), new=st.sets(st.integers(0, 9)))
def test_what_stayed_what_came_and_what_went_make_up_both_looks(old: set[int], new: set[int]) -> None:
    before, after = (
        make_found(make_cluster(instances=tuple(make_instance(f"i-0000000000000000{n}") for n in some)))
        for some in (old, new)
    )
    within = diff(before, after).within
    added = {int(one.id[-1]) for d in within for one in d.instances.added}
    removed = {int(one.id[-1]) for d in within for one in d.instances.removed}
    assert (old - removed) | added == new
    assert not added & old
    assert not removed & new


@pytest.mark.parametrize(
    ("provider_id", "expected"),
    [
        ("aws:///us-east-1a/i-0123456789abcdef0", "i-0123456789abcdef0"),
        ("aws:///us-west-2-lax-1a/i-0123456789abcdef0", "i-0123456789abcdef0"),
        ("aws:///us-east-1a/fargate-ip-10-0-0-1.ec2.internal", ""),
        ("gce://project/zone/name", ""),
        ("", ""),
    ],
)
def test_the_instance_id_is_read_from_a_provider_id(provider_id: str, expected: str) -> None:
    assert instance_id_of(provider_id) == expected


def test_instances_and_nodes_meet_and_those_that_do_not_are_told() -> None:
    instances: tuple[FoundInstance, ...] = (make_instance(ONE), make_instance(TWO))
    joined = join(instances, {"node-1": f"aws:///us-east-1a/{ONE}", "node-3": f"aws:///us-east-1a/{THREE}"})
    assert {name: one.id for name, one in joined.instances.items()} == {"node-1": ONE}
    assert [one.id for one in joined.strays] == [TWO]
    assert joined.unseen == ("node-3",)


def test_instances_are_stored_with_their_zone_id_and_the_price_of_their_pool() -> None:
    spot, fixed = make_instance(TWO), make_instance(ONE, capacity_type=CapacityType.ON_DEMAND, cpu_utilization=0.25)
    stored = to_instances(
        make_cluster(instances=(spot, fixed)),
        organization_id=UUID(int=1),
        cluster_id=UUID(int=2),
        prices={("m6i.large", "use1-az1", CapacityType.SPOT): 35_000},
        seen_at=NOW,
    )
    facts = [(one.instance_id, one.lifecycle, one.price_micro_usd_per_h, one.cpu_utilization) for one in stored]
    assert facts == [(ONE, Lifecycle.ON_DEMAND, None, 0.25), (TWO, Lifecycle.SPOT, 35_000, None)]
    assert {(one.zone_id, one.zone_name) for one in stored} == {("use1-az1", "us-east-1a")}


WORKERS = ScalingGroup(
    name="eks-workers-1",
    size=GroupSize(min=0, max=9, desired=3),
    template=TemplateRef(id="lt-1", version="4"),
    subnets=(
        Subnet(id="subnet-a", zone=ZONES[0]),
        Subnet(id="subnet-a2", zone=ZONES[0]),
        Subnet(id="subnet-b", zone=ZONES[1]),
    ),
)
MANAGED = NodeGroup(name="workers", status="ACTIVE", capacity_type=CapacityType.SPOT, scaling_groups=("eks-workers-1",))


def test_a_cluster_survives_being_stored() -> None:
    volume = Volume(id="vol-1", gib=20, type="gp3", zone_id="use1-az1", root=True)
    instance = make_instance(cpu_utilization=0.5, volumes=(volume,))
    cluster = make_cluster(scaling_groups=(WORKERS,), node_groups=(MANAGED,), instances=(instance,), created_at=NOW)
    assert from_json(to_json(cluster)) == cluster


@pytest.mark.parametrize("stored", [b"", b"{}", b'{"name": 1}'])
def test_what_is_no_stored_cluster_is_refused_with_its_field(stored: bytes) -> None:
    with pytest.raises(InputError, match="stored discovery"):
        from_json(stored)


def test_a_launch_takes_template_and_subnets_of_its_node_group() -> None:
    cluster = make_cluster(scaling_groups=(replace(WORKERS, name="other"), WORKERS), node_groups=(MANAGED,))
    far = make_pool(zone_id="use1-az9")
    base = launch_base(cluster, "workers")
    assert base.template == TemplateRef(id="lt-1", version="4")
    assert base.subnets == {"use1-az1": "subnet-a", "use1-az2": "subnet-b"}
    assert [(choice.pool, choice.subnet_id) for choice in base.choices([far, make_pool()])] == [
        (make_pool(), "subnet-a")
    ]


def test_a_group_is_known_by_its_own_name_or_by_that_on_its_nodes() -> None:
    cluster = make_cluster(
        scaling_groups=(WORKERS,), instances=(make_instance(node_group="batch", scaling_group="eks-workers-1"),)
    )
    for name in ("eks-workers-1", "batch"):
        assert launch_base(cluster, name).template.version == "4"


@pytest.mark.parametrize(
    ("group", "problem"),
    [
        (replace(WORKERS, subnets=()), "no subnet"),
        (replace(WORKERS, template=None), "no launch template"),
        (replace(WORKERS, name="other"), "it has: other"),
    ],
)
def test_a_launch_that_has_nothing_to_start_from_is_refused_with_the_reason(group: ScalingGroup, problem: str) -> None:
    cluster = make_cluster(scaling_groups=(group,), node_groups=(MANAGED,))
    with pytest.raises(RejectedError, match=problem):
        launch_base(cluster, "workers")


def test_tags_name_clusters_whoever_set_them() -> None:
    tags = {"kubernetes.io/cluster/shop": "owned", "eks:cluster-name": "shop", "alpha.eksctl.io/cluster-name": "web"}
    assert cluster_names(tags) == ("shop", "web")
    assert node_group_name({"eks:nodegroup-name": "workers"}) == "workers"
    assert node_group_name({}) == ""


async def test_the_twin_finds_what_it_was_given_and_tells_how_far_it_is() -> None:
    told: list[Progress] = []
    twin = MemoryDiscovery(VirtualClock(), {"111111111111": [make_cluster(), make_cluster("far", "eu-west-1")]})
    found = await twin.discover(make_role(), regions=[REGION], on_progress=told.append)
    assert [cluster.name for cluster in found.clusters] == ["shop"]
    assert told[-1].phase is Phase.DONE


async def test_the_twin_does_not_let_in_whom_it_does_not_know_and_names_blind_regions() -> None:
    twin = MemoryDiscovery(VirtualClock(), {"111111111111": [make_cluster()]}, blind={REGION: "throttled"})
    with pytest.raises(DeniedError):
        await twin.discover(make_role("222222222222"), regions=[REGION])
    with pytest.raises(TransientError):
        await twin.discover(make_role(), regions=[REGION])
    found = await twin.discover(make_role(), regions=[REGION, "eu-west-1"])
    assert found.blind == {REGION: "throttled"}


async def test_the_twin_asks_for_no_usage_where_an_agent_measures() -> None:
    cluster = make_cluster(instances=(make_instance(cpu_utilization=0.5),))
    twin = MemoryDiscovery(VirtualClock(), {"111111111111": [cluster]})
    found = await twin.discover(make_role(), regions=[REGION], measured=[cluster.arn])
    assert found.clusters == (replace(cluster, instances=(make_instance(),)),)
    assert (await twin.discover(make_role(), regions=[REGION], with_usage=False)).clusters == found.clusters
    assert (await twin.discover(make_role(), regions=[REGION])).clusters == (cluster,)
