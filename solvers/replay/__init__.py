"""Simulated time: any market against any policy, deterministic to the byte for a seed.

A `Market` is what AWS has and asks for, pool by pool; a `World` runs clusters in it, each under a policy; a `Tally` is
what came of it. Nothing here knows of clocks, networks or the production classes: whatever decides is handed in
(`Policy`). The composition with the production state machine is `actors.simulation`, because solvers import no actors.
"""

from solvers.replay.market import Market, Notice, PoolTape, PriceCurve
from solvers.replay.policy import Policy
from solvers.replay.tally import Tally
from solvers.replay.workload import PodGroup, Workload
from solvers.replay.world import World

__all__ = ["Market", "Notice", "PodGroup", "Policy", "PoolTape", "PriceCurve", "Tally", "Workload", "World"]
