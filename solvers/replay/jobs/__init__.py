"""One job with a deadline on Spot: the policies of "Can't Be Late" (Wu et al., NSDI 2024), in steps of equal length.

The job needs so many hours of work before a deadline. Whatever it starts on, Spot or on demand, it works only after a
changeover; leaving loses no work that was done. Spot is there or not, step by step; on demand always is.
"""

from solvers.replay.jobs.job import Job, Outcome, SpotView
from solvers.replay.jobs.omniscient import omniscient
from solvers.replay.jobs.online import Greedy, OnDemandJob, UniformProgress, run_job

__all__ = ["Greedy", "Job", "OnDemandJob", "Outcome", "SpotView", "UniformProgress", "omniscient", "run_job"]
