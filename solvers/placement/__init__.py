"""Placement: which nodes to run, which pods to put where, in which order, and how good that provably is."""

from solvers.placement.planner import plan_cluster
from solvers.placement.prices import as_from_scratch, with_prices
from solvers.placement.settings import Settings
from solvers.placement.warm import warm_up

__all__ = ["Settings", "as_from_scratch", "plan_cluster", "warm_up", "with_prices"]
