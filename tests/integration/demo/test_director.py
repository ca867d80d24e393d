"""AWS and clusters in step: on moto, in virtual time."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from demo import cloud
from demo.aws.fill import Customer, customer
from demo.aws.world import World, served
from demo.clusters.character import Character, Group
from demo.clusters.tiny import TINY
from demo.clusters.workloads import deployment, namespace, pod
from demo.director import Director, Home
from demo.kubernetes.cluster import Cluster
from demo.kubernetes.nodes import find
from demo.kubernetes.objects import condition_of, is_ready
from demo.world import PACE, Owner
from domain.market import CapacityType
from tests.unit.demo.kube import Time

SPOT = replace(
    TINY,
    name="spot",
    groups=(Group(name="spot-nodes", capacity_type=CapacityType.SPOT, nodes={"m5.large": 2}),),
    objects=lambda: (namespace("web"), deployment("web", "web", 3, pod("web", cpu=500, memory=512))),
    zones="a",
)


class Play:
    """One cluster of one customer."""

    def __init__(self, world: World, owner: Customer, character: Character) -> None:
        self.world, self.owner, self.time, self.told = world, owner, Time(), list[str]()
        cloud.fill(owner, character)
        self.cluster = Cluster(character.name, "token", self.time)
        self.cluster.add(*character.objects())
        self.home = Home(
            owner=Owner(account_id=owner.account_id, clusters=(character,)), character=character, cluster=self.cluster
        )
        self.director = Director(world, [self.home], PACE, now=self.time, on_event=self.told.append)

    def run(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.time.at += timedelta(seconds=1)
            self.director.step()
            self.cluster.step()

    def instances(self) -> list[cloud.Instance]:
        return [one for one in cloud.instances(self.owner.account_id, "eu-west-1") if one.is_running]

    def nodes(self) -> list[str]:
        return [node["spec"]["providerID"].rpartition("/")[2] for node in self.cluster.store.of("nodes")]


@pytest.fixture
def play() -> Iterator[Play]:
    world = World()
    with served(world) as url:
        yield Play(world, customer(url, "111122223333"), SPOT)
    world.empty()


def test_instances_that_are_there_are_nodes_at_once_and_launched_ones_after_they_have_booted(play: Play) -> None:
    play.run(1)
    assert sorted(play.nodes()) == sorted(one.id for one in play.instances())
    cloud.grow(play.owner.account_id, "eu-west-1", "spot-nodes")
    play.run(PACE.boot_s - 2)
    assert len(play.nodes()) == 2
    play.run(4)
    assert len(play.nodes()) == 3
    labels = play.cluster.store.of("nodes")[-1]["metadata"]["labels"]
    assert labels["alpha.eksctl.io/nodegroup-name"] == "spot-nodes"
    assert labels["node.kubernetes.io/instance-type"] == "m5.large"


def test_nothing_is_taken_before_the_market_opens_then_a_notice_comes_and_later_the_end(play: Play) -> None:
    play.run(120)
    assert play.told == []
    play.director.open_market()
    play.run(PACE.first_s + 5)
    (sentence,) = play.told
    victim = next(one for one in play.instances() if one.id in sentence)
    node = find(play.cluster.store, victim.id)
    assert node is not None
    assert condition_of(node, "SpotInterruption")["message"].startswith(victim.id)
    assert play.world.fleets.rooms == {(victim.type, victim.pool.zone_id): 0}
    play.run(PACE.notice_s + 10)
    assert victim.id not in {one.id for one in play.instances()}
    assert find(play.cluster.store, victim.id) is None


def test_a_node_is_taken_when_somebody_wishes_it_and_there_is_one(play: Play) -> None:
    play.run(20)
    assert not play.director.interrupt("elsewhere")
    assert play.director.interrupt("spot")
    (sentence,) = play.told
    victim = next(one for one in play.instances() if one.id in sentence)
    play.run(PACE.notice_s + 10)
    assert victim.id not in play.nodes()


def test_a_node_whose_instance_is_terminated_goes_and_its_pods_run_elsewhere(play: Play) -> None:
    play.run(20)
    victim = play.instances()[0]
    ec2 = play.owner.client("autoscaling", "eu-west-1")
    ec2.terminate_instance_in_auto_scaling_group(InstanceId=victim.id, ShouldDecrementDesiredCapacity=True)
    play.run(30)
    assert play.nodes() == [one.id for one in play.instances()]
    assert sum(map(is_ready, play.cluster.store.of("pods"))) == 3


def test_a_group_grows_when_pods_have_fitted_nowhere_for_long(play: Play) -> None:
    (web,) = play.cluster.store.of("deployments")
    play.cluster.store.edit(web, lambda changed: changed["spec"].update(replicas=8))
    play.run(PACE.patience_s - 10)
    assert len(play.nodes()) == 2
    play.run(60)
    assert len(play.nodes()) == 3
    assert sum(map(is_ready, play.cluster.store.of("pods"))) == 8
