from dataclasses import replace

import pytest

from domain import labels as keys
from domain.market import CapacityType
from domain.node import Node
from tests.benchmarks.baselines.consolidation import _Fleet, consolidate
from tests.benchmarks.baselines.encode import Kind
from tests.benchmarks.baselines.kernel import lift, settle
from tests.benchmarks.workloads.parts import HOST, Workload, amounts, deployment
from tests.benchmarks.workloads.running import running_cluster
from tests.unit.benchmarks.small import REGION, ZONES, make_workload


def running(pods_by_node, *, prices=None):
    """A cluster of nodes given as (vCPU, pods), each in the first zone."""
    base = make_workload([]) if prices is None else make_workload([], prices=prices)
    nodes, pods = [], []
    for index, (vcpu, held) in enumerate(pods_by_node):
        name = f"node-{index}"
        kind = base.catalog.types[f"t.{vcpu}"]
        nodes.append(
            Node(
                name=name,
                labels={keys.HOSTNAME: name, keys.ZONE: ZONES[0].name},
                allocatable=kind.allocatable,
                zone=ZONES[0],
                capacity_type=CapacityType.ON_DEMAND,
                instance_type=kind.name,
                template="default",
                price_usd_per_h=base.catalog.price(
                    kind.name, zone_id=ZONES[0].id, capacity_type=CapacityType.ON_DEMAND
                ),
            )
        )
        pods += [replace(pod, node_name=name) for pod in held]
    snapshot = replace(base.snapshot, region=REGION, nodes=tuple(nodes), pods=tuple(pods))
    return Workload(name="running", snapshot=snapshot, catalog=base.catalog, policy=base.policy)


def test_an_empty_node_goes_without_an_eviction():
    result = consolidate(running([(8, deployment("web", amounts(7000, 1024), replicas=1)), (4, [])]))
    assert result.evictions == 0
    assert result.saving_usd_per_h == pytest.approx(1.9)


def test_pods_of_a_node_move_to_others_that_have_room():
    web = deployment("web", amounts(1900, 1024), replicas=2)
    result = consolidate(running([(4, web[:1]), (4, web[1:])]))
    assert (result.evictions, result.commands) == (1, 1)
    assert result.cost_after_usd_per_h == pytest.approx(1.9)


def test_a_node_far_too_large_is_replaced_by_a_cheaper_one():
    result = consolidate(running([(8, deployment("web", amounts(1500, 1024), replicas=1))]))
    assert result.cost_after_usd_per_h == pytest.approx(1.0)
    assert result.evictions == 1


def test_two_nodes_become_one_cheaper_node_at_once():
    web = deployment("web", amounts(2500, 1024), replicas=2)
    result = consolidate(running([(4, web[:1]), (4, web[1:])], prices={2: 1.0, 4: 1.9, 8: 3.0}))
    assert (result.commands, result.evictions) == (1, 2)
    assert result.cost_after_usd_per_h == pytest.approx(3.0)


def test_one_node_is_never_split_into_two_cheaper_ones():
    web = deployment("web", amounts(1900, 1024), replicas=2)
    result = consolidate(running([(8, web)], prices={2: 1.0, 8: 3.9}))
    assert result.saving_usd_per_h == 0


def test_a_node_with_a_protected_pod_stays():
    web = deployment("web", amounts(500, 512), replicas=1, do_not_disrupt="told so")
    result = consolidate(running([(8, web)]))
    assert (result.saving_usd_per_h, result.evictions) == (0, 0)


def test_anti_affinity_keeps_two_nodes():
    db = deployment("db", amounts(500, 512), replicas=2, anti_affinity=[HOST])
    result = consolidate(running([(2, db[:1]), (2, db[1:])]))
    assert result.saving_usd_per_h == 0


def test_it_stops_when_its_time_is_up_and_says_so():
    ticks = iter(range(1000))
    web = deployment("web", amounts(1500, 1024), replicas=1)
    result = consolidate(running([(8, web)]), limit_s=0.5, clock=lambda: float(next(ticks)))
    assert not result.finished
    assert result.saving_usd_per_h == 0


def test_after_consolidation_every_pod_is_on_a_node_that_is_left_and_none_is_overfull():
    fleet = _Fleet(running_cluster(40, kept=0.5))
    before = fleet.cost()
    assert fleet.run(lambda: True)
    assert fleet.cost() < before
    assert fleet._state.active[fleet._home].all()
    assert (fleet._state.free[fleet._state.active] >= 0).all()


def test_after_consolidation_the_kept_counts_agree_with_a_recount():
    fleet = _Fleet(running_cluster(40, kept=0.75))
    fleet.run(lambda: True)
    kept = fleet._state.host_counts.copy()
    zones = fleet._state.zone_counts.copy()
    lift(fleet._problem, fleet._state, fleet._demand.class_of, fleet._home)
    assert not fleet._state.host_counts.any()
    assert not fleet._state.zone_counts.any()
    settle(fleet._problem, fleet._state, fleet._demand.class_of, fleet._home)
    assert (fleet._state.host_counts == kept).all()
    assert (fleet._state.zone_counts == zones).all()
    apart = [g for g, rule in enumerate(fleet._demand.rules) if rule.kind == Kind.ANTI_AFFINITY]
    assert kept[apart].max() == 1
