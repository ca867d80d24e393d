"""How comparisons stand, and what follows from a round. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from domain.lab import LabExperiment
from solvers.interruption.sequential import PairedRound, Wealth


def standing(experiment: LabExperiment) -> Wealth:
    """What the rounds so far have shown."""
    return Wealth.of_json(experiment.telemetry)


def played(experiment: LabExperiment, paired: PairedRound) -> LabExperiment:
    """The comparison after one more round."""
    return replace(experiment, telemetry=standing(experiment).after(paired).to_json())


def summary(experiment: LabExperiment) -> Mapping[str, Any]:
    """What is shown and told of a comparison, JSON values."""
    wealth = standing(experiment)
    return {
        "rounds": wealth.rounds,
        "pools": wealth.pools,
        "mean_difference": wealth.mean_difference,
        "evidence_better": wealth.most_better,
        "evidence_worse": wealth.most_worse,
        "evidence_needed": 1 / experiment.false_rate,
        "finding": str(wealth.finding(experiment.false_rate)),
    }
