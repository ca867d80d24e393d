from collections import Counter
from dataclasses import replace

import pytest

from tests.benchmarks.baselines.first_fit import pack_from_scratch
from tests.benchmarks.workloads import kwok
from tests.benchmarks.workloads.parts import HOST, ZONE, amounts, deployment, term
from tests.unit.benchmarks.small import make_workload


def pack(pods, **changes):
    return pack_from_scratch(make_workload(pods, **changes))


def test_the_type_is_chosen_last_and_is_the_cheapest_that_holds_the_pods():
    (node,) = pack(deployment("web", amounts(1500, 1024), replicas=2)).nodes
    assert node.instance_type.name == "t.4"
    assert len(node.pods) == 2


def test_a_node_in_the_making_grows_until_no_type_is_left():
    packing = pack(deployment("web", amounts(1000, 1024), replicas=12))
    assert sorted(len(node.pods) for node in packing.nodes) == [4, 8]
    assert packing.cost_usd_per_h == pytest.approx(1.9 + 3.9)


def test_a_pod_larger_than_every_type_stays_behind_and_the_others_do_not():
    packing = pack(
        deployment("huge", amounts(9000, 1024), replicas=1) + deployment("web", amounts(500, 512), replicas=3)
    )
    assert [pod.name for pod in packing.unplaced] == ["huge-0"]
    assert sum(len(node.pods) for node in packing.nodes) == 3


def test_anti_affinity_over_hosts_gives_each_pod_its_own_node():
    packing = pack(deployment("db", amounts(500, 512), replicas=5, anti_affinity=[HOST]))
    assert [len(node.pods) for node in packing.nodes] == [1] * 5


def test_anti_affinity_also_keeps_the_selected_pods_away_from_its_owner():
    (loner,) = deployment("loner", amounts(500, 512), replicas=1)
    loner = replace(loner, anti_affinity=(term(HOST, {"app": "web"}),))
    packing = pack([loner, *deployment("web", amounts(400, 512), replicas=2)])
    assert sorted(len(node.pods) for node in packing.nodes) == [1, 2]


def test_spread_over_zones_keeps_the_skew_within_one():
    packing = pack(deployment("web", amounts(3000, 512), replicas=7, spread=[ZONE]))
    per_zone = Counter(node.zone.name for node in packing.nodes for _ in node.pods)
    assert sorted(per_zone.values()) == [3, 4]


def test_spread_over_hosts_puts_one_pod_on_a_node_as_karpenter_does():
    packing = pack(deployment("web", amounts(500, 512), replicas=4, spread=[HOST]))
    assert [len(node.pods) for node in packing.nodes] == [1] * 4


def test_affinity_over_zones_gathers_the_pods_in_one_zone():
    pods = [
        replace(pod, affinity=(term(ZONE, pod.labels),)) for pod in deployment("near", amounts(6000, 512), replicas=4)
    ]
    packing = pack(pods)
    assert len(packing.nodes) == 4
    assert len({node.zone for node in packing.nodes}) == 1


def test_a_pod_waits_for_the_one_it_wants_to_be_near():
    (follower,) = deployment("follower", amounts(2000, 512), replicas=1)
    follower = replace(follower, affinity=(term(HOST, {"app": "leader"}),))
    packing = pack([follower, *deployment("leader", amounts(500, 512), replicas=1)])
    assert not packing.unplaced
    assert len(packing.nodes) == 1


def test_node_selectors_leave_only_the_zone_they_name():
    (pod,) = deployment("web", amounts(500, 512), replicas=1)
    (node,) = pack([replace(pod, node_selector=((ZONE, "zone-b"),))]).nodes
    assert node.zone.name == "zone-b"


@pytest.mark.parametrize(("name", "nodes", "cost"), [("basic", 140, 74.2107), ("interference", 500, 92.1799)])
def test_it_packs_a_karpenter_workload_as_karpenter_itself_does(name, nodes, cost):
    """Nodes and cost of Karpenter v1.14.1 on the same workload, as its own scheduler gives them."""
    packing = pack_from_scratch(kwok.workload(name))
    assert (len(packing.nodes), round(packing.cost_usd_per_h, 4)) == (nodes, cost)
