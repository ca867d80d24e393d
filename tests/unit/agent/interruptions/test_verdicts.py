"""What is done about a node, judged from one look."""

from datetime import timedelta
from typing import Any

import pytest

from agent.drains.marks import DrainOrder
from agent.drains.order import Drive
from agent.interruptions.notices import Kind, NodeFacts, Notice
from agent.interruptions.verdicts import LOST, NOT_READY_PATIENCE, NOTHING, Memory, Verdict, judge
from tests.unit.agent.twin import START

END = START + timedelta(seconds=120)
INTERRUPTION = Notice(kind=Kind.INTERRUPTION, source="instance metadata", at=START, deadline=END)
NOT_READY = Notice(kind=Kind.NOT_READY, source="condition Ready", at=START)


def facts(*notices: Notice, **changes: Any) -> NodeFacts:
    known: dict[str, Any] = {
        "name": "a",
        "uid": "u",
        "instance": {"instance_id": "i-a"},
        "is_spot": True,
        "is_ready": NOT_READY not in notices,
        "is_cordoned": False,
        "is_cordoned_by_us": False,
        "eks_group": "",
        "emptied_by": "",
    }
    return NodeFacts(notices=notices, **(known | changes))


def verdict(node: NodeFacts, *, after_s: float = 0, lost: int = 1, nodes: int = 10, **memory: Any) -> Verdict:
    seen = {notice.kind: START for notice in node.notices}
    remembered = Memory(**({"first_seen": seen, "was_ready": True} | memory))
    return judge(node, remembered, now=START + timedelta(seconds=after_s), lost=lost, nodes=nodes)


def left(*, drive: Drive = Drive.INTERRUPTED, within_s: float | None = 120, why: str = "AWS takes it") -> DrainOrder:
    deadline = None if within_s is None else START + timedelta(seconds=within_s)
    return DrainOrder(node="a", why=why, drive=drive, deadline=deadline)


def test_an_interruption_is_drained_until_its_end() -> None:
    found = verdict(facts(INTERRUPTION)).drain
    assert found is not None
    assert (found.drive, found.deadline) == (Drive.INTERRUPTED, END)


def test_an_interruption_outweighs_that_the_node_is_not_ready() -> None:
    found = verdict(facts(INTERRUPTION, NOT_READY)).drain
    assert found is not None
    assert found.deadline == END


def test_nothing_is_done_for_a_node_of_which_nothing_is_said() -> None:
    assert verdict(facts()) == NOTHING


@pytest.mark.parametrize("lost", [4, 10])
def test_when_many_nodes_are_lost_the_verdict_is_put_off(lost: int) -> None:
    found = verdict(facts(NOT_READY), after_s=60, lost=lost, nodes=10)
    assert found.drain is None
    assert found.again_at == START + timedelta(seconds=60) + NOT_READY_PATIENCE


@pytest.mark.parametrize(("lost", "nodes"), [(1, 1), (3, 3), (3, 10), (29, 100)])
def test_single_lost_nodes_are_drained_also_in_small_clusters(lost: int, nodes: int) -> None:
    assert verdict(facts(NOT_READY), after_s=60, lost=lost, nodes=nodes).drain is not None


def test_a_drain_of_an_interruption_that_was_left_goes_on() -> None:
    assert verdict(facts(drain=left())).drain == left()


def test_a_drain_that_was_left_and_whose_end_has_come_does_not_go_on() -> None:
    found = verdict(facts(drain=left()), after_s=121)
    assert (found.drain, found.call_off) == (None, "")


def test_a_drain_of_our_own_choice_that_was_left_is_for_the_service_to_command_again() -> None:
    assert verdict(facts(drain=left(drive=Drive.VOLUNTARY, within_s=None))).drain is None


def test_a_drain_without_a_deadline_that_was_left_goes_on_only_while_the_node_is_lost() -> None:
    order = left(within_s=None, why="the service asked for it")
    assert verdict(facts(drain=order)).drain is None
    assert verdict(facts(NOT_READY, drain=order, is_spot=False)).drain == order


def test_a_lost_node_that_is_back_is_given_back() -> None:
    order = left(within_s=None, why=LOST)
    assert verdict(facts(drain=order)).call_off
    assert verdict(facts(drain=order), own_drain=order).call_off
    assert verdict(facts(drain=order), own_drain=order, is_shared=True) == NOTHING


def test_a_drain_under_way_is_not_begun_again() -> None:
    assert verdict(facts(drain=left()), own_drain=left()) == NOTHING


def test_a_notice_without_times_gives_two_minutes_from_when_it_was_seen() -> None:
    tainted = Notice(kind=Kind.INTERRUPTION, source="taint")
    found = verdict(facts(tainted), after_s=30).drain
    assert found is not None
    assert found.deadline == END


@pytest.mark.parametrize("wrong_by_s", [-3600, -60, 60, 3600])
def test_a_fresh_notice_never_leaves_more_time_than_it_says_nor_none(wrong_by_s: float) -> None:
    wrong = timedelta(seconds=wrong_by_s)
    told = Notice(kind=Kind.INTERRUPTION, source="instance metadata", at=START - wrong, deadline=END - wrong)
    found = verdict(facts(told), fresh={Kind.INTERRUPTION}).drain
    assert found is not None
    assert found.deadline is not None
    assert START < found.deadline <= END


def test_an_old_notice_of_another_time_is_believed_as_it_stands() -> None:
    assert verdict(facts(INTERRUPTION), after_s=121).drain is None
