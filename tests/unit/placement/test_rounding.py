"""Whole nodes out of the relaxation: valid, deterministic, never worse after improvement, optimal where tiny."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.placement.columns import Generator, Master
from solvers.placement.packing import UNLIMITED, Floats, Ints, Packing
from solvers.placement.patterns import near_best
from solvers.placement.rounding import best_fleet, dive, improve
from solvers.placement.slots import Fleet, settled

FEW = settings(max_examples=40, deadline=None)


def make_packing(
    *,
    size: list[list[int]],
    demand: list[int],
    capacity: list[list[int]],
    price: list[float],
    limit: list[int] | None = None,
    allowed: list[list[int]] | None = None,
    supply: list[int] | None = None,
) -> Packing:
    kinds, classes = len(price), len(demand)
    return Packing(
        size=np.array(size, np.int64),
        demand=np.array(demand, np.int64),
        limit=np.array(limit or [10**6] * classes, np.int64),
        capacity=np.array(capacity, np.int64),
        price=np.array(price, float),
        allowed=np.array(allowed or [[1] * classes] * kinds, np.uint8),
        supply=np.array(supply or [UNLIMITED] * kinds, np.int64),
    )


@st.composite
def packings(draw: st.DrawFn, *, most_pods: int = 12) -> Packing:
    """Up to five classes and four kinds; the last kind is unlimited and hosts every class."""
    classes, kinds, resources = draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(st.integers(1, 3))

    def rows(count: int, width: int, lo: int, hi: int) -> list[list[int]]:
        return [draw(st.lists(st.integers(lo, hi), min_size=width, max_size=width)) for _ in range(count)]

    some = st.sampled_from((UNLIMITED, 0, 1, 3))
    return make_packing(
        size=rows(classes, resources, 1, 7),
        demand=rows(1, classes, 0, max(1, most_pods // classes))[0],
        limit=[draw(st.sampled_from((1, 2, 10**6))) for _ in range(classes)],
        capacity=[*rows(kinds - 1, resources, 1, 20), [20] * resources],
        price=[draw(st.integers(1, 9)) / 4 for _ in range(kinds)],
        allowed=[*rows(kinds - 1, classes, 0, 1), [1] * classes],
        supply=[*(draw(some) for _ in range(kinds - 1)), UNLIMITED],
    )


def calls(count: int) -> Callable[[], bool]:
    """True ``count`` times."""
    left = iter(range(count))
    return lambda: next(left, None) is not None


def relaxed(packing: Packing, *, rounds: int = 200) -> tuple[Generator, Floats]:
    generator = Generator(Master(packing))
    generator.start()
    return generator, generator.run(target=1e-6, keep_going=calls(rounds)).duals


def solved(packing: Packing, *, work: int = 60, seed: int = 0) -> tuple[Fleet, list[Fleet]]:
    generator, duals = relaxed(packing)
    told: list[Fleet] = []
    rng = np.random.default_rng(seed)
    fleet = best_fleet(
        generator, demand=packing.demand, duals=duals, rng=rng, keep_going=calls(work), on_better=told.append
    )  # fmt: skip
    return fleet, told


def assert_valid(packing: Packing, fleet: Fleet, demand: Ints) -> None:
    assert (sum(fleet.pods, np.zeros(packing.classes, np.int64)) == demand).all()
    assert (np.bincount(np.array(fleet.kind, np.int64), minlength=packing.kinds) <= packing.supply).all()
    for kind, pods in zip(fleet.kind, fleet.pods, strict=True):
        assert pods.any()
        assert (pods >= 0).all()
        assert (pods @ packing.size <= packing.capacity[kind]).all()
        assert (pods <= packing.limit).all()
        assert (packing.allowed[kind][pods > 0] > 0).all()


def optimum(packing: Packing) -> float:
    """Cost of the cheapest fleet by trying, for the first pod left, every set of pods on every kind with it."""

    @cache
    def least(left: tuple[int, ...], supply: tuple[int, ...]) -> float:
        if not any(left):
            return 0.0
        first = next(i for i, pods in enumerate(left) if pods)
        best = np.inf
        for taken in np.ndindex(*(pods + 1 for pods in left)):
            pods = np.array(taken)
            if not pods[first] or (pods > packing.limit).any():
                continue
            rest = tuple(int(n) for n in np.array(left) - pods)
            hosts = (packing.capacity >= pods @ packing.size).all(axis=1) & (np.array(supply) > 0)
            hosts &= (packing.allowed[:, pods > 0] > 0).all(axis=1)
            for kind in np.flatnonzero(hosts):
                less = tuple(n - (k == kind and n < UNLIMITED) for k, n in enumerate(supply))
                best = min(best, float(packing.price[kind]) + least(rest, less))
        return best

    return least(tuple(map(int, packing.demand)), tuple(map(int, packing.supply)))


@FEW
@given(packing=packings(most_pods=40), seed=st.integers(0, 9), work=st.integers(0, 40))
def test_a_fleet_holds_exactly_the_demand_within_all_limits_whenever_it_is_stopped(
    packing: Packing, seed: int, work: int
) -> None:
    fleet, _ = solved(packing, seed=seed, work=work)
    assert_valid(packing, fleet, packing.demand)


@FEW
@given(packing=packings(), share=st.floats(0.0, 1.0))
def test_a_dive_for_a_part_of_the_demand_holds_that_part(packing: Packing, share: float) -> None:
    generator, _ = relaxed(packing)
    demand = (packing.demand * share).astype(np.int64)
    assert_valid(packing, dive(generator, demand=demand, keep_going=calls(20)), demand)


@FEW
@given(packing=packings(most_pods=6))
def test_the_fleet_of_a_tiny_problem_is_optimal(packing: Packing) -> None:
    fleet, _ = solved(packing)
    assert fleet.cost(packing.price) == pytest.approx(optimum(packing))


@FEW
@given(packing=packings(most_pods=40), seed=st.integers(0, 9))
def test_improvement_never_raises_the_cost(packing: Packing, seed: int) -> None:
    generator, duals = relaxed(packing)
    fleet = dive(generator, demand=packing.demand, keep_going=calls(0))
    rng = np.random.default_rng(seed)
    for _ in range(3 if fleet.kind else 0):
        better = improve(generator, fleet, duals=duals, rng=rng, keep_going=calls(20))
        assert_valid(packing, better, packing.demand)
        assert better.cost(packing.price) <= fleet.cost(packing.price)
        fleet = better


def cluster(*, classes: int = 12, seed: int = 3) -> Packing:
    rng = np.random.default_rng(seed)
    return make_packing(
        size=rng.integers(1, 60, (classes, 2)).tolist(),
        demand=rng.integers(3, 15, classes).tolist(),
        capacity=[[40, 80], [80, 80], [100, 200]],
        price=[1.0, 1.6, 2.3],
    )


def test_the_same_seed_and_work_give_the_same_fleet() -> None:
    first, _ = solved(cluster(), seed=5)
    second, _ = solved(cluster(), seed=5)
    assert first.kind == second.kind
    assert np.array_equal(first.pods, second.pods)


def test_each_fleet_told_is_cheaper_than_the_one_before_and_the_last_is_the_result() -> None:
    packing = cluster()
    fleet, told = solved(packing, work=150)
    costs = [one.cost(packing.price) for one in told]
    assert costs == sorted(costs, reverse=True)
    assert len(set(costs)) == len(costs)
    assert costs[-1] == fleet.cost(packing.price)


def test_work_ends_once_the_bound_in_whole_nodes_is_reached() -> None:
    packing = make_packing(size=[[6], [5], [4]], demand=[1, 1, 1], capacity=[[10]], price=[1.0])
    generator, duals = relaxed(packing)
    asked = 0

    def forever() -> bool:
        nonlocal asked
        asked += 1
        return True

    fleet = best_fleet(
        generator, demand=packing.demand, duals=duals, rng=np.random.default_rng(0), keep_going=forever,
        on_better=lambda _: None,
    )  # fmt: skip
    assert fleet.cost(packing.price) == 2.0
    assert asked < 50


def test_a_slot_for_a_large_pod_is_given_to_a_small_one() -> None:
    packing = make_packing(size=[[2], [5]], demand=[3, 1], capacity=[[10]], price=[1.0])
    slots = np.array([[0, 2], [0, 2]])
    fleet = settled(packing, kind=np.array([0, 0]), slots=slots, demand=packing.demand, swaps=[(0, 1)])
    assert_valid(packing, fleet, packing.demand)
    assert len(fleet.kind) == 2


def test_pods_without_slots_get_new_nodes() -> None:
    packing = make_packing(size=[[6]], demand=[3], capacity=[[10]], price=[1.0])
    fleet = settled(packing, kind=np.array([0]), slots=np.array([[1]]), demand=packing.demand, swaps=())
    assert_valid(packing, fleet, packing.demand)
    assert len(fleet.kind) == 3


def test_all_full_patterns_of_enough_worth_are_listed() -> None:
    packing = make_packing(size=[[3], [2]], demand=[9, 9], capacity=[[7]], price=[1.0])
    found = near_best(packing, values=np.array([0.45, 0.3]), cost=packing.price, slack=0.11, most=10)
    assert found is not None
    assert sorted(map(tuple, found[1].tolist())) == [(0, 3), (1, 2), (2, 0)]


def test_a_pattern_worth_less_is_not_listed() -> None:
    packing = make_packing(size=[[3], [2]], demand=[9, 9], capacity=[[7]], price=[1.0])
    found = near_best(packing, values=np.array([0.45, 0.3]), cost=packing.price, slack=0.0, most=10)
    assert found is not None
    assert found[1].tolist() == [[1, 2]]


def test_no_list_is_given_when_patterns_are_too_many() -> None:
    packing = make_packing(size=[[3], [2]], demand=[9, 9], capacity=[[7]], price=[1.0])
    assert near_best(packing, values=np.array([0.45, 0.3]), cost=packing.price, slack=1.0, most=2) is None
