"""A plan is taken apart into proposals that make sense by themselves."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from domain.plan import Plan
from domain.policy import Capacity, Policy
from domain.proposal import Module, Proposal
from domain.snapshot import Snapshot
from solvers.decision.parts import Shop, parts_of
from tests.builders import (
    cordon,
    evict,
    launch,
    make_catalog,
    make_node,
    make_plan,
    make_pod,
    make_snapshot,
    planned_launch,
    terminate,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NODES = [make_node(name) for name in ("a", "b", "c")]


def proposed(
    plan: Plan, whole: Snapshot, going: Mapping[str, Module] | None = None, policy: Policy | None = None
) -> tuple[Proposal, ...]:
    shop = Shop(catalog=make_catalog(), policy=policy or Policy())
    return parts_of(plan, whole, going=going or {}, shop=shop, observed_at=NOW)


def test_nodes_that_share_a_new_node_are_one_proposal_and_others_their_own() -> None:
    pods = [make_pod(f"p{name}", on=name) for name in ("a", "b", "c", "d")]
    whole = make_snapshot([*NODES, make_node("d"), make_node("stays")], pods)
    to = {"a": "new-1", "b": "new-1", "c": "stays", "d": "stays"}
    actions = [launch(1, "new-1")]
    for pod in pods:
        node = pod.node_name
        actions += [cordon(2, node), evict(3, pod, target=to[node]), terminate(4, node)]
    both, third, fourth = proposed(make_plan(whole, actions, new=[planned_launch(spot=True)]), whole)
    assert (both.removes, both.uses, [one.name for one in both.launches], both.evictions) == (
        ("a", "b"), (), ["new-1"], 2,
    )  # fmt: skip
    assert (third.removes, third.uses, third.launches) == (("c",), ("stays",), ())
    assert (fourth.removes, fourth.uses) == (("d",), ("stays",))
    assert {one.module for one in (both, third, fourth)} == {Module.PACKING}
    assert both.saving_usd_per_h == 2 * 0.1 - 0.03


def test_a_launch_names_further_pools_and_on_demand_where_the_policy_allows_it() -> None:
    whole = make_snapshot(NODES, [make_pod("web")])
    placed = {whole.pods[0].key: "new-1"}
    plan = make_plan(whole, [launch(1, "new-1")], new=[planned_launch(spot=True)], placed=placed)
    (mixed,) = proposed(plan, whole)
    assert mixed.module is Module.CAPACITY
    (order,) = mixed.launches
    assert {one.pool.instance_type for one in order.spot} == {"m5.large", "t3.large"}
    assert order.on_demand
    (spot_only,) = proposed(plan, whole, policy=Policy(capacity=Capacity.SPOT))
    assert spot_only.launches[0].on_demand == ()


def test_a_node_that_goes_is_replaced_by_a_proposal_of_its_own_module_that_touches_no_other_node() -> None:
    lost, moved = make_pod("lost", on="a"), make_pod("moved", on="b")
    whole = make_snapshot(NODES, [lost, moved])
    left = make_snapshot(NODES[1:], [replace(lost, node_name=""), moved])
    actions = [launch(1, "new-1"), cordon(2, "b"), evict(3, moved, target="new-1"), terminate(4, "b")]
    plan = make_plan(left, actions, new=[planned_launch()], placed={lost.key: "new-1"})
    for module in (Module.INTERRUPTION, Module.REBALANCE):
        (one,) = proposed(plan, whole, going={"a": module})
        assert (one.module, one.removes, one.uses, len(one.launches)) == (module, ("a",), (), 1)


def test_a_node_that_goes_and_whose_pods_fit_elsewhere_needs_no_launch() -> None:
    lost = make_pod("lost", on="a")
    whole = make_snapshot(NODES, [lost])
    left = make_snapshot(NODES[1:], [replace(lost, node_name="")])
    (one,) = proposed(make_plan(left, placed={lost.key: "b"}), whole, going={"a": Module.INTERRUPTION})
    assert (one.removes, one.launches, one.reason.text) == (("a",), (), "replaces a: its pods fit on nodes that stay")


def test_a_plan_without_changes_proposes_nothing() -> None:
    whole = make_snapshot(NODES, [make_pod("web", on="a")])
    assert proposed(make_plan(whole), whole) == ()


def test_a_launch_that_the_catalogue_does_not_sell_any_more_is_not_proposed() -> None:
    whole = make_snapshot(NODES, [make_pod("web")])
    strange = replace(planned_launch(), instance_type="m5.metal-72xl")
    plan = make_plan(whole, [launch(1, "new-1")], new=[strange], placed={whole.pods[0].key: "new-1"})
    assert proposed(plan, whole) == ()
