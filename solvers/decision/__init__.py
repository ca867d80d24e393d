"""The decision engine: proposals of all modules in, one plan of action out, a reason for each refusal.

``resolve`` is pure and does not depend on the order of the proposals. Stability comes before savings, what AWS takes
before everything; no node is in two plans; a change must earn back its disruption within a stated time.
"""

from solvers.decision.decision import Chosen, Decision, Refusal, Rule
from solvers.decision.facts import CapacityFailure, DecisionPolicy, Disruption, Facts, Fallback, NodeState
from solvers.decision.resolve import resolve

__all__ = [
    "CapacityFailure",
    "Chosen",
    "Decision",
    "DecisionPolicy",
    "Disruption",
    "Facts",
    "Fallback",
    "NodeState",
    "Refusal",
    "Rule",
    "resolve",
]
