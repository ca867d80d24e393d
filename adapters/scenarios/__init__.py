"""Scenarios of batch simulations: what a file says, checked, with the line of every mistake."""

from adapters.scenarios.model import Scenario
from adapters.scenarios.read import parse_scenario, read_scenario, scenario_of

__all__ = ["Scenario", "parse_scenario", "read_scenario", "scenario_of"]
