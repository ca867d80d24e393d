"""The choice of offerings: what it keeps, that it is the cheapest, what it says when there is none."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.market import CapacityType, Offering, Pool
from domain.node import Node
from domain.plan import PlannedNode
from domain.policy import Policy
from solvers.checker.ledger import Ledger
from solvers.checker.limits import judge_limits
from solvers.placement.pools import Launch, Option, choose_offerings, why_impossible
from solvers.placement.risk import Exposure, RiskNode, exposure, risk_nodes
from tests.builders import (
    LARGE,
    XLARGE,
    ZONE_A,
    ZONE_B,
    ZONE_C,
    ZONES,
    make_catalog,
    make_node,
    make_offering,
    make_plan,
    make_policy,
    make_snapshot,
    planned_launch,
    planned_running,
)

ANYTHING = make_policy()


def spot(pool: str, cost: float = 0.03, *, vcpu: int = 2, interruption: float = 0.1) -> Option:
    return Option(pool=pool, spot=True, vcpu=vcpu, cost_usd_per_h=cost, interruption_per_month=interruption)


def on_demand(cost: float = 0.1, *, vcpu: int = 2, pool: str = "m5.large in use1-az1") -> Option:
    return Option(pool=pool, spot=False, vcpu=vcpu, cost_usd_per_h=cost)


def stays(zone: str, *, vcpu: int = 2, capacity_type: CapacityType = CapacityType.SPOT) -> RiskNode:
    return RiskNode(
        instance_type="m5.large", zone_id=zone, capacity_type=capacity_type, interruption_per_month=0.1, vcpu=vcpu
    )


def chosen(launches: Sequence[Launch], policy: Policy = ANYTHING, *, fixed=(), before=None) -> list[Option] | None:
    choice = choose_offerings(launches, fixed=fixed, policy=policy, before=before)
    return None if choice is None else [launch.options[o] for launch, o in zip(launches, choice, strict=True)]


def pools_of(options: Sequence[Option] | None) -> Counter[str]:
    assert options is not None
    return Counter(option.pool if option.spot else "on-demand" for option in options)


def test_pools_are_named_as_the_domain_names_them() -> None:
    assert stays("use1-az1").pool == str(Pool(region="us-east-1", zone_id="use1-az1", instance_type="m5.large"))


def test_an_option_without_vcpus_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 vCPU, not 0"):
        spot("a", vcpu=0)


def test_without_limits_every_launch_takes_its_cheapest() -> None:
    launches = [Launch(options=(on_demand(), spot("a"), spot("b", 0.02))), Launch(options=(on_demand(0.01), spot("a")))]
    assert choose_offerings(launches, fixed=(), policy=ANYTHING) == (2, 0)


def test_nothing_to_launch_needs_no_choice() -> None:
    assert choose_offerings([], fixed=(stays("use1-az1"),), policy=make_policy(max_pool_share=0.1)) == ()


def test_offerings_at_one_price_are_filled_evenly_and_in_turn() -> None:
    options = (spot("a"), spot("b"), spot("c"))
    picked = chosen([Launch(options=options)] * 9)
    assert picked is not None
    assert [option.pool for option in picked] == ["a", "b", "c"] * 3


def test_filling_evenly_counts_what_runs_already() -> None:
    a, b = (spot(stays(zone).pool) for zone in ("use1-az1", "use1-az2"))
    picked = chosen([Launch(options=(a, b))] * 4, fixed=[stays("use1-az1", vcpu=4)])
    assert pools_of(picked) == {a.pool: 1, b.pool: 3}


def test_a_dearer_pool_takes_what_the_limit_keeps_out_of_the_cheapest() -> None:
    options = (spot("cheap", 0.03), spot("dearer", 0.04), on_demand(0.1))
    picked = chosen([Launch(options=options)] * 10, make_policy(max_pool_share=0.4))
    assert pools_of(picked) == {"cheap": 4, "dearer": 4, "on-demand": 2}


def test_three_equal_pools_may_hold_a_third_each() -> None:
    options = (spot("a"), spot("b"), spot("c", 0.05))
    picked = chosen([Launch(options=options)] * 3, make_policy(max_pool_share=1 / 3))
    assert pools_of(picked) == {"a": 1, "b": 1, "c": 1}


def test_a_larger_node_elsewhere_may_be_what_makes_room() -> None:
    """One pool of 2 of at most a third: 2 + 4 vCPUs do, 2 + 2 do not."""
    launches = [Launch(options=(spot("a"),)), Launch(options=(on_demand(0.1), on_demand(0.2, vcpu=4)))]
    picked = chosen(launches, make_policy(max_pool_share=1 / 3))
    assert picked is not None
    assert picked[1].vcpu == 4


def test_a_pool_beyond_the_limit_stays_and_gets_nothing_more() -> None:
    full, other = stays("use1-az1", vcpu=8), stays("use1-az2", vcpu=2)
    options = (spot(full.pool, 0.01), spot(other.pool, 0.02), on_demand())
    picked = chosen([Launch(options=options)] * 2, make_policy(max_pool_share=0.5), fixed=[full, other])
    assert pools_of(picked) == {other.pool: 2}


def test_a_pool_beyond_the_limit_that_is_outgrown_may_get_more_again() -> None:
    full = stays("use1-az1", vcpu=8)
    options = (spot(full.pool, 0.01), on_demand())
    picked = chosen([Launch(options=options)] * 20, make_policy(max_pool_share=0.5), fixed=[full])
    assert pools_of(picked) == {full.pool: 8, "on-demand": 12}


def test_a_share_may_not_grow_beyond_the_limit_because_others_go() -> None:
    kept, leaves = stays("use1-az1", vcpu=4), stays("use1-az2", vcpu=4)
    small, large = on_demand(0.1, vcpu=2), on_demand(0.2, vcpu=4)
    policy = make_policy(max_pool_share=0.4)
    before = [kept, leaves]
    assert chosen([Launch(options=(small, large))], policy, fixed=[kept], before=before) == [large]
    assert chosen([Launch(options=(small,))], policy, fixed=[kept], before=before) is None


def test_a_loss_that_is_too_probable_is_spread_over_more_pools() -> None:
    """Of two pools with halves either is too much (0.19). No two of three fall together: each has a type and zone."""
    options = tuple(spot(f"p{i}", 0.02 + i / 1000) for i in range(5))
    policy = make_policy(max_pool_share=0.5, max_loss_share=0.4, max_loss_probability=0.01)
    assert pools_of(chosen([Launch(options=options)] * 10, policy)) == {"p0": 4, "p1": 4, "p2": 2}


def test_zones_of_one_type_are_no_diversification_when_they_fall_together() -> None:
    """Three zones of a type at 0.1 a month lose more than half with 0.046; three types in three zones hardly ever."""
    zones = tuple(spot(f"a in z{i}", 0.02) for i in range(3))
    types = tuple(spot(f"{kind} in z{i}", 0.03) for i, kind in enumerate("bcd"))
    policy = make_policy(max_loss_share=0.5, max_loss_probability=0.02)
    picked = chosen([Launch(options=(*zones, *types))] * 12, policy)
    assert picked is not None
    assert any(option.pool in {other.pool for other in types} for option in picked)
    assert fleet_of(picked).loss_probability(0.5) <= 0.02


def test_on_demand_takes_what_spot_pools_may_not() -> None:
    options = (spot("only", 0.02), on_demand(0.1))
    policy = make_policy(max_loss_share=0.5, max_loss_probability=0.01)
    assert pools_of(chosen([Launch(options=options)] * 10, policy)) == {"only": 5, "on-demand": 5}


def test_a_calmer_pool_may_be_cheaper_than_many_pools() -> None:
    """Losing anything may happen once in a hundred months: only the pool that is interrupted as rarely is left."""
    options = (spot("wild", 0.02, interruption=0.2), spot("calm", 0.03, interruption=0.01), on_demand(0.1))
    policy = make_policy(max_loss_share=0.0, max_loss_probability=0.01)
    assert pools_of(chosen([Launch(options=options)] * 3, policy)) == {"calm": 3}


def test_no_loss_at_all_allows_no_spot_at_all() -> None:
    options = (spot("only", 0.02), on_demand(0.1))
    policy = make_policy(max_loss_share=0.0, max_loss_probability=0.0)
    assert pools_of(chosen([Launch(options=options)] * 3, policy)) == {"on-demand": 3}


def test_a_loss_that_was_too_probable_before_allows_on_demand_only() -> None:
    policy = make_policy(max_loss_share=0.5, max_loss_probability=0.01)
    options = (spot("new", 0.02), on_demand(0.1))
    picked = chosen([Launch(options=options)], policy, fixed=[stays("use1-az1", vcpu=64)])
    assert pools_of(picked) == {"on-demand": 1}


def test_a_launch_without_offerings_is_named() -> None:
    launches = [Launch(options=(on_demand(),)), Launch(options=())]
    assert choose_offerings(launches, fixed=(), policy=ANYTHING) is None
    assert why_impossible(launches, fixed=(), policy=ANYTHING) == "1 of 2 launches have no offering at all"


def test_the_share_that_cannot_be_kept_is_named() -> None:
    launches, policy = [Launch(options=(spot("a"), spot("b")))] * 4, make_policy(max_pool_share=0.4)
    assert choose_offerings(launches, fixed=(), policy=policy) is None
    assert why_impossible(launches, fixed=(), policy=policy) == (
        "no choice was found that keeps each Spot pool within 0.4 of the vCPUs "
        "(4 of 4 launches can be Spot only, in all there are 2 Spot pools)"
    )


def test_the_probability_that_cannot_be_kept_is_named() -> None:
    launches = [Launch(options=(spot("a in z1"), spot("a in z2")))] * 4
    policy = make_policy(max_loss_probability=0.001)
    assert choose_offerings(launches, fixed=(), policy=policy) is None
    assert why_impossible(launches, fixed=(), policy=policy).startswith(
        "no choice was found that keeps the probability of losing more than 0.5 of the vCPUs in a month within 0.001"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Running nodes, which of them stay, the offerings that each launch may take, and limits."""

    nodes: list[Node]
    staying: int
    launches: list[list[Offering]]
    policy: Policy

    @property
    def kept(self) -> list[Node]:
        return self.nodes[: self.staying]

    def options(self) -> list[Launch]:
        return [Launch(options=tuple(map(_option, offerings))) for offerings in self.launches]

    def choice(self) -> tuple[int, ...] | None:
        fixed, before = (risk_nodes(nodes, make_catalog()) for nodes in (self.kept, self.nodes))
        return choose_offerings(self.options(), fixed=fixed, policy=self.policy, before=before)

    def cost(self, choice: Sequence[int]) -> float:
        return sum(offerings[o].price_usd_per_h for offerings, o in zip(self.launches, choice, strict=True))

    def passes(self, choice: Sequence[int]) -> bool:
        """Whether the checker has nothing against the limits of the fleet that this makes."""
        snapshot, new = make_snapshot(self.nodes), list(self._launched(choice))
        plan = replace(make_plan(snapshot), nodes=(*map(planned_running, self.kept), *new))
        ledger = Ledger()
        judge_limits(snapshot, catalog=make_catalog(), policy=self.policy, plan=plan, ledger=ledger)
        return not ledger.violations()

    def cheapest(self) -> float | None:
        """By trying everything."""
        everything = product(*(range(len(offerings)) for offerings in self.launches))
        return min((self.cost(choice) for choice in everything if self.passes(choice)), default=None)

    def _launched(self, choice: Sequence[int]) -> Iterator[PlannedNode]:
        for number, (offerings, o) in enumerate(zip(self.launches, choice, strict=True)):
            offering = offerings[o]
            kind = {LARGE.name: LARGE, XLARGE.name: XLARGE}[offering.pool.instance_type]
            node = planned_launch(f"new-{number}", kind, zone=offering.zone, spot=_is_spot(offering))
            yield replace(node, interruption_per_month=offering.interruption_per_month)


def _is_spot(offering: Offering) -> bool:
    return offering.capacity_type is CapacityType.SPOT


def _option(offering: Offering) -> Option:
    return Option(
        pool=str(offering.pool),
        spot=_is_spot(offering),
        vcpu=2 if offering.pool.instance_type == LARGE.name else 4,
        cost_usd_per_h=offering.price_usd_per_h,
        interruption_per_month=offering.interruption_per_month,
    )


KINDS = st.sampled_from((LARGE, XLARGE))
ZONE = st.sampled_from((ZONE_A, ZONE_B, ZONE_C))
CHANCE = st.sampled_from((0.0, 0.05, 0.2))


@st.composite
def offerings(draw: st.DrawFn) -> list[Offering]:
    """One to four offerings of three zones."""
    everything = [(kind, zone, is_spot) for kind in (LARGE, XLARGE) for zone in ZONES for is_spot in (True, False)]
    picked = draw(st.lists(st.sampled_from(everything), min_size=1, max_size=4, unique=True))
    return [
        make_offering(
            kind, zone, spot=is_spot, price=draw(st.sampled_from((0.02, 0.03, 0.05, 0.1))), interruption=draw(CHANCE)
        )
        for kind, zone, is_spot in picked
    ]


@st.composite
def cases(draw: st.DrawFn, probabilities: st.SearchStrategy[float]) -> Case:
    """Up to four running nodes and four launches, some with the same offerings."""
    running = draw(st.lists(st.tuples(KINDS, ZONE, st.booleans(), CHANCE), max_size=4))
    nodes = [
        replace(make_node(f"n{i}", kind, zone=zone, spot=is_spot), interruption_per_month=chance if is_spot else 0.0)
        for i, (kind, zone, is_spot, chance) in enumerate(running)
    ]
    lists = draw(st.lists(offerings(), min_size=1, max_size=3))
    return Case(
        nodes=nodes,
        staying=draw(st.integers(0, len(nodes))),
        launches=draw(st.lists(st.sampled_from(lists), min_size=1, max_size=4)),
        policy=make_policy(
            max_pool_share=draw(st.sampled_from((1.0, 0.7, 0.5, 1 / 3, 0.25))),
            max_loss_share=draw(st.sampled_from((0.0, 0.3, 0.5))),
            max_loss_probability=draw(probabilities),
        ),
    )


@given(case=cases(st.just(1.0)))
def test_under_a_limit_on_pools_the_choice_is_the_cheapest_that_the_checker_lets_pass(case: Case) -> None:
    choice, cheapest = case.choice(), case.cheapest()
    if choice is None or cheapest is None:
        assert choice is cheapest
        return
    assert case.passes(choice)
    assert case.cost(choice) == pytest.approx(cheapest)


@given(case=cases(st.sampled_from((0.0, 0.01, 0.05, 0.2))))
def test_under_a_limit_on_large_losses_the_choice_passes_the_checker(case: Case) -> None:
    choice = case.choice()
    assert choice is None or case.passes(choice)


@given(case=cases(st.sampled_from((1.0, 0.05))))
def test_the_same_launches_get_the_same_choice(case: Case) -> None:
    assert case.choice() == case.choice()


def many(seed: int, *, groups: int) -> list[Launch]:
    """5 000 launches with 60 options each."""
    rng = Random(seed)

    def options() -> Iterator[Option]:
        for kind, zone in product(range(20), range(3)):
            vcpu = rng.choice((2, 4, 8, 16))
            is_spot = kind % 2 == 0
            cost = 0.05 * vcpu * rng.uniform(0.8, 1.6) * (0.35 if is_spot else 1.0)
            yield Option(
                pool=f"t{kind}.x{vcpu} in az{zone}",
                spot=is_spot,
                vcpu=vcpu,
                cost_usd_per_h=round(cost, 4),
                interruption_per_month=rng.choice((0.03, 0.08, 0.2)) if is_spot else 0.0,
            )

    different = [tuple(options()) for _ in range(groups)]
    return [Launch(options=different[i % groups]) for i in range(5_000)]


def fleet_of(options: Sequence[Option]) -> Exposure:
    return exposure((option, 1) for option in options)


def cost_of(options: Sequence[Option]) -> float:
    return sum(option.cost_usd_per_h for option in options)


def test_thousands_of_launches_keep_the_limit_on_pools_for_little_more() -> None:
    launches = many(1, groups=20)
    free, limited = (chosen(launches, make_policy(max_pool_share=share)) for share in (1.0, 0.05))
    assert free is not None
    assert limited is not None
    assert max(map(fleet_of(free).share, fleet_of(free).spot)) > 0.05
    assert max(map(fleet_of(limited).share, fleet_of(limited).spot)) <= 0.05
    assert cost_of(free) < cost_of(limited) < 1.05 * cost_of(free)


def test_thousands_of_launches_keep_the_limit_on_large_losses_and_use_spot() -> None:
    picked = chosen(many(2, groups=20), make_policy(max_loss_share=0.2, max_loss_probability=0.01))
    assert picked is not None
    fleet = fleet_of(picked)
    assert fleet.loss_probability(0.2) <= 0.01
    assert sum(fleet.spot.values()) > 0.5 * fleet.vcpus
