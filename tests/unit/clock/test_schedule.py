"""When periodic jobs are due, whatever was missed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.clock.schedule import EPOCH, Period

NOW = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
MINUTE = Period(every_s=60)


def test_due_times_do_not_depend_on_when_a_process_started() -> None:
    assert MINUTE.due(NOW, None) == (NOW.replace(second=0),)
    assert MINUTE.due(NOW + timedelta(seconds=20), None) == (NOW.replace(second=0),)


def test_a_run_that_is_done_is_not_due_again_before_the_next_period() -> None:
    done = NOW.replace(second=0)
    assert MINUTE.due(NOW, done) == ()
    assert MINUTE.next_after(NOW) == done + timedelta(seconds=60)
    assert MINUTE.due(done + timedelta(seconds=60), done) == (done + timedelta(seconds=60),)


def test_of_many_missed_runs_as_many_are_due_as_are_caught_up() -> None:
    hourly = Period(every_s=3600, caught_up=3)
    long_ago = NOW - timedelta(days=2)
    assert [time.hour for time in hourly.due(NOW, long_ago)] == [10, 11, 12]
    assert [time.hour for time in hourly.due(NOW, NOW - timedelta(hours=2))] == [11, 12]


@pytest.mark.parametrize("wrong", [{"every_s": 0.5}, {"every_s": 60, "caught_up": 0}])
def test_a_period_that_makes_no_sense_is_refused(wrong) -> None:
    with pytest.raises(ValueError, match="at least"):
        Period(**wrong)


@given(
    every_s=st.integers(1, 100_000),
    caught_up=st.integers(1, 5),
    steps=st.lists(st.floats(0, 500_000), min_size=1, max_size=20),
)
def test_whoever_looks_again_and_again_runs_each_time_once_and_in_order(every_s, caught_up, steps) -> None:
    period = Period(every_s=every_s, caught_up=caught_up)
    now, last, ran = EPOCH + timedelta(days=100), None, []
    for step in steps:
        now += timedelta(seconds=step)
        for due in period.due(now, last):
            assert due <= now
            ran.append(due)
            last = due
    assert ran == sorted(set(ran))
    assert now - ran[-1] < timedelta(seconds=every_s)
