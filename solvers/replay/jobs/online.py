"""Policies that know the past alone, and the loop that runs them.

Rules by the paper: a job that is done stops (thrifty); one that must not lose another step to be in time goes on demand
and stays there (safety net); one on Spot stays there until it is taken (exploitation).
"""

from typing import Protocol

from solvers.replay.jobs.job import Job, Mask, On, Outcome


class JobPolicy(Protocol):
    """Says what to be on for the next step."""

    def choose(self, job: Job, *, step: int, done: int, on: On, spot: bool) -> On:
        """What to be on.

        Parameters
        ----------
        step, done
            Steps that have passed, and steps of work that are done.
        on
            What it is on now; not Spot when that was just taken.
        spot
            Whether Spot is there.
        """


class OnDemandJob:
    """On demand from the start: the most that the job can cost."""

    def choose(self, job: Job, *, step: int, done: int, on: On, spot: bool) -> On:
        """On demand."""
        return On.ON_DEMAND


class Greedy:
    """Spot whenever it is there, nothing otherwise, until the safety net binds."""

    def choose(self, job: Job, *, step: int, done: int, on: On, spot: bool) -> On:
        """Spot while there is time."""
        return On.SPOT if spot else On.NOTHING


class UniformProgress:
    """Keeps to the line from nothing to all work at the deadline.

    Behind it and without Spot it takes on demand, and stays there until it is ahead by two changeovers; ahead of it it
    waits for Spot. Whenever Spot is there it takes it.
    """

    def choose(self, job: Job, *, step: int, done: int, on: On, spot: bool) -> On:
        """Spot, else on demand while behind."""
        if spot:
            return On.SPOT
        expected = job.work * (step + (2 * job.changeover if on is On.ON_DEMAND else 0)) / job.deadline
        return On.ON_DEMAND if done < expected else On.NOTHING


def run_job(job: Job, spot: Mask, policy: JobPolicy) -> Outcome:
    """Run a job under a policy in one market (any zone, or one), which must be known up to the deadline."""
    done = spot_steps = on_demand_steps = starts = waited = 0
    on = On.NOTHING
    for step in range(job.deadline):
        if done >= job.work:
            break
        here = bool(spot[step])
        if on is On.SPOT and not here:
            on = On.NOTHING
        wanted = policy.choose(job, step=step, done=done, on=on, spot=here)
        wanted = _secured(job, wanted, on=on, slack=job.deadline - step - (job.work - done), waited=waited)
        if wanted is not on and wanted is not On.NOTHING:
            starts, waited = starts + 1, 0
        on = wanted
        if on is On.NOTHING:
            continue
        spot_steps += on is On.SPOT
        on_demand_steps += on is On.ON_DEMAND
        if waited < job.changeover:
            waited += 1
        else:
            done += 1
    cost = on_demand_steps + job.spot_price * spot_steps
    return Outcome(
        spot=spot_steps, on_demand=on_demand_steps, starts=starts, in_time=done >= job.work, cost=cost
    )  # fmt: skip


def _secured(job: Job, wanted: On, *, on: On, slack: int, waited: int) -> On:
    """The safety net. ``slack`` is the time left beyond the work left.

    Anything but on demand may come to nothing: it is allowed only while one changeover, to on demand, would still fit
    after the step. What is left of a changeover under way counts as well.
    """
    if on is On.ON_DEMAND and slack < 2 * job.changeover + (job.changeover - waited):
        return On.ON_DEMAND
    if wanted is not On.ON_DEMAND and slack <= job.changeover + _wasted(wanted, on, waited=waited, job=job):
        return On.ON_DEMAND
    return wanted


def _wasted(wanted: On, on: On, *, waited: int, job: Job) -> int:
    """Steps that this choice spends without work, at the least."""
    return 0 if wanted is On.SPOT and on is On.SPOT and waited >= job.changeover else 1
