"""How the planner reads node filters and selectors."""

import pytest

from domain.node import Effect, Taint
from domain.selectors import LabelSelector, NodeTerm, Operator
from domain.workload import Toleration
from solvers.placement.rules import filter_of, matches_term, meets, refusal, selects, tolerated
from tests.builders import make_pod, make_selector, make_term, require

TAINT = Taint(key="team", value="ml", effect=Effect.NO_SCHEDULE)


@pytest.mark.parametrize(
    ("operator", "values", "held"),
    [
        (Operator.IN, ("a", "b"), True),
        (Operator.IN, ("b",), False),
        (Operator.NOT_IN, ("b",), True),
        (Operator.NOT_IN, ("a",), False),
        (Operator.EXISTS, (), True),
        (Operator.DOES_NOT_EXIST, (), False),
    ],
)
def test_each_operator_judges_a_label_that_is_there(operator: Operator, values: tuple[str, ...], *, held: bool) -> None:
    assert meets(require("x", operator, *values), {"x": "a"}) is held


@pytest.mark.parametrize("operator", [Operator.NOT_IN, Operator.DOES_NOT_EXIST])
def test_a_missing_label_meets_what_asks_for_something_not_to_be(operator: Operator) -> None:
    assert meets(require("x", operator, "a"), {})


@pytest.mark.parametrize("operator", [Operator.IN, Operator.EXISTS, Operator.GT, Operator.LT])
def test_a_missing_label_meets_nothing_else(operator: Operator) -> None:
    assert not meets(require("x", operator, "1"), {})


def test_gt_and_lt_compare_whole_numbers_and_no_words() -> None:
    assert meets(require("cpu", Operator.GT, "4"), {"cpu": "16"})
    assert meets(require("cpu", Operator.LT, "16"), {"cpu": "4"})
    assert not meets(require("cpu", Operator.GT, "4"), {"cpu": "many"})


def test_an_absent_selector_selects_nothing_and_an_empty_one_everything() -> None:
    assert not selects(None, {"app": "web"})
    assert selects(LabelSelector(), {})


def test_a_term_without_requirements_matches_no_node() -> None:
    assert not matches_term(NodeTerm(), labels={"x": "a"}, name="n1")


def test_a_term_may_name_nodes() -> None:
    term = make_term(names=[require("metadata.name", Operator.IN, "n1")])
    assert matches_term(term, labels={}, name="n1")
    assert not matches_term(term, labels={}, name="n2")


@pytest.mark.parametrize(
    "toleration",
    [
        Toleration(key="team", value="ml"),
        Toleration(key="team", exists=True),
        Toleration(exists=True),
        Toleration(key="team", value="ml", effect=Effect.NO_SCHEDULE),
    ],
)
def test_a_taint_is_tolerated_by_key_and_value_by_key_alone_or_by_all(toleration: Toleration) -> None:
    assert tolerated(TAINT, (toleration,))


@pytest.mark.parametrize(
    "toleration",
    [
        Toleration(key="team", value="web"),
        Toleration(key="other", exists=True),
        Toleration(key="team", value="ml", effect=Effect.NO_EXECUTE),
        Toleration(key="", value="ml"),
    ],
)
def test_a_taint_is_not_tolerated_by_another_value_key_or_effect(toleration: Toleration) -> None:
    assert not tolerated(TAINT, (toleration,))


def test_a_taint_that_only_prefers_keeps_nobody_off() -> None:
    soft = Taint(key="team", effect=Effect.PREFER_NO_SCHEDULE)
    assert refusal(filter_of(make_pod()), labels={}, name="n1", taints=(soft,)) == ""


def test_a_refusal_names_what_is_not_met() -> None:
    volume = (make_term(require("zone", Operator.IN, "a")),)
    pods = {
        "nodeSelector disk=ssd": make_pod(node_selector={"disk": "ssd"}),
        "required node affinity zone In (a)": make_pod(node_affinity=volume),
        "a volume bound to zone In (a)": make_pod(volume_affinity=[volume]),
        "taint team=ml:NoSchedule": make_pod(),
    }
    told = [refusal(filter_of(pod), labels={"zone": "b"}, name="", taints=(TAINT,)) for pod in pods.values()]

    assert told == list(pods)


def test_every_volume_must_be_reached_but_only_one_term_of_it() -> None:
    here, there = (make_term(require("zone", Operator.IN, zone)) for zone in "ab")
    either, both = make_pod(volume_affinity=[(here, there)]), make_pod(volume_affinity=[(here,), (there,)])

    assert refusal(filter_of(either), labels={"zone": "a"}, name="", taints=()) == ""
    assert refusal(filter_of(both), labels={"zone": "a"}, name="", taints=()) != ""


def test_equal_pods_have_equal_filters() -> None:
    one, other = (make_pod(name, node_selector={"disk": "ssd"}) for name in "ab")
    assert filter_of(one) == filter_of(other)
    assert selects(make_selector(app="web"), one.labels)
