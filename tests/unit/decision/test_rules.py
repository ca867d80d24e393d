"""Each rule of the decision engine, alone."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import InputError
from domain.policy import Capacity, Policy
from domain.proposal import Module, ProposedLaunch
from solvers.decision import Decision, DecisionPolicy, Disruption, Facts, NodeState, Rule, resolve
from tests.unit.decision.builders import (
    NOW,
    ago,
    make_facts,
    make_launch,
    make_policy,
    make_pool,
    make_proposal,
    rated,
)


def decide(*proposals: Any, facts: Facts | None = None, policy: DecisionPolicy | None = None) -> Decision:
    return resolve(proposals, facts=facts or make_facts("a", "b", "c"), policy=policy or make_policy(), now=NOW)


def chosen(decision: Decision) -> list[str]:
    return [one.proposal.id for one in decision.chosen]


def rules(decision: Decision) -> dict[str, Rule]:
    return {one.proposal: one.rule for one in decision.refused}


def with_node(name: str, **fields: Any) -> Facts:
    facts = make_facts("a", "b", "c")
    node = NodeState(**({"template": "general", "price_usd_per_h": 0.1} | fields))
    return replace(facts, nodes={**facts.nodes, name: node})


def test_a_proposal_that_no_rule_refuses_is_carried_out() -> None:
    decision = decide(make_proposal(removes=("a",), launches=(make_launch(),)))
    assert chosen(decision) == ["p1"]
    assert decision.chosen[0].changes == ()
    assert decision.refused == ()


def test_what_aws_takes_comes_first_and_the_loser_is_told_why() -> None:
    saving = make_proposal("cheap", removes=("a",), saving_usd_per_h=9.0)
    loss = make_proposal("gone", Module.INTERRUPTION, removes=("a",), saving_usd_per_h=-1.0)
    decision = decide(saving, loss, facts=make_facts("a", going=frozenset({"a"})))
    assert chosen(decision) == ["gone"]
    (refusal,) = decision.refused
    assert (refusal.rule, refusal.against) == (Rule.INTERRUPTED_FIRST, "gone")
    assert refusal.reason.text == "node a is taken by interruption gone"


def test_nothing_else_is_planned_on_a_node_that_aws_takes_even_before_its_proposal_is_there() -> None:
    decision = decide(make_proposal(removes=("a",), uses=("b",)), facts=make_facts("a", "b", going=frozenset({"b"})))
    assert rules(decision) == {"p1": Rule.INTERRUPTED_FIRST}


def test_two_interruptions_that_count_on_one_node_both_go_on() -> None:
    first = make_proposal("i1", Module.INTERRUPTION, removes=("a",), uses=("c",), saving_usd_per_h=0)
    second = make_proposal("i2", Module.INTERRUPTION, removes=("b",), uses=("c",), saving_usd_per_h=0)
    decision = decide(first, second)
    assert chosen(decision) == ["i1", "i2"]
    assert decision.chosen[1].proposal.uses == ()
    assert decision.chosen[1].changes[0].code == "entangled"


def test_stability_comes_before_savings() -> None:
    decision = decide(
        make_proposal("cheap", removes=("a",), saving_usd_per_h=5.0),
        make_proposal("calm", Module.REBALANCE, removes=("a",), saving_usd_per_h=-0.1),
    )
    assert (chosen(decision), rules(decision)) == (["calm"], {"cheap": Rule.STABILITY_FIRST})


def test_of_two_savings_on_one_node_the_better_one_wins() -> None:
    decision = decide(
        make_proposal("good", removes=("a",), saving_usd_per_h=0.04),
        make_proposal("better", removes=("b",), uses=("a",), saving_usd_per_h=0.06),
    )
    assert (chosen(decision), rules(decision)) == (["better"], {"good": Rule.BETTER_PROPOSAL})


def test_two_proposals_for_one_workload_do_not_both_change_it() -> None:
    one, two = (make_proposal(id_, Module.RIGHTSIZING, workloads=("shop/web",)) for id_ in "ab")
    assert rules(decide(one, two)) == {"b": Rule.BETTER_PROPOSAL}


REFUSED: dict[Rule, tuple[dict[str, Any], Facts, DecisionPolicy]] = {
    Rule.STALE: ({"observed_at": ago(301)}, make_facts("a"), make_policy()),
    Rule.UNKNOWN_NODE: ({"uses": ("z",)}, make_facts("a"), make_policy()),
    Rule.ONE_PLAN_PER_NODE: ({}, make_facts("a", busy={"a": "7"}), make_policy()),
    Rule.PROTECTED: ({}, with_node("a", protected="do-not-disrupt"), make_policy()),
    Rule.ASLEEP: ({}, make_facts("a", asleep=True), make_policy()),
    Rule.COOLDOWN: ({}, with_node("a", changed_at=ago(299)), make_policy()),
    Rule.NO_GAIN: ({"saving_usd_per_h": 0.004}, make_facts("a"), make_policy()),
    Rule.PAYBACK: ({"evictions": 1000}, make_facts("a"), make_policy()),
    Rule.RISKY_REPLACEMENT: ({"uses": ("b",)}, with_node("b", ready=False), make_policy()),
    Rule.CONCURRENCY: (
        {},
        make_facts("a", *"bcdef", busy=dict.fromkeys("bcdef", "7")),
        make_policy(),
    ),
    Rule.WINDOW: (
        {},
        make_facts("a", disruptions=(Disruption(template="general", at=ago(60)),)),
        make_policy(window_share=0.1),
    ),
}


@pytest.mark.parametrize("rule", REFUSED)
def test_a_saving_is_refused_by_its_rule(rule: Rule) -> None:
    fields, facts, policy = REFUSED[rule]
    decision = decide(make_proposal(**({"removes": ("a",)} | fields)), facts=facts, policy=policy)
    assert rules(decision) == {"p1": rule}
    assert decision.refused[0].reason.text


@pytest.mark.parametrize("rule", [rule for rule in REFUSED if rule is not Rule.UNKNOWN_NODE])
def test_what_aws_takes_is_refused_by_no_rule(rule: Rule) -> None:
    fields, facts, policy = REFUSED[rule]
    proposal = make_proposal(module=Module.INTERRUPTION, **({"removes": ("a",)} | fields))
    assert chosen(decide(proposal, facts=facts, policy=policy)) == ["p1"]


def test_a_node_is_not_removed_for_a_replacement_that_may_not_last() -> None:
    risky = make_launch(spot=(rated(1, risk=0.97),))
    decision = decide(make_proposal(removes=("a",), launches=(risky,)))
    assert rules(decision) == {"p1": Rule.RISKY_REPLACEMENT}
    safer_than_before = decide(
        make_proposal(removes=("a",), launches=(risky,)), facts=with_node("a", interruption_per_month=0.98)
    )
    assert chosen(safer_than_before) == ["p1"]


def test_of_several_pools_only_the_calm_ones_are_used() -> None:
    launch = make_launch(spot=(rated(1, risk=0.97), rated(2, risk=0.1)))
    decision = decide(make_proposal(removes=("a",), launches=(launch,)))
    assert [one.pool for one in decision.chosen[0].proposal.launches[0].spot] == [make_pool(2)]


def test_flagged_pools_are_left_out_and_the_saving_is_reckoned_anew() -> None:
    launch = make_launch(spot=(rated(1, price=0.03), rated(2, price=0.05)))
    facts = make_facts("a", flagged=frozenset({make_pool(1)}))
    decision = decide(make_proposal(removes=("a",), launches=(launch,), saving_usd_per_h=0.07), facts=facts)
    assert decision.chosen[0].proposal.saving_usd_per_h == pytest.approx(0.05)
    assert [one.pool for one in decision.chosen[0].proposal.launches[0].spot] == [make_pool(2)]


def test_an_interrupted_node_is_replaced_on_demand_when_no_pool_is_left() -> None:
    facts = make_facts("a", flagged=frozenset({make_pool(1)}), resting=frozenset({make_pool(2)}))
    loss = make_proposal(module=Module.INTERRUPTION, removes=("a",), launches=(make_launch(),), saving_usd_per_h=0)
    decision = decide(loss, facts=facts)
    assert decision.chosen[0].proposal.launches[0].spot == ()
    assert decision.chosen[0].changes[0].code == "on_demand"
    assert decision.chosen[0].proposal.saving_usd_per_h == pytest.approx(-0.07)


def test_where_on_demand_is_not_allowed_an_interruption_goes_on_and_a_saving_does_not() -> None:
    facts = make_facts("a", "b", flagged=frozenset({make_pool(1), make_pool(2)}))
    policy = make_policy(base=Policy(capacity=Capacity.SPOT))
    loss = make_proposal("loss", Module.INTERRUPTION, removes=("a",), launches=(make_launch(),), saving_usd_per_h=0)
    saving = make_proposal("saving", removes=("b",), launches=(make_launch(),))
    decision = decide(loss, saving, facts=facts, policy=policy)
    assert chosen(decision) == ["loss"]
    assert decision.chosen[0].proposal.launches == ()
    assert rules(decision) == {"saving": Rule.NO_POOL}


def test_churn_makes_a_change_earn_back_more() -> None:
    proposal = make_proposal(removes=("a",), evictions=100, saving_usd_per_h=0.01)
    calm = decide(proposal, facts=make_facts("a", "b"))
    churned = tuple(Disruption(template="general", at=ago(7_200 + n)) for n in range(4))
    flapping = decide(proposal, facts=make_facts("a", "b", disruptions=churned))
    assert calm.chosen[0].payback_h == pytest.approx(20.0)
    assert rules(flapping) == {"p1": Rule.PAYBACK}


def test_a_refusal_says_when_to_try_again() -> None:
    decision = decide(make_proposal(removes=("a",)), facts=with_node("a", changed_at=ago(100)))
    assert decision.refused[0].again_at == NOW + timedelta(seconds=200)


def test_urgent_changes_are_not_held_up_by_cooldown_or_window() -> None:
    facts = with_node("a", changed_at=ago(1))
    facts = replace(facts, disruptions=(Disruption(template="general", at=ago(1)),))
    rebalance = make_proposal(module=Module.REBALANCE, removes=("a",), saving_usd_per_h=-0.1)
    assert chosen(decide(rebalance, facts=facts, policy=make_policy(window_share=0.0, window_nodes=0))) == ["p1"]


def test_what_is_chosen_together_may_be_more_nodes_than_are_worked_on_at_once() -> None:
    big = make_proposal("big", removes=tuple("abcdefg"), saving_usd_per_h=0.7)
    small = make_proposal("small", removes=("h",))
    decision = decide(big, small, facts=make_facts(*"abcdefgh"))
    assert chosen(decision) == ["big", "small"]
    busy = decide(big, small, facts=make_facts(*"abcdefghi", busy={"i": "7"}))
    assert (chosen(busy), rules(busy)) == (["small"], {"big": Rule.CONCURRENCY})


def test_parts_of_one_plan_may_use_the_same_node_and_others_may_not() -> None:
    first = make_proposal("first", removes=("a",), uses=("c",), origin="7")
    second = make_proposal("second", removes=("b",), uses=("c",), origin="7")
    assert chosen(decide(first, second, facts=make_facts(*"abc"))) == ["first", "second"]
    stranger = replace(second, origin="8")
    assert rules(decide(first, stranger, facts=make_facts(*"abc"))) == {"second": Rule.BETTER_PROPOSAL}


def test_two_proposals_of_one_id_are_refused_as_input() -> None:
    with pytest.raises(InputError):
        decide(make_proposal(), make_proposal(evictions=7))
    assert chosen(decide(make_proposal(removes=("a",)), make_proposal(removes=("a",)))) == ["p1"]


WRONG: dict[str, Any] = {
    "node twice": lambda: make_proposal(removes=("a",), uses=("a",)),
    "no id": lambda: make_proposal(""),
    "negative evictions": lambda: make_proposal(evictions=-1),
    "launch without pools": lambda: ProposedLaunch(name="new-1", template="general"),
    "impossible risk": lambda: rated(risk=1.5),
    "nothing to pay": lambda: rated(price=0.0),
    "no hysteresis": lambda: DecisionPolicy(leave_share=1.1, enter_share=1.0),
    "no stay": lambda: DecisionPolicy(min_stay_s=0),
    "share above 1": lambda: DecisionPolicy(window_share=2),
    "no failure": lambda: DecisionPolicy(fallback_failures=0),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_meant_is_refused(what: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        WRONG[what]()


def test_a_change_that_is_larger_than_the_window_goes_when_nothing_else_has_gone() -> None:
    facts, policy = make_facts(*"abcdef"), make_policy(window_share=0.34)
    large = make_proposal(removes=("a", "b", "c", "d"))
    assert chosen(decide(large, facts=facts, policy=policy)) == ["p1"]
    disrupted = make_facts(*"abcdef", disruptions=(Disruption(template="general", at=ago(60)),))
    assert rules(decide(large, facts=disrupted, policy=policy)) == {"p1": Rule.WINDOW}
    closed = make_policy(window_share=0.0, window_nodes=0)
    assert rules(decide(large, facts=facts, policy=closed)) == {"p1": Rule.WINDOW}
