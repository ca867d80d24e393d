"""The independent checker: no plan leaves the house without having passed it."""

from solvers.checker.check import check_plan
from solvers.checker.violation import Rule, Violation

__all__ = ["Rule", "Violation", "check_plan"]
