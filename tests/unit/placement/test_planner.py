"""What the planner decides, one situation at a time. Every plan here has passed the checker."""

from dataclasses import replace

import pytest

from domain import labels as keys
from domain.market import CapacityType
from domain.node import Effect, Taint
from domain.plan import ActionKind
from domain.policy import Capacity, Policy
from domain.selectors import Operator
from domain.workload import HostPort, Toleration
from tests.builders import (
    GPU,
    LARGE,
    XLARGE,
    ZONE_A,
    ZONE_B,
    ZONES,
    make_budget,
    make_catalog,
    make_node,
    make_offering,
    make_pod,
    make_pod_term,
    make_selector,
    make_snapshot,
    make_spread,
    make_template,
    make_term,
    planned_launch,
    require,
)
from tests.unit.placement.scenes import EAGER, home, kept, nowhere, of_kind, planned, step_of, without_time

ON_DEMAND = replace(EAGER, capacity=Capacity.ON_DEMAND)
ONLY_LARGE = make_catalog([LARGE], offerings=[make_offering(LARGE, zone) for zone in ZONES])
IN_ZONE_B = (make_term(require(keys.ZONE, Operator.IN, ZONE_B.name)),)


def test_an_empty_node_goes_and_its_whole_price_is_saved() -> None:
    snapshot = make_snapshot([make_node("n1"), make_node("n2")], [make_pod(on="n1", cpu=1.5)])
    plan = planned(snapshot, catalog=ONLY_LARGE)

    assert [node.name for node in plan.nodes] == ["n1"]
    assert plan.saving_usd_per_h == pytest.approx(0.1)
    assert of_kind(plan, ActionKind.TERMINATE)[0].reason.code == "empty"


def test_two_half_empty_nodes_become_one() -> None:
    pods = [make_pod("a", on="n1"), make_pod("b", on="n2")]
    plan = planned(make_snapshot([make_node("n1"), make_node("n2")], pods), catalog=ONLY_LARGE)

    assert len(plan.nodes) == 1
    assert len(of_kind(plan, ActionKind.EVICT)) == 1


def test_many_small_nodes_become_fewer_large_ones_when_those_cost_less() -> None:
    catalog = make_catalog(offerings=[make_offering(LARGE), make_offering(XLARGE, price=0.11)])
    nodes = [make_node(f"n{i}") for i in range(4)]
    pods = [make_pod(f"p{i}", 1.9, on=f"n{i}") for i in range(4)]
    plan = planned(make_snapshot(nodes, pods), catalog=catalog)

    assert [node.instance_type for node in plan.nodes] == ["m5.xlarge", "m5.xlarge"]
    assert plan.planned_cost_usd_per_h == pytest.approx(0.22)


def test_one_large_node_becomes_several_small_ones_when_those_cost_less() -> None:
    catalog = make_catalog(offerings=[make_offering(LARGE, price=0.05), make_offering(XLARGE, price=0.3)])
    plan = planned(
        make_snapshot([make_node("n1", XLARGE, price=0.3)], [make_pod(name, 1.9, on="n1") for name in "ab"]),
        catalog=catalog,
    )

    assert [node.instance_type for node in plan.nodes] == ["m5.large", "m5.large"]


def test_a_node_that_must_not_be_disrupted_stays_with_that_reason() -> None:
    node = make_node("n1", do_not_disrupt="annotation karpenter.sh/do-not-disrupt=true")
    plan = planned(make_snapshot([node], []))

    assert plan.actions == ()
    assert kept(plan, "n1").reason.code == "node-do-not-disrupt"
    assert "karpenter.sh/do-not-disrupt" in kept(plan, "n1").reason.text


def test_a_node_with_a_pod_whose_budget_is_spent_stays_and_names_the_budget() -> None:
    snapshot = make_snapshot([make_node("n1"), make_node("n2")], [make_pod(on="n1")], budgets=[make_budget("calm", 0)])

    assert "web/calm" in kept(planned(snapshot), "n1").reason.text


def test_no_action_is_taken_for_a_saving_below_the_least_worth_it_and_the_plan_says_why() -> None:
    pods = [make_pod("a", on="n1"), make_pod("b", on="n2")]
    snapshot = make_snapshot([make_node("n1"), make_node("n2")], pods)
    plan = planned(snapshot, catalog=ONLY_LARGE, policy=replace(EAGER, min_saving_share=0.6))

    assert plan.actions == ()
    assert kept(plan, "n1").reason.code == "not-worth-it"
    assert "50.0%" in kept(plan, "n1").reason.text
    assert "60.0%" in kept(plan, "n1").reason.text


def test_a_pod_that_fits_nowhere_does_not_switch_the_least_saving_off() -> None:
    pods = [make_pod("a", on="n1"), make_pod("b", on="n2"), make_pod("giant", 1000)]
    snapshot = make_snapshot([make_node("n1"), make_node("n2")], pods)

    plan = planned(snapshot, catalog=ONLY_LARGE, policy=replace(EAGER, min_saving_share=0.6))
    assert plan.actions == ()
    assert nowhere(plan, "web/giant").constraint == "cpu"


def test_dear_evictions_leave_a_node_alone() -> None:
    pods = [make_pod("a", on="n1"), make_pod("b", on="n2")]
    snapshot = make_snapshot([make_node("n1"), make_node("n2")], pods)

    plan = planned(snapshot, catalog=ONLY_LARGE, policy=replace(EAGER, eviction_cost_usd=100.0))
    assert plan.actions == ()


def test_a_singleton_gets_its_new_node_before_it_is_evicted() -> None:
    catalog = make_catalog(offerings=[make_offering(LARGE, price=0.05), make_offering(XLARGE)])
    snapshot = make_snapshot([make_node("n1", XLARGE)], [make_pod(on="n1")], budgets=[make_budget("one", 1)])
    plan = planned(snapshot, catalog=catalog)

    launched = step_of(plan, ActionKind.LAUNCH, node="new-1")
    assert launched < step_of(plan, ActionKind.CORDON, node="n1") < step_of(plan, ActionKind.EVICT, pod="web/a")
    assert step_of(plan, ActionKind.EVICT, pod="web/a") < step_of(plan, ActionKind.TERMINATE, node="n1")


def test_a_pod_whose_volume_is_bound_to_a_zone_stays_in_that_zone() -> None:
    cheap, dear = make_offering(LARGE, ZONE_A, price=0.01), make_offering(LARGE, ZONE_B, price=0.05)
    catalog = make_catalog(offerings=[cheap, dear, make_offering(XLARGE, ZONE_B)])
    pod = make_pod(on="n1", volume_affinity=[IN_ZONE_B])
    plan = planned(make_snapshot([make_node("n1", XLARGE, zone=ZONE_B)], [pod]), catalog=catalog)

    assert home(plan, "web/a").zone == ZONE_B
    assert not home(plan, "web/a").existing


def test_a_full_spot_pool_is_shared_out_over_others() -> None:
    pods = [make_pod(f"p{i}", 1.9) for i in range(6)]
    policy = replace(EAGER, max_pool_share=0.34)
    plan = planned(make_snapshot([], pods), policy=policy, from_scratch=True)

    assert plan.unschedulable == ()
    assert plan.risk_after.largest_pool_share <= 0.34


def test_where_a_pool_limit_leaves_no_node_a_pod_is_unschedulable_because_of_it() -> None:
    catalog = make_catalog(offerings=[make_offering(LARGE, spot=True)])
    plan = planned(
        make_snapshot([], [make_pod()]), catalog=catalog, policy=replace(EAGER, max_pool_share=0.5), from_scratch=True
    )

    assert nowhere(plan, "web/a").constraint == "limits on Spot"
    assert plan.nodes == ()


def test_an_on_demand_node_stays_where_spot_would_else_hold_too_much() -> None:
    catalog = make_catalog(offerings=[make_offering(LARGE, spot=True), make_offering(LARGE)])
    nodes = [make_node("n1", spot=True, do_not_disrupt="by hand"), make_node("n2")]
    plan = planned(make_snapshot(nodes, []), catalog=catalog, policy=replace(EAGER, max_pool_share=0.5))

    assert plan.actions == ()
    assert kept(plan, "n2").reason.code == "spot-limit"


def test_the_same_seed_and_work_limit_make_the_same_plan() -> None:
    nodes = [make_node(f"n{i}", XLARGE) for i in range(6)]
    pods = [make_pod(f"p{i}", 0.3 + 0.2 * (i % 4), on=f"n{i % 6}") for i in range(18)]
    snapshot = make_snapshot(nodes, pods)

    assert without_time(planned(snapshot, seed=7)) == without_time(planned(snapshot, seed=7))


def test_a_pod_larger_than_every_type_is_unschedulable_and_names_the_resource() -> None:
    plan = planned(make_snapshot([], [make_pod(cpu=1000.0)]), from_scratch=True)

    assert nowhere(plan, "web/a").constraint == "cpu"
    assert "1000 CPU" in nowhere(plan, "web/a").detail


def test_contradictory_selectors_are_named() -> None:
    pod = make_pod(node_selector={keys.ZONE: ZONE_A.name}, volume_affinity=[IN_ZONE_B])
    told = nowhere(planned(make_snapshot([], [pod]), from_scratch=True), "web/a")

    assert told.constraint == "nodeSelector and volume"
    assert ZONE_A.name in told.detail
    assert ZONE_B.name in told.detail


def test_a_selector_that_no_node_meets_is_named_alone() -> None:
    pod = make_pod(node_selector={"disk": "ssd", keys.ARCH: "amd64"})
    told = nowhere(planned(make_snapshot([], [pod]), from_scratch=True), "web/a")

    assert told.constraint == "nodeSelector"
    assert "disk=ssd" in told.detail
    assert keys.ARCH not in told.detail


def test_pods_with_the_same_host_port_are_on_different_nodes() -> None:
    pods = [make_pod(name, 0.1, host_ports=[HostPort(port=80)]) for name in "abc"]
    plan = planned(make_snapshot([], pods), from_scratch=True)

    assert len({home(plan, pod.key).name for pod in pods}) == 3


def test_a_host_port_that_a_daemon_takes_on_every_node_is_free_for_no_pod() -> None:
    daemon = make_pod("exporter", 0.1, is_daemon=True, host_ports=[HostPort(port=80)])
    pod = make_pod(host_ports=[HostPort(port=80)])
    plan = planned(make_snapshot([], [pod], daemonsets=[daemon]), from_scratch=True)

    assert nowhere(plan, "web/a").constraint == "pod anti-affinity or a host port"


def test_launched_nodes_leave_room_for_their_daemons() -> None:
    daemon = make_pod("agent", 0.5, is_daemon=True, tolerations=[Toleration(exists=True)])
    catalog = make_catalog(offerings=[make_offering(LARGE)])
    pods = [make_pod("a", 1.0), make_pod("b", 1.0)]
    plan = planned(make_snapshot([], pods, daemonsets=[daemon]), catalog=catalog, from_scratch=True)

    assert len(plan.nodes) == 2


def test_from_scratch_the_pods_of_a_running_cluster_get_an_ideal_fleet() -> None:
    nodes = [make_node(f"n{i}", XLARGE, do_not_disrupt="by hand") for i in range(3)]
    pods = [make_pod(f"p{i}", 0.5, on=f"n{i}") for i in range(3)]
    plan = planned(make_snapshot(nodes, pods), from_scratch=True, policy=ON_DEMAND)

    assert [node.existing for node in plan.nodes] == [False]
    assert plan.gap == pytest.approx(0.0, abs=1e-6)


def test_nothing_to_run_needs_no_nodes() -> None:
    plan = planned(make_snapshot([], []), from_scratch=True)

    assert (plan.nodes, plan.actions, plan.planned_cost_usd_per_h) == ((), (), 0.0)


def test_gpu_pods_are_on_gpu_nodes_and_others_are_not() -> None:
    gpu = make_pod("train", 1.0)
    gpu = replace(gpu, requests=replace(gpu.requests, extended=(("nvidia.com/gpu", 1),)))
    plan = planned(make_snapshot([], [gpu, *(make_pod(f"p{i}", 1.9) for i in range(4))]), from_scratch=True)

    assert home(plan, "web/train").instance_type == GPU.name
    assert sum(node.instance_type == GPU.name for node in plan.nodes) == 1


def test_pods_that_must_stay_apart_get_a_node_each() -> None:
    apart = [make_pod_term(make_selector(app="web"))]
    pods = [make_pod(name, 0.1, anti_affinity=apart) for name in "abc"]

    assert len(planned(make_snapshot([], pods), from_scratch=True).nodes) == 3


def test_pods_spread_over_zones_are_spread_over_all_of_them() -> None:
    spread = [make_spread(make_selector(app="web"))]
    pods = [make_pod(f"p{i}", 0.5, spread=spread) for i in range(6)]
    plan = planned(make_snapshot([], pods), from_scratch=True)

    zones = [home(plan, pod.key).zone for pod in pods]
    assert {zones.count(zone) for zone in ZONES} == {2}


def test_a_pending_pod_takes_room_that_is_there_before_a_node_is_launched() -> None:
    snapshot = make_snapshot([make_node("n1", price=0.01)], [make_pod("a", on="n1"), make_pod("b")])
    plan = planned(snapshot, catalog=make_catalog(offerings=[make_offering(LARGE)]))

    assert home(plan, "web/b").name == "n1"
    assert plan.actions == ()


def test_a_pod_goes_to_the_template_whose_taint_it_tolerates_and_whose_label_it_asks_for() -> None:
    taint = Taint(key="team", value="ml", effect=Effect.NO_SCHEDULE)
    templates = [make_template("plain"), make_template("ml", {"team": "ml"}, taints=[taint])]
    tolerant = make_pod("b", node_selector={"team": "ml"}, tolerations=[Toleration(key="team", value="ml")])
    pods = [make_pod("a"), tolerant]
    plan = planned(make_snapshot([], pods, templates=templates), from_scratch=True)

    assert [home(plan, key).template for key in ("web/a", "web/b")] == ["plain", "ml"]


def test_spot_is_not_launched_where_only_on_demand_is_allowed() -> None:
    plan = planned(make_snapshot([], [make_pod()]), policy=ON_DEMAND, from_scratch=True)

    assert {node.capacity_type for node in plan.nodes} == {CapacityType.ON_DEMAND}


def test_an_unready_node_is_cordoned_before_it_goes() -> None:
    plan = planned(make_snapshot([make_node("n1", ready=False)], []))

    assert step_of(plan, ActionKind.CORDON, node="n1") < step_of(plan, ActionKind.TERMINATE, node="n1")


def test_a_node_of_a_type_without_a_price_is_kept() -> None:
    catalog = make_catalog([LARGE])
    plan = planned(make_snapshot([make_node("n1", XLARGE)], []), catalog=catalog)

    assert kept(plan, "n1").reason.code == "price-unknown"


def test_a_launch_tells_what_cheaper_types_lack_and_what_others_would_cost_more() -> None:
    catalog = make_catalog(offerings=[make_offering(LARGE), make_offering(XLARGE), make_offering(GPU)])
    plan = planned(make_snapshot([], [make_pod(cpu=3.0)]), catalog=catalog, from_scratch=True)
    (launched,) = of_kind(plan, ActionKind.LAUNCH)
    small, dear = launched.alternatives

    assert planned_launch(kind=XLARGE).instance_type in launched.reason.text
    assert small.extra_usd_per_h < 0
    assert "too small: 3 CPU needed, 2 CPU there" in small.verdict
    assert dear.extra_usd_per_h == pytest.approx(0.4)


def test_default_policy_plans_too() -> None:
    assert planned(make_snapshot([], [make_pod()]), policy=Policy(), from_scratch=True).unschedulable == ()


def test_where_most_nodes_can_be_emptied_those_that_cannot_are_left_alone() -> None:
    """The pods of n1 may share a zone with nobody else's, so they stay; the other nodes become one."""
    shy = [make_pod_term(make_selector(app="other"), keys.ZONE)]
    pods = [make_pod("shy", 0.2, on="n1", labels={"app": "shy"}, anti_affinity=shy)]
    pods += [make_pod(f"p{i}", 0.2, on=f"n{i}", labels={"app": "other"}) for i in range(2, 6)]
    nodes = [make_node("n1", zone=ZONE_A), *(make_node(f"n{i}", zone=ZONE_B) for i in range(2, 6))]
    plan = planned(make_snapshot(nodes, pods), catalog=ONLY_LARGE)

    assert len(plan.nodes) == 2
    assert home(plan, "web/shy").name == "n1"


def test_a_pending_pod_that_fits_only_before_another_comes_is_not_lost() -> None:
    picky = make_pod("picky", 0.1, spread=[make_spread(make_selector(app="web"), max_skew=3, min_domains=4)])
    pods = [picky, *(make_pod(name, 0.1) for name in "abc")]

    assert planned(make_snapshot([], pods), catalog=ONLY_LARGE, from_scratch=True).unschedulable == ()
