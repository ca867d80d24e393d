"""Interruption risk of a fleet, by hand, against the checker and against every way to lose pools."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.market import CapacityType
from domain.units import MIB
from solvers.checker.limits import fleet as as_the_checker_counts
from solvers.placement.risk import RiskNode, exposure, fleet_risk, risk_nodes
from tests.builders import (
    ARM,
    LARGE,
    XLARGE,
    ZONE_A,
    ZONE_B,
    ZONES,
    make_catalog,
    make_node,
    make_policy,
    make_resources,
    make_type,
    planned_launch,
)

HALF = make_policy(max_loss_share=0.5)


def spot(kind: str = "m5.large", zone: str = "use1-az1", *, vcpu: int = 2, interruption: float = 0.1) -> RiskNode:
    return RiskNode(
        instance_type=kind,
        zone_id=zone,
        capacity_type=CapacityType.SPOT,
        interruption_per_month=interruption,
        vcpu=vcpu,
    )


def on_demand(vcpu: int = 2) -> RiskNode:
    return replace(spot(vcpu=vcpu, interruption=0.0), capacity_type=CapacityType.ON_DEMAND)


def test_an_empty_fleet_has_no_risk() -> None:
    risk = fleet_risk([], policy=HALF)
    assert (risk.interruptions_per_month, risk.loss_probability_per_month, risk.spot_share) == (0.0, 0.0, 0.0)
    assert (risk.largest_pool, risk.largest_pool_share) == ("", 0.0)


def test_interruptions_are_expected_over_all_nodes_and_shares_are_of_all_vcpus() -> None:
    risk = fleet_risk([spot(), spot(), spot("m5.xlarge", vcpu=4, interruption=0.25), on_demand(8)], policy=HALF)
    assert risk.interruptions_per_month == pytest.approx(0.45)
    assert risk.spot_share == 0.5
    assert risk.largest_pool_share == 0.25


def test_of_equally_large_pools_the_first_by_name_is_the_largest() -> None:
    assert fleet_risk([spot(zone="use1-az2"), spot(zone="use1-az1")], policy=HALF).largest_pool == (
        "m5.large in use1-az1"
    )


def test_on_demand_nodes_belong_to_no_spot_pool() -> None:
    risk = fleet_risk([on_demand(16), spot()], policy=HALF)
    assert risk.largest_pool_share == pytest.approx(2 / 18)


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, 1 - 0.9**3), (1 / 3, 3 * 0.01 * 0.9 + 0.001), (0.5, 0.028), (2 / 3, 0.001), (0.7, 0.001), (1.0, 0.0)],
)
def test_of_three_equal_pools_losing_the_very_share_is_not_losing_more(share: float, expected: float) -> None:
    three = [spot(zone=zone.id) for zone in ZONES]
    risk = fleet_risk(three, policy=make_policy(max_loss_share=share))
    assert risk.loss_probability_per_month == pytest.approx(expected)


def test_a_pool_is_lost_with_the_largest_probability_of_its_nodes() -> None:
    risk = fleet_risk([spot(interruption=0.1), spot(interruption=0.3)], policy=HALF)
    assert risk.loss_probability_per_month == pytest.approx(0.3)


def test_a_tiny_probability_keeps_its_digits() -> None:
    pools = [spot(f"t{i}.large", interruption=1e-5) for i in range(4)]
    risk = fleet_risk(pools, policy=make_policy(max_loss_share=0.8))
    assert risk.loss_probability_per_month == pytest.approx(1e-20, rel=1e-9)


def test_a_node_of_an_unknown_type_counts_the_cpus_that_pods_can_have_rounded_up() -> None:
    unknown = replace(make_node("a", make_type("x9.huge")), allocatable=make_resources(3.2, 1))
    known = replace(make_node("b", XLARGE), allocatable=replace(XLARGE.allocatable, cpu_mcpu=3920, memory_bytes=MIB))
    assert [node.vcpu for node in risk_nodes([unknown, known], make_catalog())] == [4, 4]


def test_running_and_planned_nodes_count_alike() -> None:
    running = make_node("a", LARGE, zone=ZONE_B, spot=True)
    planned = planned_launch("new-1", LARGE, zone=ZONE_B, spot=True)
    assert len(set(risk_nodes([running, planned], make_catalog()))) == 1


NODES = st.lists(
    st.tuples(
        st.sampled_from((LARGE, XLARGE, ARM, make_type("x9.huge", 7))),
        st.sampled_from((ZONE_A, ZONE_B)),
        st.booleans(),
        st.sampled_from((0.0, 0.05, 0.1, 0.3, 1.0)),
    ),
    max_size=8,
)
SHARES = st.sampled_from((0.0, 0.1, 1 / 3, 0.5, 0.6, 2 / 3, 0.9, 1.0))


@given(drawn=NODES, share=SHARES)
def test_the_risk_is_the_one_that_the_checker_finds(drawn, share: float) -> None:
    nodes = [
        replace(make_node(f"n{i}", kind, zone=zone, spot=is_spot), interruption_per_month=chance if is_spot else 0.0)
        for i, (kind, zone, is_spot, chance) in enumerate(drawn)
    ]
    found = as_the_checker_counts(nodes, make_catalog())
    risk = fleet_risk(risk_nodes(nodes, make_catalog()), policy=make_policy(max_loss_share=share))
    assert risk.loss_probability_per_month == pytest.approx(found.probability_of_losing_over(share), abs=1e-12)
    assert risk.largest_pool_share == pytest.approx(max(map(found.share, found.by_pool), default=0.0))


@given(pools=st.lists(st.tuples(st.integers(1, 9), st.floats(0, 1)), max_size=6), rest=st.integers(0, 9), share=SHARES)
def test_the_probability_is_the_sum_over_every_way_to_lose_pools(
    pools: list[tuple[int, float]], rest: int, share: float
) -> None:
    nodes = [spot(f"t{i}.large", vcpu=vcpu, interruption=chance) for i, (vcpu, chance) in enumerate(pools)]
    nodes += [on_demand(rest)] if rest else []
    total, expected = sum(node.vcpu for node in nodes), 0.0
    for lost in product((False, True), repeat=len(pools)):
        chance = 1.0
        for gone, (_, probability) in zip(lost, pools, strict=True):
            chance *= probability if gone else 1 - probability
        if sum(vcpu for gone, (vcpu, _) in zip(lost, pools, strict=True) if gone) > share * total + 1e-6:
            expected += chance
    found = exposure((node, 1) for node in nodes).loss_probability(share)
    assert found == pytest.approx(expected, abs=1e-12)
