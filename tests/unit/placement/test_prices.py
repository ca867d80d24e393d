"""Prices joined to running nodes, and clusters as if nothing ran."""

from dataclasses import replace

import pytest

from domain.market import Zone
from domain.node import Node
from solvers.placement.prices import FROM_SCRATCH, as_from_scratch, with_prices
from tests.builders import (
    LARGE,
    XLARGE,
    ZONE_A,
    ZONE_B,
    ZONE_C,
    make_budget,
    make_catalog,
    make_node,
    make_offering,
    make_pod,
    make_snapshot,
    make_template,
    make_type,
)

OFFERINGS = (
    make_offering(LARGE, ZONE_A, spot=True, price=0.03, interruption=0.1),
    make_offering(LARGE, ZONE_B, spot=True, price=0.05, interruption=0.3),
    make_offering(LARGE, ZONE_A, price=0.1),
    make_offering(XLARGE, ZONE_A, price=0.2),
)
CATALOG = make_catalog([LARGE, XLARGE], offerings=OFFERINGS)


def unpriced(name: str, kind=LARGE, **placed) -> Node:
    return replace(make_node(name, kind, **placed), price_usd_per_h=None, interruption_per_month=0.0)


def priced(*nodes: Node, notes: tuple[str, ...] = ()):
    return with_prices(replace(make_snapshot(nodes), notes=notes), CATALOG)


def test_a_node_takes_price_and_risk_of_its_own_zone_and_capacity_type() -> None:
    snapshot = priced(unpriced("a", spot=True), unpriced("b", spot=True, zone=ZONE_B), unpriced("c"))
    assert [node.price_usd_per_h for node in snapshot.nodes] == [0.03, 0.05, 0.1]
    assert [node.interruption_per_month for node in snapshot.nodes] == [0.1, 0.3, 0.0]
    assert snapshot.notes == ()


def test_a_zone_that_the_catalogue_does_not_have_takes_the_mean_of_the_others_and_says_so() -> None:
    snapshot = priced(unpriced("a", spot=True, zone=ZONE_C), unpriced("b", zone=ZONE_B))
    spot, on_demand = snapshot.nodes
    assert (spot.price_usd_per_h, spot.interruption_per_month) == (pytest.approx(0.04), pytest.approx(0.2))
    assert on_demand.price_usd_per_h == 0.1
    (note,) = snapshot.notes
    assert note.startswith("2 nodes priced at the mean of the region's other zones")
    assert "m5.large spot in use1-az3 (1)" in note
    assert "m5.large on-demand in use1-az2 (1)" in note


def test_a_node_in_an_unknown_zone_still_has_a_price() -> None:
    (node,) = priced(unpriced("a", zone=Zone(id="", name=""))).nodes
    assert node.price_usd_per_h == 0.1


def test_a_spot_node_without_a_spot_price_is_kept_without_one_and_named() -> None:
    snapshot = priced(unpriced("a", XLARGE, spot=True))
    assert snapshot.nodes[0].price_usd_per_h is None
    (note,) = snapshot.notes
    assert note == (
        "1 node bought in a way that the catalogue has no price for: kept, its cost is left out: m5.xlarge spot (1)."
    )


def test_unknown_types_are_told_in_one_note_with_their_counts() -> None:
    odd, odder = make_type("x9.huge", 2), make_type("", 2)
    snapshot = priced(unpriced("a", odd), unpriced("b", odd, spot=True), unpriced("c", odder), unpriced("d"))
    assert [node.price_usd_per_h for node in snapshot.nodes] == [None, None, None, 0.1]
    (note,) = snapshot.notes
    assert note == (
        "3 nodes of a type that the catalogue does not know: kept, its cost is left out: "
        "x9.huge (2), no type given (1)."
    )


def test_a_note_names_a_few_types_and_counts_the_rest() -> None:
    (note,) = priced(*(unpriced(f"n{i}", make_type(f"x{i}.huge", 2)) for i in range(8))).notes
    assert note.endswith("x0.huge (1), x1.huge (1), x2.huge (1), x3.huge (1), x4.huge (1) and 3 more.")


def test_a_price_from_before_gives_way_to_the_catalogue() -> None:
    known, unknown = priced(make_node("a", price=9.0), make_node("b", make_type("x9.huge", 2), price=9.0)).nodes
    assert (known.price_usd_per_h, unknown.price_usd_per_h) == (0.1, None)


def test_pricing_twice_changes_nothing_and_keeps_notes_from_before() -> None:
    once = priced(unpriced("a", make_type("x9.huge", 2)), unpriced("b", zone=ZONE_C), notes=("told before",))
    assert once.notes[0] == "told before"
    assert len(once.notes) == 3
    assert with_prices(once, CATALOG) == once


def running_cluster():
    pods = [
        make_pod("app", on="n1", do_not_disrupt="annotated"),
        make_pod("waiting"),
        make_pod("daemon", on="n1", is_daemon=True),
        make_pod("mirror", on="n1", is_mirror=True),
    ]
    return make_snapshot(
        [make_node("n1")],
        pods,
        zones=[ZONE_B],
        budgets=[make_budget()],
        daemonsets=[make_pod("agent", is_daemon=True)],
        templates=[make_template("ml", {"team": "ml"})],
    )


def test_from_scratch_nothing_runs_and_every_workload_waits() -> None:
    scratch = as_from_scratch(running_cluster())
    assert scratch.nodes == ()
    assert [(pod.name, pod.node_name, pod.do_not_disrupt) for pod in scratch.pods] == [
        ("app", "", ""),
        ("waiting", "", ""),
    ]
    assert scratch.notes == (FROM_SCRATCH,)


def test_from_scratch_keeps_zones_budgets_daemonsets_templates_and_notes() -> None:
    before = replace(running_cluster(), notes=("told before",))
    scratch = as_from_scratch(before)
    assert scratch.notes == ("told before", FROM_SCRATCH)
    same = ("region", "zones", "budgets", "daemonsets", "templates", "observed_at")
    assert all(getattr(scratch, name) == getattr(before, name) for name in same)


def test_from_scratch_twice_is_from_scratch_once() -> None:
    once = as_from_scratch(running_cluster())
    assert as_from_scratch(once) == once


def test_from_scratch_says_nothing_where_nothing_ran() -> None:
    empty = make_snapshot([], [make_pod("waiting")])
    assert as_from_scratch(empty) == empty
