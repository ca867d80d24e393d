"""Jobs with a deadline."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.replay.jobs import Greedy, Job, OnDemandJob, UniformProgress, omniscient, run_job

ONLINE = (OnDemandJob, Greedy, UniformProgress)
JOB = Job(work=40, deadline=60, changeover=2, spot_price=0.3)


def job_of(work: int, slack: int, *, changeover: int) -> Job:
    return Job(work=work, deadline=work + changeover + slack, changeover=changeover, spot_price=0.3)


@settings(max_examples=30)
@given(st.lists(st.booleans(), min_size=60, max_size=60))
def test_no_policy_is_ever_late_and_none_beats_the_omniscient(up: list[bool]) -> None:
    spot = np.array(up)
    best = omniscient(JOB, spot)
    assert best.in_time
    for policy in ONLINE:
        found = run_job(JOB, spot, policy())
        assert found.in_time
        assert found.cost >= best.cost - 1e-9


def brute_force(job: Job, spot: list[bool]) -> float:
    best = float("inf")
    for plan in product((0, 1, 2), repeat=job.deadline):
        cost, done, on, waited = 0.0, 0, 0, 0
        for step, wanted in enumerate(plan):
            if wanted == 1 and not spot[step]:
                break
            if wanted != on:
                on, waited = wanted, 0
            cost += (0.0, job.spot_price, 1.0)[wanted] if done < job.work else 0.0
            if wanted:
                done += waited >= job.changeover
                waited += 1
        else:
            best = min(best, cost if done >= job.work else best)
    return best


@pytest.mark.parametrize("pattern", ["11011011", "00111100", "01010101", "00000000", "11111111", "10011001"])
def test_the_omniscient_is_as_cheap_as_trying_everything(pattern: str) -> None:
    job, spot = job_of(4, 3, changeover=1), [letter == "1" for letter in pattern]
    assert omniscient(job, np.array(spot)).cost == pytest.approx(brute_force(job, spot))


def test_greedy_waits_for_spot_and_uniform_progress_does_not_fall_behind() -> None:
    spot = np.zeros(60, bool)
    spot[50:] = True
    greedy, uniform = run_job(JOB, spot, Greedy()), run_job(JOB, spot, UniformProgress())
    assert greedy.on_demand >= 40
    assert uniform.starts >= greedy.starts


def test_a_job_on_spot_alone_costs_spot() -> None:
    found = run_job(JOB, np.ones(60, bool), Greedy())
    assert (found.spot, found.on_demand, found.starts) == (42, 0, 1)
    assert found.cost == pytest.approx(42 * 0.3)


@pytest.mark.parametrize("work", [0, 59])
def test_a_job_that_cannot_be_done_is_refused(work: int) -> None:
    with pytest.raises(ValueError, match="fit before the deadline"):
        Job(work=work, deadline=60, changeover=2, spot_price=0.3)
