"""The queue of plans: who is next, who makes way, and that nothing is lost."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors.planning.order import PlanOrder
from actors.planning.queue import Drop, PlanQueue, Start, Step, Stop
from domain.commands import Priority
from domain.policy import Policy

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def order(request: str, priority: Priority = Priority.ROUTINE, *, cluster: str = "") -> PlanOrder:
    return PlanOrder(
        request=request,
        cluster=cluster or f"cluster of {request}",
        priority=priority,
        objects=b"objects",
        observed_at=NOW,
        policy=Policy(),
        generation=1,
        parent=None,
        time_limit_s=1.0,
        ordered_at=NOW,
    )


def started(steps: list[Step]) -> list[str]:
    return [step.order.request for step in steps if isinstance(step, Start)]


def stopped(steps: list[Step]) -> list[str]:
    return [step.request for step in steps if isinstance(step, Stop)]


def test_one_slot_stays_free_for_interruptions() -> None:
    queue = PlanQueue(slots=2)
    assert started(queue.submit(order("routine"))) == ["routine"]
    assert started(queue.submit(order("user", Priority.USER))) == []
    assert started(queue.submit(order("node lost", Priority.INTERRUPTION))) == ["node lost"]


def test_an_interruption_stops_the_least_urgent_plan_which_comes_again_later() -> None:
    queue = PlanQueue(slots=1)
    queue.submit(order("routine"))
    steps = queue.submit(order("node lost", Priority.INTERRUPTION))
    assert stopped(steps) == ["routine"]
    assert started(steps) == ["node lost"]
    assert started(queue.finished("node lost")) == ["routine"]


def test_interruptions_do_not_stop_each_other() -> None:
    queue = PlanQueue(slots=1)
    queue.submit(order("first", Priority.INTERRUPTION))
    assert queue.submit(order("second", Priority.INTERRUPTION)) == []
    assert started(queue.finished("first")) == ["second"]


def test_the_most_urgent_is_next_and_of_equals_the_oldest() -> None:
    queue = PlanQueue(slots=1)
    queue.submit(order("running"))
    for request, priority in (("r1", Priority.ROUTINE), ("u1", Priority.USER), ("r2", Priority.ROUTINE)):
        queue.submit(order(request, priority))
    queue.submit(order("p1", Priority.PENDING))
    done = "running"
    sequence = []
    for _ in range(4):
        (done,) = started(queue.finished(done))
        sequence.append(done)
    assert sequence == ["p1", "u1", "r1", "r2"]


def test_a_newer_order_of_a_cluster_takes_the_place_of_the_one_that_waits() -> None:
    queue = PlanQueue(slots=1)
    queue.submit(order("running"))
    queue.submit(order("old", cluster="c"))
    (dropped,) = queue.submit(order("new", cluster="c"))
    assert isinstance(dropped, Drop)
    assert dropped.order.request == "old"
    assert started(queue.finished("running")) == ["new"]


def test_a_full_queue_says_no_but_takes_every_interruption() -> None:
    queue = PlanQueue(slots=1, capacity=1)
    queue.submit(order("running", Priority.INTERRUPTION))
    queue.submit(order("waiting"))
    (refused,) = queue.submit(order("one too many"))
    assert isinstance(refused, Drop)
    assert "too many" in refused.reason
    assert queue.submit(order("node lost", Priority.INTERRUPTION)) == []
    assert len(queue) == 2


def test_cancelling_stops_what_runs_and_forgets_what_waits() -> None:
    queue = PlanQueue(slots=1)
    queue.submit(order("running"))
    queue.submit(order("waiting"))
    assert queue.cancel("waiting") == []
    assert stopped(queue.cancel("running")) == ["running"]
    assert queue.cancel("never heard of") == []
    assert len(queue) == 0


def test_the_end_of_a_plan_that_was_stopped_starts_nothing() -> None:
    queue = PlanQueue(slots=1)
    queue.submit(order("running"))
    queue.cancel("running")
    assert queue.finished("running") == []


def test_a_queue_without_a_slot_is_refused() -> None:
    with pytest.raises(ValueError, match="slot"):
        PlanQueue(slots=0)


class AnyOrder(RuleBasedStateMachine):
    """Orders and ends in any order: every order is waiting, running, ended or dropped, and interruptions go first."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = PlanQueue(slots=2, capacity=5)
        self.priority: dict[str, Priority] = {}
        self.running: set[str] = set()
        self.gone: Counter[str] = Counter()

    def follow(self, steps: list[Step]) -> None:
        for step in steps:
            if isinstance(step, Start):
                assert step.order.request not in self.running
                self.running.add(step.order.request)
            elif isinstance(step, Stop):
                self.running.remove(step.request)
            else:
                self.gone[step.order.request] += 1

    @rule(priority=st.sampled_from(Priority), cluster=st.sampled_from("abc"))
    def submit(self, priority: Priority, cluster: str) -> None:
        request = str(len(self.priority))
        self.priority[request] = priority
        self.follow(self.queue.submit(order(request, priority, cluster=cluster)))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(sorted(self.running)))
        self.running.remove(request)
        self.gone[request] += 1
        self.follow(self.queue.finished(request))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(sorted(self.running)))
        self.gone[request] += 1
        self.follow(self.queue.cancel(request))

    @invariant()
    def nothing_is_lost_or_done_twice(self) -> None:
        assert set(self.queue.running) == self.running
        assert len(self.running) <= self.queue.slots
        assert set(self.gone.values()) <= {1}
        assert len(self.queue) + len(self.running) + len(self.gone) == len(self.priority)

    @invariant()
    def no_interruption_waits_while_anything_else_runs(self) -> None:
        waiting = {r for r in self.priority if r not in self.running and r not in self.gone}
        if any(self.priority[r] is Priority.INTERRUPTION for r in waiting):
            assert all(self.priority[r] is Priority.INTERRUPTION for r in self.running)
            assert len(self.running) == self.queue.slots


TestAnyOrder = AnyOrder.TestCase
