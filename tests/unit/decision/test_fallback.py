"""Templates fall back to on-demand and return, without flapping."""

import math
from datetime import datetime, timedelta

import pytest

from solvers.decision import CapacityFailure, Decision, Facts, Fallback, resolve
from tests.unit.decision.builders import NOW, ago, make_facts, make_launch, make_policy, make_pool, make_proposal, rated


def failures(*seconds_ago: float, template: str = "general") -> tuple[CapacityFailure, ...]:
    return tuple(CapacityFailure(template=template, pool=make_pool(), at=ago(s)) for s in seconds_ago)


TAKEN_DAILY = -math.expm1(-30)
"""Probability per month of a pool whose nodes live for a day."""


def decide(facts: Facts, *, risk: float = 0.05, price: float = 0.03, now: datetime = NOW, **policy: float) -> Decision:
    """On demand, the node costs 0.10 USD an hour."""
    launch = make_launch(spot=(rated(1, risk=risk, price=price),))
    proposal = make_proposal(removes=("a",), launches=(launch,), observed_at=now)
    return resolve([proposal], facts=facts, policy=make_policy(**policy), now=now)


def test_repeated_lack_of_capacity_makes_a_template_fall_back() -> None:
    (fallback,) = decide(make_facts("a", capacity_failures=failures(1, 60, 120))).fallbacks
    assert (fallback.active, fallback.template, fallback.flips) == (True, "general", 1)
    assert fallback.not_before == NOW + timedelta(hours=1)
    assert decide(make_facts("a", capacity_failures=failures(1, 60))).fallbacks == ()
    assert decide(make_facts("a", capacity_failures=failures(1, 60, 1_801))).fallbacks == ()


def test_one_request_that_names_many_pools_counts_once() -> None:
    assert decide(make_facts("a", capacity_failures=failures(5, 5, 5, 5))).fallbacks == ()


def test_while_a_template_has_fallen_back_its_nodes_are_bought_on_demand() -> None:
    facts = make_facts("a", capacity_failures=failures(1, 60, 120))
    loss = make_proposal(module=make_proposal().module, removes=("a",), launches=(make_launch(),), saving_usd_per_h=0.5)
    decision = resolve([loss], facts=facts, policy=make_policy(), now=NOW)
    assert decision.chosen[0].proposal.launches[0].spot == ()


@pytest.mark.parametrize(
    ("risk", "price", "cost_h", "templates"),
    [
        pytest.param(0.39, 0.035, 6, (), id="the advisor's worst bucket at -65 %"),
        pytest.param(0.86, 0.035, 6, (), id="four times as bad"),
        pytest.param(TAKEN_DAILY, 0.035, 6, (), id="every day at -65 %"),
        pytest.param(TAKEN_DAILY, 0.080, 6, ("general",), id="every day at -20 %"),
        pytest.param(0.86, 0.035, 300, ("general",), id="twice a month where an interruption costs days"),
        pytest.param(1.0, 0.001, 6, ("general",), id="certainly, whatever it costs"),
        pytest.param(1.0, 0.035, 0, (), id="certainly, where interruptions cost nothing"),
        pytest.param(0.0, 0.101, 6, ("general",), id="dearer than on demand"),
    ],
)
def test_spot_is_left_only_when_its_interruptions_cost_more_than_it_saves(
    risk: float, price: float, cost_h: float, templates: tuple[str, ...]
) -> None:
    told = decide(make_facts("a"), risk=risk, price=price, interruption_cost_h=cost_h).fallbacks
    assert tuple(one.template for one in told) == templates


def test_a_volatile_market_does_not_keep_a_template_on_demand_for_good() -> None:
    (fallback,) = decide(make_facts("a"), risk=1.0).fallbacks
    (returned,) = decide(make_facts("a", fallbacks=(fallback,)), risk=0.39, now=fallback.not_before).fallbacks
    assert not returned.active


def test_a_template_returns_only_when_spot_is_clearly_cheaper() -> None:
    (fallback,) = decide(make_facts("a"), price=0.1).fallbacks
    later = fallback.not_before
    assert decide(make_facts("a", fallbacks=(fallback,)), price=0.095, now=later).fallbacks == (fallback,)
    (returned,) = decide(make_facts("a", fallbacks=(fallback,)), price=0.089, now=later).fallbacks
    assert not returned.active


def test_the_best_pool_decides_and_not_the_worst() -> None:
    launch = make_launch(spot=(rated(1, risk=1.0), rated(2, risk=0.3)))
    proposal = make_proposal(removes=("a",), launches=(launch,))
    assert resolve([proposal], facts=make_facts("a"), policy=make_policy(), now=NOW).fallbacks == ()


def test_it_does_not_return_before_its_time() -> None:
    (fallback,) = decide(make_facts("a"), risk=1.0).fallbacks
    early = fallback.not_before - timedelta(seconds=1)
    assert decide(make_facts("a", fallbacks=(fallback,)), risk=0.0, now=early).fallbacks == (fallback,)


def test_each_fallback_in_a_row_lasts_twice_as_long_up_to_a_day() -> None:
    now, facts, stays = NOW, make_facts("a"), []
    for _ in range(7):
        (fallback,) = decide(facts, risk=1.0, now=now).fallbacks
        stays.append((fallback.not_before - fallback.since) / timedelta(hours=1))
        now = fallback.not_before
        (returned,) = decide(make_facts("a", fallbacks=(fallback,)), risk=0.0, now=now).fallbacks
        facts = make_facts("a", fallbacks=(returned,))
    assert stays == [1, 2, 4, 8, 16, 24, 24]


def test_after_a_quiet_day_the_past_is_forgotten() -> None:
    old = Fallback(template="general", since=ago(99), not_before=ago(86_401), reason="", active=False, flips=5)
    assert decide(make_facts("a", fallbacks=(old,))).fallbacks == ()
