"""The order of actions: what one step may do, and what it must leave to the next."""

from dataclasses import replace

import pytest

from domain import labels as keys
from domain.plan import Action, Plan, Reason
from domain.selectors import Operator
from solvers.checker import Rule
from tests.builders import (
    XLARGE,
    ZONE_A,
    ZONE_B,
    cordon,
    evict,
    launch,
    make_budget,
    make_node,
    make_plan,
    make_pod,
    make_pod_term,
    make_policy,
    make_selector,
    make_snapshot,
    make_spread,
    make_term,
    planned_launch,
    require,
    terminate,
)
from tests.unit.checker.scenes import Scene, moved, replaced, scheduled

WEB = make_selector(app="web")
A, B = make_pod("a", on="old"), make_pod("b", on="old")


def acting(*actions: Action) -> Scene:
    """The replacement of node ``old`` by ``new-1``, done by these actions."""
    snapshot = make_snapshot([make_node("old"), make_node("stays")], [A, B])
    return Scene(snapshot=snapshot, plan=make_plan(snapshot, actions, new=[planned_launch("new-1")]))


def numbered(*pairs: tuple[int, int]) -> Scene:
    """The replacement with these action ids and steps."""

    def change(plan: Plan) -> Plan:
        actions = zip(plan.actions, pairs, strict=True)
        return replace(plan, actions=tuple(replace(a, id=number, step=step) for a, (number, step) in actions))

    return replaced().with_plan(change)


def test_a_replacement_in_three_steps_passes() -> None:
    assert replaced().violations() == ()


def test_a_plan_that_does_nothing_passes() -> None:
    snapshot = make_snapshot([make_node("old")], [A, B])
    assert Scene(snapshot=snapshot, plan=make_plan(snapshot)).violations() == ()


def test_an_empty_cluster_needs_no_plan() -> None:
    assert Scene(snapshot=make_snapshot(), plan=make_plan(make_snapshot())).violations() == ()


def test_what_is_broken_before_the_plan_is_no_fault_of_it() -> None:
    crowd = [make_pod(f"p{i}", cpu=1, anti_affinity=[make_pod_term(WEB)], on="old") for i in range(4)]
    snapshot = make_snapshot([make_node("old", ready=False)], crowd)
    assert Scene(snapshot=snapshot, plan=make_plan(snapshot)).violations() == ()


def test_action_ids_are_unique() -> None:
    assert numbered((1, 1), (2, 2), (3, 2), (4, 2), (5, 3)).rules() == set()
    assert numbered((1, 1), (2, 2), (3, 2), (2, 2), (5, 3)).rules() == {Rule.ACTION_ID}


def test_steps_never_go_down() -> None:
    assert numbered((1, 4), (2, 7), (3, 7), (4, 7), (5, 9)).rules() == set()
    assert numbered((1, 4), (2, 7), (3, 7), (4, 6), (5, 9)).rules() == {Rule.STEP_ORDER}


def test_every_action_has_a_reason() -> None:
    def forget(plan: Plan) -> Plan:
        first = replace(plan.actions[0], reason=Reason(code="", text=""))
        return replace(plan, actions=(first, *plan.actions[1:]))

    assert replaced().with_plan(forget).rules() == {Rule.REASON}


def test_only_evictions_name_a_pod_and_a_target() -> None:
    def confuse(plan: Plan) -> Plan:
        return replace(plan, actions=(replace(plan.actions[0], pod=A.key, target="stays"), *plan.actions[1:]))

    assert replaced().with_plan(confuse).rules() == {Rule.ACTION_SHAPE}


@pytest.mark.parametrize("act", [cordon, terminate])
def test_a_node_acted_upon_must_exist(act) -> None:
    snapshot = make_snapshot([make_node("old")], [A, B])
    assert Scene(snapshot=snapshot, plan=make_plan(snapshot, [act(1, "ghost")])).rules() == {Rule.UNKNOWN_NODE}


def test_one_step_touches_at_most_as_many_nodes_as_the_policy_allows() -> None:
    scene = scheduled(*(make_pod(name) for name in "abc"), onto=[planned_launch(f"new-{i}") for i in range(3)])
    assert replace(scene, policy=make_policy(max_concurrent_actions=3)).rules() == set()
    assert replace(scene, policy=make_policy(max_concurrent_actions=2)).rules() == {Rule.CONCURRENCY}


def test_several_actions_on_one_node_touch_one_node() -> None:
    assert replace(replaced(), policy=make_policy(max_concurrent_actions=1)).rules() == set()


def test_a_pod_cannot_be_moved_in_the_step_that_launches_its_node() -> None:
    moves = [cordon(1, "old"), evict(1, A, target="new-1"), evict(2, B, target="new-1"), terminate(3, "old")]
    assert Rule.EVICT_TARGET in acting(launch(1, "new-1"), *moves).rules()


def test_a_pod_cannot_be_moved_to_a_node_that_never_was() -> None:
    moves = [evict(2, A, target="ghost"), evict(2, B, target="new-1")]
    assert Rule.EVICT_TARGET in acting(launch(1, "new-1"), cordon(2, "old"), *moves, terminate(3, "old")).rules()


def test_a_pod_is_evicted_from_where_it_is() -> None:
    wrong = [evict(2, replace(A, node_name="stays"), target="new-1"), evict(2, B, target="new-1")]
    assert Rule.EVICT_UNKNOWN in acting(launch(1, "new-1"), cordon(2, "old"), *wrong, terminate(3, "old")).rules()


def test_a_node_is_cordoned_before_its_pods_are_evicted() -> None:
    moves = [evict(2, A, target="new-1"), evict(2, B, target="new-1")]
    assert acting(launch(1, "new-1"), cordon(1, "old"), *moves, terminate(3, "old")).rules() == set()
    late = acting(launch(1, "new-1"), *moves, cordon(3, "old"), terminate(3, "old"))
    assert late.rules() == {Rule.EVICT_UNCORDONED}


def test_a_node_that_was_cordoned_all_along_may_be_drained() -> None:
    snapshot = make_snapshot([make_node("old", cordoned=True), make_node("stays")], [A, B])
    moves = [evict(1, A, target="stays"), evict(1, B, target="stays"), terminate(2, "old")]
    assert Scene(snapshot=snapshot, plan=make_plan(snapshot, moves)).rules() == set()


def test_a_node_is_cordoned_before_it_is_terminated() -> None:
    snapshot = make_snapshot([make_node("old"), make_node("stays")], [])
    assert Scene(snapshot=snapshot, plan=make_plan(snapshot, [cordon(1, "old"), terminate(1, "old")])).rules() == set()
    bare = Scene(snapshot=snapshot, plan=make_plan(snapshot, [terminate(1, "old")]))
    assert bare.rules() == {Rule.TERMINATE_UNCORDONED}


def test_a_node_is_empty_before_the_step_that_terminates_it() -> None:
    moves = [evict(2, A, target="new-1"), evict(2, B, target="new-1")]
    hasty = acting(launch(1, "new-1"), cordon(2, "old"), *moves, terminate(2, "old"))
    assert hasty.rules() == {Rule.TERMINATE_OCCUPIED}


def test_daemons_and_mirrors_go_with_their_node() -> None:
    daemon = make_pod("proxy", namespace="kube-system", is_daemon=True, on="old")
    mirror = make_pod("static", namespace="kube-system", is_mirror=True, on="old")
    snapshot = make_snapshot([make_node("old"), make_node("stays")], [A, daemon, mirror])
    actions = [cordon(1, "old"), evict(1, A, target="stays"), terminate(2, "old")]
    assert Scene(snapshot=snapshot, plan=make_plan(snapshot, actions)).rules() == set()
    lazy = make_plan(snapshot, [cordon(1, "old"), terminate(2, "old")])
    assert Rule.TERMINATE_OCCUPIED in Scene(snapshot=snapshot, plan=lazy).rules()


@pytest.mark.parametrize("flag", ["is_daemon", "is_mirror"])
def test_daemons_and_mirrors_are_never_evicted(flag) -> None:
    assert moved(make_pod(), onto=make_node()).rules() == set()
    assert moved(replace(make_pod(), **{flag: True}), onto=make_node()).rules() == {Rule.EVICT_PROTECTED}


def test_a_pod_that_must_not_be_disrupted_is_not_evicted() -> None:
    assert moved(make_pod(do_not_disrupt="annotated"), onto=make_node()).rules() == {Rule.EVICT_PROTECTED}


def test_a_node_that_must_not_be_disrupted_is_neither_drained_nor_terminated() -> None:
    scene = moved(make_pod(), onto=make_node(), old=make_node("old", do_not_disrupt="annotated"))
    assert scene.rules() == {Rule.EVICT_PROTECTED, Rule.TERMINATE_PROTECTED}


def test_pods_of_an_excluded_namespace_are_evicted_only_when_a_budget_covers_them() -> None:
    scene = moved(make_pod(namespace="kube-system"), onto=make_node())
    budget = make_budget(namespace="kube-system")
    covered = replace(scene, snapshot=replace(scene.snapshot, budgets=(budget,)))
    assert scene.rules() == {Rule.EVICT_NAMESPACE}
    assert covered.rules() == set()


def budgeted(allowed: int, *steps: int, selector=None) -> Scene:
    """Pods are evicted from ``old`` in the given steps under a budget."""
    pods = [make_pod(f"p{i}", cpu=0.1, on="old") for i in range(len(steps))]
    budget = make_budget(allowed=allowed, selector=selector)
    snapshot = make_snapshot([make_node("old"), make_node("stays")], pods, budgets=[budget])
    moves = [evict(step, pod, target="stays") for pod, step in zip(pods, steps, strict=True)]
    return Scene(snapshot=snapshot, plan=make_plan(snapshot, [cordon(1, "old"), *moves, terminate(9, "old")]))


def test_a_budget_limits_the_evictions_of_one_step() -> None:
    assert budgeted(2, 1, 1, 2).rules() == set()
    assert budgeted(2, 1, 1, 1).rules() == {Rule.BUDGET}


def test_a_budget_has_its_allowance_back_in_the_next_step() -> None:
    assert budgeted(1, 1, 2, 3).rules() == set()


def test_a_budget_that_allows_nothing_is_never_broken() -> None:
    assert budgeted(0, 1).rules() == {Rule.BUDGET}


def test_a_budget_is_about_the_pods_it_selects() -> None:
    assert budgeted(0, 1, selector=make_selector(app="db")).rules() == set()
    scene = moved(make_pod(), onto=make_node())
    elsewhere = make_budget(allowed=0, namespace="data")
    assert replace(scene, snapshot=replace(scene.snapshot, budgets=(elsewhere,))).rules() == set()


def test_a_pod_of_two_budgets_is_never_evicted() -> None:
    scene = moved(make_pod(), onto=make_node())
    budgets = (make_budget("one", 9), make_budget("two", 9))
    assert replace(scene, snapshot=replace(scene.snapshot, budgets=budgets[:1])).rules() == set()
    assert replace(scene, snapshot=replace(scene.snapshot, budgets=budgets)).rules() == {Rule.BUDGET_OVERLAP}


def test_pods_of_one_step_all_leave_before_any_is_placed() -> None:
    """Two full nodes with pods that exclude each other swap sides through a third."""
    big = [make_pod(name, cpu=1.5, on=node) for name, node in (("a", "old"), ("b", "n2"))]
    snapshot = make_snapshot([make_node("old"), make_node("n2"), make_node("n3", XLARGE)], big)
    actions = [cordon(1, "old"), cordon(1, "n2"), *(evict(1, pod, target="n3") for pod in big)]
    done = [*actions, terminate(2, "old"), terminate(2, "n2")]
    assert Scene(snapshot=snapshot, plan=make_plan(snapshot, done)).rules() == set()


def test_pods_of_one_step_are_placed_in_the_order_of_the_actions() -> None:
    leader = make_pod("leader", cpu=0.1, labels={"app": "db"}, on="old")
    follower = make_pod("follower", cpu=0.1, affinity=[make_pod_term(make_selector(app="db"))], on="old")
    snapshot = make_snapshot([make_node("old"), make_node("n1")], [leader, follower])

    def ordered(*pods) -> Scene:
        moves = [evict(1, pod, target="n1") for pod in pods]
        return Scene(snapshot=snapshot, plan=make_plan(snapshot, [cordon(1, "old"), *moves, terminate(2, "old")]))

    assert ordered(leader, follower).rules() == set()
    assert ordered(follower, leader).rules() == {Rule.POD_AFFINITY}


def test_room_that_a_later_step_frees_is_not_there_yet() -> None:
    first = make_pod("first", cpu=1.5, on="n1")
    second = make_pod("second", cpu=1.5, on="old")
    nodes = [make_node("old"), make_node("n1"), make_node("n2")]
    snapshot = make_snapshot(nodes, [first, second], zones=[ZONE_A])
    early = [cordon(1, "old"), cordon(1, "n1"), evict(1, second, target="n2"), terminate(2, "old")]
    assert Scene(snapshot=snapshot, plan=make_plan(snapshot, early)).rules() == set()
    crowded = [cordon(1, "old"), evict(1, second, target="n1"), terminate(2, "old"), cordon(3, "n1")]
    both = [*crowded, evict(3, first, target="n2"), terminate(4, "n1")]
    assert Rule.RESOURCES in Scene(snapshot=snapshot, plan=make_plan(snapshot, both)).rules()


def test_pending_pods_may_follow_each_other_in_any_order() -> None:
    follower = make_pod("a-follower", affinity=[make_pod_term(make_selector(app="db"))])
    leader = make_pod("z-leader", labels={"app": "db"})
    assert scheduled(follower, leader, onto=[planned_launch()]).rules() == set()
    assert scheduled(follower, onto=[planned_launch()]).rules() == {Rule.POD_AFFINITY}


def test_a_moving_pod_may_find_a_pending_pod_already_placed() -> None:
    leader = make_pod("leader", labels={"app": "db"})
    follower = make_pod("follower", affinity=[make_pod_term(make_selector(app="db"))], on="old")
    snapshot = make_snapshot([make_node("old"), make_node("n1")], [leader, follower])
    actions = [cordon(1, "old"), evict(1, follower, target="n1"), terminate(2, "old")]
    helped = make_plan(snapshot, actions, placed={leader.key: "n1"})
    alone = make_plan(snapshot, actions, unschedulable=[leader.key])
    assert Scene(snapshot=snapshot, plan=helped).rules() == set()
    assert Rule.POD_AFFINITY in Scene(snapshot=snapshot, plan=alone).rules()


def test_a_pending_pod_that_fits_in_no_order_is_reported_without_a_step() -> None:
    (violation,) = scheduled(make_pod(cpu=3), onto=[planned_launch()]).violations()
    assert (violation.rule, violation.obj, violation.step) == (Rule.RESOURCES, "web/a", None)


@pytest.mark.parametrize(("counts", "even"), [((2, 2), True), ((3, 2), True), ((4, 2), False), ((1, 5), False)])
def test_the_final_skew_decides_over_pending_pods(counts, even) -> None:
    nodes = [planned_launch("new-1", zone=ZONE_A), planned_launch("new-2", zone=ZONE_B)]
    at = [node.name for node, count in zip(nodes, counts, strict=True) for _ in range(count)]
    pods = [make_pod(f"p{i}", cpu=0.1, spread=[make_spread(WEB)]) for i in range(len(at))]
    assert scheduled(*pods, onto=nodes, at=at).rules() == (set() if even else {Rule.TOPOLOGY_SPREAD})


def test_a_pending_pod_may_come_before_others_that_make_its_domain_uneven() -> None:
    nodes = [planned_launch("new-1", zone=ZONE_A), planned_launch("new-2", zone=ZONE_B)]
    even = make_pod("even", cpu=0.1, spread=[make_spread(WEB)])
    free = [make_pod(f"free{i}", cpu=0.1) for i in range(3)]
    assert scheduled(even, *free, onto=nodes, at=["new-1"] * 4).rules() == set()
    assert scheduled(*free, even, onto=nodes, at=["new-1"] * 4).rules() == set()


def test_a_hostname_spread_counts_launched_nodes_as_domains_of_their_own() -> None:
    nodes = [planned_launch("new-1"), planned_launch("new-2")]
    pods = [make_pod(f"p{i}", cpu=0.1, spread=[make_spread(WEB, keys.HOSTNAME)]) for i in range(4)]
    assert scheduled(*pods, onto=nodes, at=["new-1", "new-2"] * 2).rules() == set()
    assert scheduled(*pods, onto=nodes, at=["new-1"] * 3 + ["new-2"]).rules() == {Rule.TOPOLOGY_SPREAD}


def test_launched_nodes_keep_pods_with_anti_affinity_over_hostname_apart() -> None:
    nodes = [planned_launch("new-1"), planned_launch("new-2")]
    pods = [make_pod(name, anti_affinity=[make_pod_term(WEB)]) for name in "ab"]
    assert scheduled(*pods, onto=nodes, at=["new-1", "new-2"]).rules() == set()
    assert scheduled(*pods, onto=nodes, at=["new-1", "new-1"]).rules() == {Rule.POD_ANTI_AFFINITY}


def test_a_requirement_on_the_zone_binds_a_launched_node() -> None:
    pod = make_pod(node_affinity=[make_term(require(keys.ZONE, Operator.IN, ZONE_B.name))])
    assert scheduled(pod, onto=[planned_launch(zone=ZONE_B)]).rules() == set()
    assert scheduled(pod, onto=[planned_launch(zone=ZONE_A)]).rules() == {Rule.NODE_AFFINITY}
