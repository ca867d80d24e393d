"""Templates fall back to on-demand and return, without flapping."""

from datetime import datetime, timedelta

from solvers.decision import CapacityFailure, Decision, Facts, Fallback, resolve
from tests.unit.decision.builders import NOW, ago, make_facts, make_launch, make_policy, make_pool, make_proposal, rated


def failures(*seconds_ago: float, template: str = "general") -> tuple[CapacityFailure, ...]:
    return tuple(CapacityFailure(template=template, pool=make_pool(), at=ago(s)) for s in seconds_ago)


def decide(facts: Facts, *, risk: float = 0.05, now: datetime = NOW) -> Decision:
    launch = make_launch(spot=(rated(1, risk=risk),))
    proposal = make_proposal(removes=("a",), launches=(launch,), observed_at=now)
    return resolve([proposal], facts=facts, policy=make_policy(), now=now)


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


def test_risk_makes_a_template_fall_back_and_only_much_less_risk_lets_it_return() -> None:
    (fallback,) = decide(make_facts("a"), risk=0.6).fallbacks
    later = fallback.not_before
    still = decide(make_facts("a", fallbacks=(fallback,)), risk=0.4, now=later)
    assert still.fallbacks == (fallback,)
    (returned,) = decide(make_facts("a", fallbacks=(fallback,)), risk=0.2, now=later).fallbacks
    assert not returned.active


def test_it_does_not_return_before_its_time() -> None:
    (fallback,) = decide(make_facts("a"), risk=0.6).fallbacks
    early = fallback.not_before - timedelta(seconds=1)
    assert decide(make_facts("a", fallbacks=(fallback,)), risk=0.0, now=early).fallbacks == (fallback,)


def test_each_fallback_in_a_row_lasts_twice_as_long_up_to_a_day() -> None:
    now, facts, stays = NOW, make_facts("a"), []
    for _ in range(7):
        (fallback,) = decide(facts, risk=0.9, now=now).fallbacks
        stays.append((fallback.not_before - fallback.since) / timedelta(hours=1))
        now = fallback.not_before
        (returned,) = decide(make_facts("a", fallbacks=(fallback,)), risk=0.0, now=now).fallbacks
        facts = make_facts("a", fallbacks=(returned,))
    assert stays == [1, 2, 4, 8, 16, 24, 24]


def test_after_a_quiet_day_the_past_is_forgotten() -> None:
    old = Fallback(template="general", since=ago(99), not_before=ago(86_401), reason="", active=False, flips=5)
    assert decide(make_facts("a", fallbacks=(old,))).fallbacks == ()
