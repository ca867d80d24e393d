"""A node may come from more pools than the planned one."""

from domain.market import CapacityType, Pool
from domain.policy import Policy
from solvers.decision.widening import WANTED_POOLS, widened
from tests.builders import (
    ARM,
    BURSTABLE,
    LARGE,
    XLARGE,
    ZONE_A,
    ZONES,
    make_catalog,
    make_offering,
    make_type,
)

SPOT = CapacityType.SPOT
PLANNED = Pool(region="us-east-1", zone_id=ZONE_A.id, instance_type="m5.large")


def names(policy: Policy | None = None, avoid: tuple[Pool, ...] = ()) -> list[str]:
    twins = [make_type(f"m{n}.large", 2, gib=8) for n in range(6, 20)]
    small, rich = make_type("c5.large", 2, gib=4), make_type("r5.large", 2, gib=16)
    types = (LARGE, XLARGE, ARM, BURSTABLE, small, rich, *twins)
    offerings = [make_offering(kind, zone, spot=True) for kind in types for zone in ZONES]
    catalog = make_catalog(types, offerings=offerings)
    pools = widened(PLANNED, SPOT, catalog=catalog, policy=policy or Policy(), avoid=avoid)
    assert all(one.pool.zone_id == ZONE_A.id for one in pools)
    return [one.pool.instance_type for one in pools]


def test_the_planned_pool_comes_first_and_there_are_ten() -> None:
    found = names()
    assert (found[0], len(found)) == ("m5.large", WANTED_POOLS)


def test_only_what_fits_and_is_allowed_and_costs_little_more_is_taken() -> None:
    policy = Policy(families=("m5", "r5", "t3", "c5", "m6g"), allow_burstable=False)
    assert names(policy) == ["m5.large", "r5.large"]


def test_pools_to_be_avoided_are_left_out_the_planned_one_too() -> None:
    policy = Policy(families=("m5", "r5"))
    assert names(policy, (PLANNED,)) == ["r5.large"]


def test_under_a_limit_on_pools_a_spot_node_comes_from_where_it_was_planned_alone() -> None:
    """Ten launches that name ten pools each may all end in one, whatever the plan has spread."""
    for policy in (Policy(max_pool_share=0.3), Policy(max_loss_probability=0.05)):
        assert names(policy) == ["m5.large"]
        assert names(policy, (PLANNED,)) == []


def test_a_pool_that_is_not_on_offer_gives_nothing() -> None:
    assert widened(PLANNED, SPOT, catalog=make_catalog(offerings=()), policy=Policy()) == ()
