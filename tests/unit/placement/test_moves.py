"""The order of a plan's actions, seen through whole plans that have passed the checker."""

from collections import Counter
from dataclasses import replace

from domain import labels as keys
from domain.plan import ActionKind
from domain.snapshot import Snapshot
from domain.workload import NodePolicy
from solvers.placement.encode import encode
from solvers.placement.engine import new_state, open_node, put
from solvers.placement.moves import Order, Sequencer, Transition
from tests.builders import (
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
)
from tests.unit.placement.scenes import EAGER, home, of_kind, planned, step_of

WEB = make_selector(app="web")
CATALOG = make_catalog([LARGE, XLARGE], offerings=[make_offering(k, zone) for k in (LARGE, XLARGE) for zone in ZONES])
CHEAP_LARGE = make_catalog(
    [LARGE, XLARGE],
    offerings=[
        make_offering(kind, zone, price=price) for kind, price in ((LARGE, 0.02), (XLARGE, 0.2)) for zone in ZONES
    ],
)
FROM_ONE_TO_ANOTHER = (make_node("n1"), make_node("n2", do_not_disrupt="by hand"))


def test_pods_of_one_budget_leave_in_waves_no_larger_than_it_allows() -> None:
    pods = [make_pod(f"p{i}", 0.3, on="n1") for i in range(5)]
    snapshot = make_snapshot(FROM_ONE_TO_ANOTHER, pods, budgets=[make_budget("calm", 2)])
    waves = Counter(action.step for action in of_kind(planned(snapshot, catalog=CATALOG), ActionKind.EVICT))

    assert sorted(waves.values()) == [1, 2, 2]


def test_pods_without_a_budget_leave_at_once() -> None:
    pods = [make_pod(f"p{i}", 0.3, on="n1") for i in range(5)]
    plan = planned(make_snapshot(FROM_ONE_TO_ANOTHER, pods), catalog=CATALOG)

    assert len({action.step for action in of_kind(plan, ActionKind.EVICT)}) == 1


def test_no_step_touches_more_nodes_than_the_policy_allows() -> None:
    snapshot = make_snapshot([make_node(f"n{i}") for i in range(7)], [])
    plan = planned(snapshot, catalog=CATALOG, policy=replace(EAGER, max_concurrent_actions=2))
    at_once = Counter(action.step for action in plan.actions)

    assert max(at_once.values()) == 2
    assert len(of_kind(plan, ActionKind.TERMINATE)) == 7


def test_a_node_is_cordoned_then_drained_then_terminated() -> None:
    pods = [make_pod("a", on="n1"), make_pod("b", 1.2, on="n2")]
    plan = planned(make_snapshot([make_node("n1"), make_node("n2")], pods), catalog=CATALOG)
    (gone,) = {action.node for action in of_kind(plan, ActionKind.TERMINATE)}
    steps = [step_of(plan, kind, node=gone) for kind in (ActionKind.CORDON, ActionKind.EVICT, ActionKind.TERMINATE)]

    assert steps == sorted(set(steps))


def test_a_node_that_is_cordoned_already_is_not_cordoned_again() -> None:
    plan = planned(make_snapshot([make_node("n1", cordoned=True)], []), catalog=CATALOG)

    assert [action.kind for action in plan.actions] == [ActionKind.TERMINATE]


def test_a_launched_node_takes_its_pods_a_step_later_at_the_earliest() -> None:
    plan = planned(make_snapshot([make_node("n1", XLARGE)], [make_pod(on="n1")]), catalog=CHEAP_LARGE)

    assert step_of(plan, ActionKind.LAUNCH) < step_of(plan, ActionKind.EVICT, pod="web/a")


def test_pods_that_must_stay_apart_never_share_a_node_on_the_way() -> None:
    """The checker judges every step: here each pod needs a new node that runs before it leaves."""
    apart = [make_pod_term(WEB)]
    nodes = [make_node(f"n{i}", XLARGE) for i in range(3)]
    pods = [make_pod(f"p{i}", 0.2, on=f"n{i}", anti_affinity=apart) for i in range(3)]
    plan = planned(make_snapshot(nodes, pods), catalog=CHEAP_LARGE)

    assert len({home(plan, pod.key).name for pod in pods}) == 3
    assert {node.instance_type for node in plan.nodes} == {"m5.large"}


def test_pods_spread_over_zones_stay_spread_while_they_move() -> None:
    spread = [make_spread(WEB)]
    nodes = [make_node(f"n{i}", XLARGE, zone=zone) for i, zone in enumerate(ZONES)]
    pods = [make_pod(f"p{i}", 0.2, on=f"n{i % 3}", spread=spread) for i in range(6)]
    plan = planned(make_snapshot(nodes, pods), catalog=CHEAP_LARGE)
    zones = Counter(home(plan, pod.key).zone for pod in pods)

    assert set(zones.values()) == {2}
    assert not any(node.existing for node in plan.nodes)


def test_pods_that_need_each_other_in_a_zone_move_only_where_they_find_each_other() -> None:
    together = [make_pod_term(WEB, keys.ZONE)]
    nodes = [make_node("n1", XLARGE, zone=ZONE_A)]
    pods = [make_pod(name, 0.2, on="n1", affinity=together) for name in "ab"]
    plan = planned(make_snapshot(nodes, pods), catalog=CHEAP_LARGE)

    assert len({home(plan, pod.key).zone for pod in pods}) == 1


def test_a_cordon_that_takes_a_zone_out_of_the_domains_is_reckoned_with() -> None:
    """Under ``nodeTaintsPolicy: Honor`` a cordoned node no longer counts, so the skew changes with the cordon."""
    spread = [make_spread(WEB, taints_policy=NodePolicy.HONOR)]
    nodes = [make_node("n1", XLARGE, zone=ZONE_A), make_node("n2", XLARGE, zone=ZONE_B)]
    pods = [make_pod(f"p{i}", 0.2, on=f"n{1 + i % 2}", spread=spread) for i in range(4)]
    plan = planned(make_snapshot(nodes, pods), catalog=CHEAP_LARGE)

    assert plan.unschedulable == ()
    assert plan.saving_usd_per_h > 0


def test_a_node_is_stuck_when_the_place_of_its_pod_has_no_room_at_the_moment() -> None:
    nodes = [make_node("n1"), make_node("n2")]
    pods = [make_pod("a", 1.5, on="n1"), make_pod("b", 1.5, on="n2")]
    order = ordered(make_snapshot(nodes, pods), removed=(0,), gains={0: [(1, 1)]})

    assert order.stuck == {0: 0}
    assert of(order, ActionKind.TERMINATE) == []


def test_a_node_that_is_stuck_at_first_is_tried_again_after_the_others() -> None:
    """Pod a shuns b, which runs in the rack of n3: n1 has fewer pods and is tried first, but goes after n2."""
    apart = [make_pod_term(make_selector(app="b"), "rack")]
    nodes = [
        make_node("n1"),
        make_node("n2", labels={"rack": "1"}),
        make_node("n3", labels={"rack": "1"}),
        make_node("n4"),
    ]
    pods = [
        make_pod("a", 1.5, on="n1", anti_affinity=apart),
        make_pod("b", 0.5, on="n2", labels={"app": "b"}),
        make_pod("c", 0.4, on="n2"),
    ]
    order = ordered(make_snapshot(nodes, pods), removed=(0, 1), gains={0: [(2, 1)], 1: [(3, 1)], 2: [(3, 1)]})

    assert order.stuck == {}
    assert of(order, ActionKind.TERMINATE) == [1, 0]


def ordered(snapshot: Snapshot, *, removed: tuple[int, ...], gains: dict[int, list[tuple[int, int]]]) -> Order:
    """The sequencer alone, on a transition that nobody has searched for; classes are in the order of the pods."""
    encoded = encode(snapshot, catalog=CATALOG, policy=EAGER)
    names = [node.name for node in encoded.nodes]
    pods_on = {n: [p for p, pod in enumerate(encoded.pods) if pod.node_name == name] for n, name in enumerate(names)}
    state = new_state(encoded.rules, slots=len(names))
    for n in range(len(names)):
        open_node(encoded.rules, state, n, encoded.site_of_node(n), encoded.capacity[encoded.site_of_node(n)], 1)
        for p in pods_on[n]:
            put(encoded.rules, state, int(encoded.class_of[p]), n, 1)
    transition = Transition(removed=removed, launched={}, gains=gains)
    return Sequencer(
        encoded, state, transition=transition, pods_on=pods_on, budgets_of=[()] * len(encoded.pods), allowance=[],
        max_concurrent=1,
    ).run()  # fmt: skip


def of(order: Order, kind: ActionKind) -> list[int]:
    return [move.node for move in order.moves if move.kind is kind]
