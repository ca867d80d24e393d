"""Which pods leave, and when they are asked."""

from datetime import timedelta
from typing import Any

import pytest

from agent.drains.facts import Budget, PodFacts, Stays
from agent.drains.order import END_MARGIN, GATHER, LEAD, DrainPlan, Drive, plan_drain
from domain.selectors import LabelSelector, Operator, Requirement
from domain.workload import Owner
from tests.unit.agent.twin import START

DEADLINE = START + timedelta(seconds=120)


def pod(name: str, **changes: Any) -> PodFacts:
    facts = {
        "namespace": "shop",
        "name": name,
        "uid": name,
        "labels": {"app": name},
        "owner": Owner(kind="ReplicaSet", name=name),
    }
    return PodFacts(**(facts | changes))


def budget(app: str, *, allowed: int) -> Budget:
    selector = LabelSelector(requirements=(Requirement(key="app", operator=Operator.IN, values=(app,)),))
    return Budget(namespace="shop", name=app, selector=selector, allowed=allowed)


def plan(*pods: PodFacts, **changes: Any) -> DrainPlan:
    known: dict[str, Any] = {"now": START, "deadline": DEADLINE, "drive": Drive.INTERRUPTED, "singles": ()}
    return plan_drain(pods, changes.pop("budgets", ()), **(known | changes))


def names(found: DrainPlan) -> list[str]:
    return [ask.pod.name for ask in found.asks]


def test_pods_with_long_grace_are_asked_first() -> None:
    assert names(plan(pod("a", grace_s=5), pod("b", grace_s=60), pod("c", grace_s=30))) == ["b", "c", "a"]


def test_a_pod_must_have_been_asked_at_the_deadline_less_its_grace() -> None:
    (ask,) = plan(pod("a", grace_s=60)).asks
    assert ask.ask_by == DEADLINE - timedelta(seconds=60) - END_MARGIN


def test_a_pod_whose_grace_is_longer_than_the_time_left_comes_after_those_that_can_be_saved() -> None:
    assert names(plan(pod("a", grace_s=600), pod("b", grace_s=30))) == ["b", "a"]


def test_of_equals_the_one_with_the_least_slack_comes_first() -> None:
    budgets = (budget("a", allowed=5), budget("b", allowed=1))
    assert names(plan(pod("c"), pod("a"), pod("b"), budgets=budgets)) == ["b", "a", "c"]


def test_of_equals_the_higher_priority_comes_first() -> None:
    assert names(plan(pod("a"), pod("b", priority=1000))) == ["b", "a"]


@pytest.mark.parametrize("stays", list(Stays))
def test_what_no_drain_touches_is_not_asked(stays: Stays) -> None:
    found = plan(pod("a", stays=stays))
    assert (found.asks, found.kept) == ((), ())


def test_what_leaves_already_is_not_asked_again() -> None:
    assert plan(pod("a", leaves_by=DEADLINE)).asks == ()


def test_a_choice_leaves_what_must_not_be_disrupted_and_says_why() -> None:
    (kept,) = plan(pod("a", do_not_disrupt="annotation x=true"), drive=Drive.VOLUNTARY).kept
    assert kept.why == "annotation x=true"


def test_a_choice_leaves_what_no_controller_brings_back() -> None:
    (kept,) = plan(pod("a", owner=None), drive=Drive.VOLUNTARY).kept
    assert "no controller" in kept.why


def test_an_interruption_asks_even_what_must_not_be_disrupted_and_reports_what_is_alone() -> None:
    found = plan(pod("a", do_not_disrupt="annotation x=true"), pod("b", owner=None))
    assert names(found) == ["a", "b"]
    assert [one.name for one in found.lone] == ["b"]


def test_a_pod_without_replicas_is_asked_late_but_in_time() -> None:
    found = plan(pod("a"), pod("one"), singles={"one"})
    (one,) = (ask for ask in found.asks if ask.pod.name == "one")
    assert one.ask_by is not None
    assert one.ask_from == one.ask_by - LEAD
    assert not one.after_others


def test_a_pod_without_replicas_is_asked_at_once_when_there_is_no_time() -> None:
    (one,) = plan(pod("one", grace_s=110), singles={"one"}).asks
    assert one.ask_from == START


def test_a_pod_of_a_job_may_run_on_for_a_while() -> None:
    (one,) = plan(pod("one", owner=Owner(kind="Job", name="one"))).asks
    assert one.ask_from == DEADLINE - timedelta(seconds=30) - END_MARGIN - LEAD


def test_what_shares_a_budget_and_has_time_waits_for_others_to_be_known() -> None:
    budgets = (budget("a", allowed=1), budget("b", allowed=1))
    found = plan(pod("a"), pod("b", grace_s=110), pod("c"), budgets=budgets)
    assert {ask.pod.name: ask.ask_from for ask in found.asks} == {"a": START + GATHER, "b": None, "c": None}


def test_without_a_deadline_pods_without_replicas_come_after_all_others() -> None:
    found = plan(pod("one"), pod("a"), singles={"one"}, deadline=None)
    assert {ask.pod.name: ask.after_others for ask in found.asks} == {"one": True, "a": False}


def test_pods_of_one_budget_share_a_lane_and_those_not_ready_have_their_own() -> None:
    found = plan(pod("a"), pod("b", labels={"app": "a"}, ready=False), pod("c"), budgets=(budget("a", allowed=1),))
    assert {ask.pod.name: ask.lane for ask in found.asks} == {"a": "shop/a", "b": "shop/a (not ready)", "c": ""}


def test_a_pod_with_two_budgets_waits_for_neither() -> None:
    (ask,) = plan(pod("a"), budgets=(budget("a", allowed=1), budget("a", allowed=0))).asks
    assert (ask.lane, len(ask.budgets)) == ("", 2)
