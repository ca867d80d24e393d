"""The end of a plan: every pod and node accounted for, costs and limits computed anew."""

from dataclasses import replace

import pytest

from domain.plan import KeptNode, Plan, Reason, Unschedulable
from solvers.checker import Rule
from tests.builders import (
    BECAUSE,
    LARGE,
    XLARGE,
    ZONE_A,
    ZONE_B,
    ZONES,
    cordon,
    launch,
    make_node,
    make_plan,
    make_pod,
    make_policy,
    make_snapshot,
    planned_launch,
    planned_running,
    terminate,
)
from tests.unit.checker.scenes import Scene, replaced, scheduled


def changed(**fields) -> Scene:
    """The replacement scene with fields of its plan changed."""
    return replaced().with_plan(lambda plan: replace(plan, **fields))


def nodes_of(scene: Scene, **pods: tuple[str, ...]) -> Scene:
    """The scene with other pods shown on the named nodes (``_`` stands for ``-``)."""

    def change(plan: Plan) -> Plan:
        named = {name.replace("_", "-"): keys for name, keys in pods.items()}
        return replace(plan, nodes=tuple(replace(n, pods=named.get(n.name, n.pods)) for n in plan.nodes))

    return scene.with_plan(change)


def test_the_final_pods_are_those_that_the_plan_shows() -> None:
    assert nodes_of(replaced(), new_1=("web/b", "web/a")).rules() == set()
    assert nodes_of(replaced(), new_1=("web/a",), stays=("web/b",)).rules() == {Rule.FINAL_PODS}


def test_a_pod_that_the_plan_forgets_is_lost() -> None:
    assert nodes_of(replaced(), new_1=("web/a",)).rules() == {Rule.FINAL_PODS, Rule.POD_LOST}


def test_a_pending_pod_that_the_plan_forgets_is_lost() -> None:
    scene = replaced([make_pod("a", on="old"), make_pod("big", cpu=3)])
    assert scene.rules() == {Rule.POD_LOST}


def test_a_pod_is_in_one_place_only() -> None:
    assert Rule.POD_TWICE in nodes_of(replaced(), stays=("web/a",)).rules()


def test_a_pod_is_not_both_placed_and_unschedulable() -> None:
    nowhere = (Unschedulable(pod="web/a", constraint="cpu", detail=""),)
    assert changed(unschedulable=nowhere).rules() == {Rule.POD_TWICE}


def test_a_pod_that_nobody_knows_is_refused() -> None:
    assert nodes_of(replaced(), stays=("web/ghost",)).rules() == {Rule.FINAL_PODS}


def test_a_pod_that_fits_nowhere_may_be_left_out() -> None:
    scene = replaced([make_pod("a", on="old"), make_pod("big", cpu=500)])
    plan = make_plan(scene.snapshot, scene.plan.actions, new=[planned_launch()], unschedulable=["web/big"])
    assert replace(scene, plan=plan).rules() == set()


def test_a_pod_is_not_called_unschedulable_when_a_planned_node_has_room() -> None:
    scene = replaced([make_pod("a", on="old"), make_pod("small")])
    plan = make_plan(scene.snapshot, scene.plan.actions, new=[planned_launch()], unschedulable=["web/small"])
    assert replace(scene, plan=plan).rules() == {Rule.SCHEDULABLE}


def test_an_unschedulable_pod_needs_the_constraint_that_binds() -> None:
    snapshot = make_snapshot([], [make_pod(cpu=500)])
    plan = make_plan(snapshot)
    vague = replace(plan, unschedulable=(Unschedulable(pod="web/a", constraint="", detail=""),))
    assert Scene(snapshot=snapshot, plan=vague).rules() == {Rule.REASON}


def test_a_running_pod_cannot_become_unschedulable() -> None:
    scene = nodes_of(replaced(), new_1=("web/a",))
    nowhere = (Unschedulable(pod="web/b", constraint="cpu", detail=""),)
    assert scene.with_plan(lambda plan: replace(plan, unschedulable=nowhere)).rules() == {Rule.FINAL_PODS}


def test_running_daemons_are_shown_where_they_are() -> None:
    daemon = make_pod("agent", is_daemon=True, on="stays")
    scene = replaced([make_pod("a", on="old"), daemon])
    assert scene.rules() == set()
    assert nodes_of(scene, stays=()).rules() == {Rule.FINAL_PODS}


def test_a_terminated_node_is_not_planned() -> None:
    scene = replaced()
    zombie = (*scene.plan.nodes, planned_running(make_node("old")))
    cost = scene.plan.planned_cost_usd_per_h + make_node("old").price_usd_per_h
    assert changed(nodes=zombie, planned_cost_usd_per_h=cost).rules() == {Rule.FINAL_NODES}


def test_a_running_node_is_not_forgotten() -> None:
    scene = replaced()
    nodes = tuple(node for node in scene.plan.nodes if node.name != "stays")
    cost = sum(node.price_usd_per_h for node in nodes)
    assert changed(nodes=nodes, planned_cost_usd_per_h=cost).rules() == {Rule.FINAL_NODES}


def test_a_planned_node_is_named_once() -> None:
    scene = replaced()
    nodes = (*scene.plan.nodes, planned_running(make_node("stays")))
    cost = sum(node.price_usd_per_h for node in nodes)
    assert changed(nodes=nodes, planned_cost_usd_per_h=cost).rules() == {Rule.FINAL_NODES}


def test_a_node_that_does_not_run_cannot_be_called_existing() -> None:
    scene = replaced()
    nodes = (*scene.plan.nodes, planned_running(make_node("ghost")))
    cost = sum(node.price_usd_per_h for node in nodes)
    assert changed(nodes=nodes, planned_cost_usd_per_h=cost).rules() == {Rule.FINAL_NODES}


@pytest.mark.parametrize("facts", [{"zone": ZONE_B}, {"instance_type": "m5.xlarge"}, {"labels": {}}], ids=str)
def test_a_kept_node_is_shown_as_it_is(facts) -> None:
    scene = replaced()
    nodes = tuple(replace(node, **facts) if node.name == "stays" else node for node in scene.plan.nodes)
    assert changed(nodes=nodes).rules() == {Rule.FINAL_FACTS}


@pytest.mark.parametrize("kept", [(), ("stays", "stays"), ("stays", "old"), ("stays", "ghost")], ids=str)
def test_each_running_node_is_either_kept_once_or_terminated(kept) -> None:
    assert changed(kept=tuple(KeptNode(node=name, reason=BECAUSE) for name in kept)).rules() == {Rule.KEPT}


def test_a_kept_node_has_a_reason() -> None:
    silent = (KeptNode(node="stays", reason=Reason(code="kept", text="")),)
    assert changed(kept=silent).rules() == {Rule.REASON}


@pytest.mark.parametrize("field", ["cost_usd_per_h", "planned_cost_usd_per_h"])
def test_costs_are_the_sums_of_prices(field) -> None:
    true_cost = getattr(replaced().plan, field)
    assert changed(**{field: true_cost * (1 + 1e-9)}).rules() == set()
    assert changed(**{field: true_cost * 1.001}).rules() == {Rule.COST}


def test_a_node_without_a_price_costs_nothing_and_frees_the_bound() -> None:
    unpriced = replace(make_node("odd"), price_usd_per_h=None)
    snapshot = make_snapshot([unpriced], [make_pod(on="odd")])
    assert Scene(snapshot=snapshot, plan=make_plan(snapshot, lower_bound=1.0)).rules() == set()


def test_the_bound_is_not_above_the_planned_cost() -> None:
    cost = replaced().plan.planned_cost_usd_per_h
    assert changed(lower_bound_usd_per_h=cost).rules() == set()
    assert changed(lower_bound_usd_per_h=cost + 0.01).rules() == {Rule.BOUND}
    assert changed(lower_bound_usd_per_h=float("nan")).rules() == {Rule.BOUND}


def test_the_bound_may_be_above_a_plan_that_leaves_pods_out() -> None:
    snapshot = make_snapshot([], [make_pod(cpu=500)])
    plan = make_plan(snapshot, unschedulable=["web/a"], lower_bound=1.0)
    assert Scene(snapshot=snapshot, plan=plan).rules() == set()


def fleet(*nodes, share: float = 1.0, loss_share: float = 0.5, probability: float = 1.0) -> set[Rule]:
    """From scratch, one pod on each of these nodes, under limits."""
    pods = [make_pod(f"p{i}") for i in range(len(nodes))]
    policy = make_policy(max_pool_share=share, max_loss_share=loss_share, max_loss_probability=probability)
    return replace(scheduled(*pods, onto=nodes, at=[node.name for node in nodes]), policy=policy).rules()


def test_one_spot_pool_holds_no_larger_share_of_the_vcpus_than_allowed() -> None:
    spot_a, spot_b = (planned_launch(f"new-{zone.id}", spot=True, zone=zone) for zone in (ZONE_A, ZONE_B))
    on_demand = planned_launch("new-0")
    assert fleet(spot_a, spot_b, share=0.5) == set()
    assert fleet(spot_a, spot_b, share=0.4) == {Rule.POOL_SHARE}
    assert fleet(spot_a, on_demand, share=0.5) == set()
    assert fleet(on_demand, share=0.1) == set()


def test_the_share_is_of_vcpus_not_of_nodes() -> None:
    large, xlarge = (planned_launch(f"new-{kind.vcpu}", kind, spot=True) for kind in (LARGE, XLARGE))
    assert fleet(large, xlarge, share=0.67) == set()
    assert fleet(large, xlarge, share=0.66) == {Rule.POOL_SHARE}


def running(*nodes, actions=(), new=(), share: float, probability: float = 1.0) -> set[Rule]:
    snapshot = make_snapshot(nodes)
    policy = make_policy(max_pool_share=share, max_loss_probability=probability)
    return Scene(snapshot=snapshot, plan=make_plan(snapshot, actions, new=new), policy=policy).rules()


def test_a_share_that_was_too_large_before_is_no_fault_until_the_plan_adds_to_it() -> None:
    spot = make_node("s1", spot=True)
    more = planned_launch("new-1", spot=True)
    assert running(spot, share=0.3) == set()
    assert running(spot, share=0.3, actions=[launch(1, "new-1")], new=[more]) == {Rule.POOL_SHARE}


def test_a_share_may_not_grow_too_large_by_terminating_the_others() -> None:
    nodes = make_node("s1", spot=True), make_node("s2", spot=True, zone=ZONE_B)
    assert running(*nodes, share=0.5) == set()
    assert running(*nodes, share=0.5, actions=[cordon(1, "s2"), terminate(1, "s2")]) == {Rule.POOL_SHARE}


def test_the_probability_of_losing_much_at_once_counts_shocks_to_a_type() -> None:
    """Three zones, each lost at -ln 0.9 a month: 0.4 / 0.75 of that shocks, two or three of three taken with 0.844."""
    three = [planned_launch(f"new-{zone.id}", spot=True, zone=zone) for zone in ZONES]
    assert fleet(*three, loss_share=0.5, probability=0.0464) == set()
    assert fleet(*three, loss_share=0.5, probability=0.0463) == {Rule.LOSS_PROBABILITY}


def test_losing_exactly_the_share_is_not_losing_more() -> None:
    """Pools of 4 and 2 vCPUs: more than a third goes with the larger (0.1), more than two thirds with both.

    A shock to their zone comes at 0.4 / 0.3 of -ln 0.9 a month, and takes both with 0.09.
    """
    pools = [planned_launch("new-1", XLARGE, spot=True), planned_launch("new-2", LARGE, spot=True)]
    assert fleet(*pools, loss_share=1 / 3, probability=0.1) == set()
    assert fleet(*pools, loss_share=1 / 3, probability=0.099) == {Rule.LOSS_PROBABILITY}
    assert fleet(*pools, loss_share=2 / 3, probability=0.0126) == set()
    assert fleet(*pools, loss_share=2 / 3, probability=0.0125) == {Rule.LOSS_PROBABILITY}


def test_on_demand_nodes_are_never_lost() -> None:
    assert fleet(planned_launch(), loss_share=0.0, probability=0.0) == set()
    assert fleet(planned_launch(spot=True), loss_share=0.0, probability=0.0) == {Rule.LOSS_PROBABILITY}


def test_a_probability_that_was_too_large_before_is_no_fault_until_the_plan_raises_it() -> None:
    risky, calm = make_node("s1", XLARGE, spot=True), make_node("n1")
    assert running(risky, calm, share=1.0, probability=0.05) == set()
    more = {"actions": [launch(1, "new-1")], "new": [planned_launch("new-1", XLARGE, spot=True)]}
    assert running(risky, calm, share=1.0, probability=0.05, **more) == {Rule.LOSS_PROBABILITY}
