from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.node import Node
from domain.plan import Plan, PlannedNode
from domain.snapshot import Snapshot
from serve.report.sections import waterfall_rows
from serve.report.waterfall import Term, waterfall
from tests.unit.serve.builders import (
    CATALOG,
    TYPES,
    ZONES,
    as_planned,
    make_node,
    make_plan,
    make_planned,
    make_snapshot,
)

BASE = make_plan(make_snapshot(nodes=2))


def terms(before: list[Node], after: list[PlannedNode]) -> tuple[Plan, tuple[Term, ...]]:
    snapshot = Snapshot(region="us-east-1", zones=ZONES, nodes=tuple(before), pods=())
    plan = replace(
        BASE,
        cost_usd_per_h=sum(node.price_usd_per_h or 0 for node in before),
        planned_cost_usd_per_h=sum(node.price_usd_per_h or 0 for node in after),
        nodes=tuple(after),
    )
    return plan, waterfall(plan, snapshot=snapshot, catalog=CATALOG)


def names(found: tuple[Term, ...]) -> list[str]:
    return [term.name for term in found]


def test_the_same_node_as_spot_saves_by_spot_alone() -> None:
    _, found = terms([make_node("a", instance_type="m5.2xlarge")], [make_planned("n", instance_type="m5.2xlarge")])

    assert names(found) == ["Spot instead of on-demand"]


def test_fewer_nodes_of_the_same_type_save_by_packing_alone() -> None:
    stay = make_node("a")

    _, found = terms([stay, make_node("b")], [as_planned(stay, pods=())])

    assert names(found) == ["Tighter packing"]
    assert found[0].usd_per_h == pytest.approx(-0.384)


def test_another_zone_of_a_spot_type_is_a_cheaper_pool() -> None:
    dear = make_node("a", instance_type="r5.xlarge", zone=ZONES[2], spot=True)

    _, found = terms([dear], [make_planned("n", instance_type="r5.xlarge", zone=ZONES[0])])

    assert names(found) == ["Cheaper types and pools"]


def test_nodes_for_waiting_pods_are_no_saving() -> None:
    _, found = terms([], [make_planned("n")])

    assert names(found) == ["Room for waiting pods"]
    assert found[0].usd_per_h > 0


def test_nothing_that_changes_makes_no_terms() -> None:
    stay = make_node("a")

    assert terms([stay], [as_planned(stay, pods=())])[1] == ()


def test_nodes_with_an_unknown_price_take_no_part() -> None:
    unknown = replace(make_node("x"), price_usd_per_h=None)

    _, found = terms([unknown, make_node("a")], [as_planned(unknown, pods=()), make_planned("n")])

    assert sum(term.usd_per_h for term in found) == pytest.approx(make_planned("n").price_usd_per_h - 0.384)


fleets = st.lists(
    st.tuples(st.sampled_from(sorted(TYPES)), st.integers(0, 2), st.booleans(), st.booleans()), max_size=8
)


@given(before=fleets, added=st.lists(st.tuples(st.sampled_from(sorted(TYPES)), st.integers(0, 2)), max_size=8))
def test_terms_always_add_up_to_the_difference(
    before: list[tuple[str, int, bool, bool]], added: list[tuple[str, int]]
) -> None:
    running = [
        make_node(f"r{n}", instance_type=kind, zone=ZONES[zone], spot=spot)
        for n, (kind, zone, spot, _) in enumerate(before)
    ]
    after = [as_planned(node, pods=()) for node, (_, _, _, stays) in zip(running, before, strict=True) if stays]
    after += [make_planned(f"n{n}", instance_type=kind, zone=ZONES[zone]) for n, (kind, zone) in enumerate(added)]

    plan, found = terms(running, after)

    assert sum(term.usd_per_h for term in found) == pytest.approx(-plan.saving_usd_per_h, abs=1e-5)
    assert "Other" not in names(found)


def test_amounts_shown_add_up_in_whole_dollars() -> None:
    snapshot = make_snapshot(nodes=40)
    plan = make_plan(snapshot)

    rows = waterfall_rows(plan, waterfall(plan, snapshot=snapshot, catalog=CATALOG))

    amounts = [int(row.text.replace("−", "-").replace("$", "").replace(",", "")) for row in rows]
    assert sum(amounts[:-1]) == amounts[-1]
    assert all(0 <= row.start <= row.start + row.width <= 1 + 1e-9 for row in rows)


def test_without_a_bill_today_there_is_no_waterfall() -> None:
    plan, found = terms([], [make_planned("n")])

    assert waterfall_rows(plan, found) == ()
