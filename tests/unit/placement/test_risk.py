"""Interruption risk of a fleet, by hand, against the checker and against every way to lose pools."""

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.co_interruption import ALONE_SHARE, TYPE_SHOCK, WINDOWS_PER_MONTH, ZONE_SHOCK
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
RATE = -math.log(0.9)
"""Losses a month of a pool that is lost within one with a probability of 0.1."""


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


def within_a_month(rate: float) -> float:
    return 1 - math.exp(-rate)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.0, RATE * (3 * ALONE_SHARE + 0.4 / 0.75 * (1 - 0.25**3) + 3 * 0.4)),
        (1 / 3, RATE * 0.4 / 0.75 * (3 * 0.75**2 * 0.25 + 0.75**3)),
        (0.5, RATE * 0.4 / 0.75 * (3 * 0.75**2 * 0.25 + 0.75**3)),
        (2 / 3, RATE * 0.4 / 0.75 * 0.75**3),
        (0.7, RATE * 0.4 / 0.75 * 0.75**3),
        (1.0, 0.0),
    ],
)
def test_of_three_zones_of_a_type_losing_the_very_share_is_not_losing_more(share: float, expected: float) -> None:
    """A shock to the type comes at 0.4 / 0.75 of the rate of a pool, and takes each zone with 0.75."""
    three = [spot(zone=zone.id) for zone in ZONES]
    risk = fleet_risk(three, policy=make_policy(max_loss_share=share))
    assert risk.loss_probability_per_month == pytest.approx(within_a_month(expected), abs=1e-6)


def test_types_of_one_zone_fall_together_less_often_than_zones_of_one_type() -> None:
    types, zones = [spot(f"t{i}.large") for i in range(3)], [spot(zone=zone.id) for zone in ZONES]
    by_zone, by_type = (fleet_risk(nodes, policy=HALF).loss_probability_per_month for nodes in (types, zones))
    expected = RATE * 0.4 / 0.3 * (3 * 0.3**2 * 0.7 + 0.3**3)
    assert by_zone == pytest.approx(within_a_month(expected), abs=1e-6)
    assert by_zone < by_type


def test_pools_of_other_types_and_zones_are_lost_at_once_by_chance_alone() -> None:
    apart = [spot(f"t{i}.large", zone.id) for i, zone in enumerate(ZONES)]
    in_a_window = RATE * ALONE_SHARE / WINDOWS_PER_MONTH
    found = fleet_risk(apart, policy=HALF).loss_probability_per_month
    assert found == pytest.approx(WINDOWS_PER_MONTH * 3 * in_a_window**2, rel=1e-3)


@pytest.mark.parametrize("interruption", [0.0, 0.001, 0.1, 0.9, 1.0])
def test_a_pool_that_is_all_there_is_goes_as_often_as_it_is_told_to(interruption: float) -> None:
    risk = fleet_risk([spot(interruption=interruption)], policy=HALF)
    assert risk.loss_probability_per_month == pytest.approx(interruption, abs=1e-9)


def test_a_pool_is_lost_with_the_largest_probability_of_its_nodes() -> None:
    risk = fleet_risk([spot(interruption=0.1), spot(interruption=0.3)], policy=HALF)
    assert risk.loss_probability_per_month == pytest.approx(0.3)


def test_a_tiny_probability_keeps_its_digits() -> None:
    pools = [spot(f"t{i}.large", f"az{i}", interruption=1e-5) for i in range(4)]
    risk = fleet_risk(pools, policy=make_policy(max_loss_share=0.8))
    expected = WINDOWS_PER_MONTH * (1e-5 * ALONE_SHARE / WINDOWS_PER_MONTH) ** 4
    assert risk.loss_probability_per_month == pytest.approx(expected, rel=1e-4)


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


POOLS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(1, 9), st.sampled_from((0.0, 0.05, 0.3, 0.9))),
    max_size=6,
    unique_by=lambda pool: pool[:2],
)


@given(pools=POOLS, rest=st.integers(0, 9), share=SHARES)
def test_the_probability_is_the_sum_over_every_way_to_lose_pools(
    pools: list[tuple[str, str, int, float]], rest: int, share: float
) -> None:
    nodes = [spot(kind, zone, vcpu=vcpu, interruption=chance) for kind, zone, vcpu, chance in pools]
    sizes = {(kind, zone): vcpu for kind, zone, vcpu, _ in pools}
    rates = {(kind, zone): -math.log(1 - chance) for kind, zone, _, chance in pools if chance}
    most = share * (sum(sizes.values()) + rest) + 1e-6

    def beyond(chances: Mapping[tuple[str, str], float]) -> float:
        found = 0.0
        for lost in product((False, True), repeat=len(chances)):
            if sum(sizes[pool] for pool, gone in zip(chances, lost, strict=True) if gone) > most:
                found += math.prod(p if gone else 1 - p for p, gone in zip(chances.values(), lost, strict=True))
        return found

    in_a_window = {pool: 1 - math.exp(-ALONE_SHARE * rate / WINDOWS_PER_MONTH) for pool, rate in rates.items()}
    expected = -WINDOWS_PER_MONTH * math.log(1 - beyond(in_a_window))
    for shock, part in ((TYPE_SHOCK, 0), (ZONE_SHOCK, 1)):
        for name in {pool[part] for pool in rates}:
            group = {pool: rate for pool, rate in rates.items() if pool[part] == name}
            often = shock.share * max(group.values()) / shock.takes
            expected += often * beyond({pool: shock.share * rate / often for pool, rate in group.items()})
    found = exposure((node, 1) for node in (*nodes, *([on_demand(rest)] if rest else ()))).loss_probability(share)
    assert found == pytest.approx(1 - math.exp(-expected), abs=1e-10)
