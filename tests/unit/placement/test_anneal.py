"""Exchanges of pods between nodes: valid at every end, never dearer, the same for the same numbers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from solvers.placement.anneal import annealed
from solvers.placement.packing import Packing
from solvers.placement.rounding import dive
from solvers.placement.slots import Fleet
from tests.unit.placement.test_rounding import FEW, assert_valid, calls, make_packing, packings, relaxed


@FEW
@given(packing=packings(most_pods=40), seed=st.integers(0, 9))
def test_a_fleet_holds_the_same_pods_at_no_more_cost(packing: Packing, seed: int) -> None:
    generator, duals = relaxed(packing)
    fleet = dive(generator, demand=packing.demand, keep_going=calls(0))
    after = annealed(packing, fleet, values=duals, tries=2_000, rng=np.random.default_rng(seed))
    assert_valid(packing, after, packing.demand)
    assert after.cost(packing.price) <= fleet.cost(packing.price) + 1e-9


def six_nodes() -> tuple[Packing, Fleet]:
    """Four pods of 6 and four of 4 on six nodes of 10, of which four are enough."""
    packing = make_packing(size=[[6], [4]], demand=[4, 4], capacity=[[10]], price=[1.0])
    pods = [[1, 0], [1, 0], [1, 0], [1, 0], [0, 2], [0, 2]]
    return packing, Fleet(kind=[0] * 6, pods=[np.array(held) for held in pods])


def test_small_pods_move_beside_large_ones_until_their_nodes_are_empty() -> None:
    packing, fleet = six_nodes()
    after = annealed(packing, fleet, values=np.array([0.6, 0.4]), tries=5_000, rng=np.random.default_rng(0))
    assert sorted(held.tolist() for held in after.pods) == [[1, 1]] * 4


def test_the_same_numbers_give_the_same_fleet() -> None:
    packing, fleet = six_nodes()
    values = np.array([0.6, 0.4])
    one, two = (annealed(packing, fleet, values=values, tries=300, rng=np.random.default_rng(7)) for _ in range(2))
    assert one.kind == two.kind
    assert np.array_equal(one.pods, two.pods)


def test_nodes_in_supply_stay_as_they_are() -> None:
    packing = make_packing(size=[[6], [4]], demand=[2, 2], capacity=[[10], [10]], price=[0.1, 1.0], supply=[1, 10**9])
    fleet = Fleet(kind=[0, 1, 1], pods=[np.array([1, 0]), np.array([1, 0]), np.array([0, 2])])
    after = annealed(packing, fleet, values=np.array([0.6, 0.4]), tries=5_000, rng=np.random.default_rng(0))
    assert after.kind[0] == 0
    assert after.pods[0].tolist() == [1, 0]
    assert_valid(packing, after, packing.demand)
