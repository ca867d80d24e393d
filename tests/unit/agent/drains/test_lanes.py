"""Who is asked next."""

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.drains.facts import PodFacts
from agent.drains.lanes import Lanes, Stand, Ticket
from agent.drains.order import NO_BUDGET_SLACK, Ask
from tests.unit.agent.twin import START


def ask(name: str, *, by_s: float | None = 60, budget: str = "", slack: int = 1, **changes: Any) -> Ask:
    return Ask(
        pod=PodFacts(namespace="shop", name=name, uid=name, labels={}),
        budgets=(budget,) if budget else (),
        slack=slack if budget else NO_BUDGET_SLACK,
        ask_by=None if by_s is None else at(by_s),
        **changes,
    )


def at(second: float) -> Any:
    return START + timedelta(seconds=second)


def name_of(ticket: Ticket | None) -> str | None:
    return ticket.ask.pod.name if ticket is not None else None


def test_the_earliest_last_moment_is_asked_first_over_all_lanes() -> None:
    lanes = Lanes(parallel=9)
    for one in (ask("late", by_s=90), ask("soon", by_s=10, budget="b"), ask("mid", by_s=50)):
        lanes.add(one)
    assert [name_of(lanes.next(at(0))) for _ in range(4)] == ["soon", "mid", "late", None]


def test_what_is_too_late_for_a_graceful_end_comes_last() -> None:
    lanes = Lanes(parallel=9)
    lanes.add(ask("lost", by_s=5))
    lanes.add(ask("fine", by_s=50))
    assert [name_of(lanes.next(at(6))) for _ in range(2)] == ["fine", "lost"]


def test_a_budget_lets_only_as_many_try_at_once_as_it_allows() -> None:
    lanes = Lanes(parallel=9)
    for name in "abc":
        lanes.add(ask(name, budget="b", slack=2))
    assert [name_of(lanes.next(at(0))) for _ in range(3)] == ["a", "b", None]


def test_what_is_less_urgent_does_not_fly_beside_what_is_more_so() -> None:
    lanes = Lanes(parallel=9)
    first = lanes.add(ask("soon", by_s=10, budget="b", slack=3))
    lanes.add(ask("late", by_s=50, budget="b", slack=3))
    assert [name_of(lanes.next(at(0))) for _ in range(2)] == ["soon", None]
    assert lanes.wakes_at(at(0)) is None
    lanes.asked(first)
    assert name_of(lanes.next(at(0))) == "late"


def test_no_more_calls_fly_than_the_bound() -> None:
    lanes = Lanes(parallel=2)
    tickets = [lanes.add(ask(name)) for name in "abc"]
    assert [name_of(lanes.next(at(0))) for _ in range(3)] == ["a", "b", None]
    assert lanes.wakes_at(at(0)) is None
    lanes.asked(tickets[0])
    assert name_of(lanes.next(at(1))) == "c"


def test_a_refusal_closes_the_lane_and_no_other() -> None:
    lanes = Lanes(parallel=9)
    lanes.add(ask("a", budget="b"))
    lanes.add(ask("z", budget="b"))
    first = lanes.next(at(0))
    assert first is not None
    lanes.refused(first, at(0), problem="forbidden now", retry_after_s=None)
    lanes.add(ask("free", by_s=90))
    assert [name_of(lanes.next(at(0))) for _ in range(2)] == ["free", None]
    assert lanes.wakes_at(at(0)) == at(0.5)
    assert name_of(lanes.next(at(0.5))) == "a"
    assert first.problem == "forbidden now"


def test_refusals_in_a_row_wait_longer_up_to_a_bound() -> None:
    lanes, waits, now = Lanes(parallel=9), [], 0.0
    lanes.add(ask("a", by_s=1000, budget="b"))
    for _ in range(5):
        ticket = lanes.next(at(now))
        assert ticket is not None
        lanes.refused(ticket, at(now), problem="", retry_after_s=None)
        until = lanes.wakes_at(at(now))
        assert until is not None
        waits.append((until - at(now)).total_seconds())
        now = (until - START).total_seconds()
    assert waits == [0.5, 1.0, 2.0, 2.0, 2.0]


def test_what_the_server_asks_to_wait_is_waited() -> None:
    lanes = Lanes(parallel=9)
    lanes.add(ask("a", by_s=100, budget="b"))
    ticket = lanes.next(at(0))
    assert ticket is not None
    lanes.refused(ticket, at(0), problem="", retry_after_s=10)
    assert lanes.wakes_at(at(0)) == at(10)


def test_no_last_moment_is_slept_through_for_it() -> None:
    lanes = Lanes(parallel=9)
    lanes.add(ask("a", by_s=4, budget="b"))
    ticket = lanes.next(at(0))
    assert ticket is not None
    lanes.refused(ticket, at(0), problem="", retry_after_s=10)
    assert lanes.wakes_at(at(0)) == at(4)


def test_trouble_with_one_pod_does_not_close_its_lane() -> None:
    lanes = Lanes(parallel=1)
    lanes.add(ask("a", by_s=1, budget="b"))
    lanes.add(ask("z", by_s=50, budget="b"))
    ticket = lanes.next(at(0))
    assert ticket is not None
    lanes.stumbled(ticket, at(0), problem="a webhook is down", retry_after_s=None)
    assert name_of(lanes.next(at(0))) == "z"


def test_trouble_that_asks_for_patience_sleeps_through_no_last_moment() -> None:
    lanes = Lanes(parallel=1)
    lanes.add(ask("a", by_s=4))
    ticket = lanes.next(at(0))
    assert ticket is not None
    lanes.stumbled(ticket, at(0), problem="a proxy is down", retry_after_s=60)
    assert lanes.wakes_at(at(0)) == at(4)


def test_a_ticket_whose_time_has_not_come_waits() -> None:
    lanes = Lanes(parallel=9)
    lanes.add(ask("one", ask_from=at(30)))
    assert lanes.next(at(29)) is None
    assert lanes.wakes_at(at(29)) == at(30)
    assert name_of(lanes.next(at(30))) == "one"


def test_what_was_dropped_is_never_asked_and_leaves_nothing_behind() -> None:
    lanes = Lanes(parallel=9)
    tickets = [lanes.add(ask("a")), lanes.add(ask("b", ask_from=at(30)))]
    for ticket in tickets:
        lanes.drop(ticket)
    assert lanes.is_empty
    assert lanes.next(at(60)) is None


def test_a_call_that_was_dropped_in_flight_is_not_repeated() -> None:
    lanes = Lanes(parallel=9)
    ticket = lanes.add(ask("a", budget="b"))
    lanes.next(at(0))
    lanes.drop(ticket)
    lanes.refused(ticket, at(0), problem="", retry_after_s=None)
    assert ticket.stand is Stand.DROPPED
    assert lanes.next(at(60)) is None


def test_lanes_without_tickets_are_forgotten() -> None:
    lanes = Lanes(parallel=9)
    ticket = lanes.add(ask("a", budget="b"))
    lanes.next(at(0))
    assert not lanes.is_empty
    lanes.asked(ticket)
    assert lanes.is_empty
    assert ticket.stand is Stand.ASKED


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 3), st.sampled_from([None, 5.0, 40.0]), st.sampled_from([None, 20.0])),
        st.tuples(st.sampled_from(["next", "asked", "refused", "stumbled", "gone", "drop"]), st.integers(0, 9)),
        st.tuples(st.just("wait"), st.sampled_from([0.1, 1.0, 30.0])),
    ),
    max_size=60,
)
PARALLEL = 3


class Replay:
    """Applies steps, and checks after each of them what must always hold."""

    def __init__(self) -> None:
        self.lanes = Lanes(parallel=PARALLEL)
        self.now_s = 0.0
        self.all: list[Ticket] = []
        self.flying: list[Ticket] = []

    def apply(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("add", lane, by_s, wait_s):
                budget = f"b{lane}" if lane else ""
                start = at(self.now_s + wait_s) if wait_s is not None else None
                name = f"p{len(self.all)}"
                by = None if by_s is None else self.now_s + by_s
                self.all.append(self.lanes.add(ask(name, by_s=by, budget=budget, slack=lane, ask_from=start)))
            case ("wait", seconds):
                self.now_s += seconds
            case ("next", _):
                self.take()
            case ("drop", index) if self.all:
                self.lanes.drop(self.all[index % len(self.all)])
            case (answer, index) if self.flying:
                self.answer(answer, self.flying.pop(index % len(self.flying)))
        self.check()

    def take(self) -> Ticket | None:
        ticket = self.lanes.next(at(self.now_s))
        if ticket is not None:
            assert ticket not in self.flying
            assert ticket.not_before is None or ticket.not_before <= at(self.now_s)
            self.flying.append(ticket)
        return ticket

    def answer(self, answer: str, ticket: Ticket) -> None:
        match answer:
            case "asked":
                self.lanes.asked(ticket)
            case "refused":
                self.lanes.refused(ticket, at(self.now_s), problem="no", retry_after_s=None)
            case "stumbled":
                self.lanes.stumbled(ticket, at(self.now_s), problem="no", retry_after_s=3.0)
            case "gone":
                self.lanes.ended(ticket, Stand.GONE)

    def check(self) -> None:
        assert len(self.flying) <= PARALLEL
        waiting = [ticket for ticket in self.all if ticket.stand is Stand.WAITING]
        assert self.lanes.is_empty is not bool(waiting or self.flying)
        assert {id(one) for one in self.all if one.stand is Stand.FLYING} <= {id(one) for one in self.flying}


@given(steps=STEPS)
def test_whatever_happens_the_bounds_hold_and_in_the_end_everybody_is_asked(steps: list[tuple[Any, ...]]) -> None:
    replay = Replay()
    for step in steps:
        replay.apply(step)
    for _ in range(10 * len(steps) + 10):
        if replay.lanes.is_empty:
            break
        if replay.flying:
            replay.answer("asked", replay.flying.pop())
        elif replay.take() is None:
            wakes_at = replay.lanes.wakes_at(at(replay.now_s))
            assert wakes_at is not None, "somebody waits, nothing flies, and nothing will ever change that"
            replay.now_s = max(replay.now_s, (wakes_at - START).total_seconds())
        replay.check()
    assert replay.lanes.is_empty
    assert {ticket.stand for ticket in replay.all} <= {Stand.ASKED, Stand.GONE, Stand.DROPPED}
