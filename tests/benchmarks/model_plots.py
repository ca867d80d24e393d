"""Plots and tables of ``docs/model.md``: ``python -m tests.benchmarks.model_plots`` (about two minutes)."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from adapters.traces.tables import read_lifetimes
from solvers.interruption.card import judged_table
from solvers.interruption.evaluate import MODEL, Judged
from solvers.interruption.survival import EDGES_H, Lifetimes, survival_report
from tests.benchmarks.data import ROOT, data_path
from tests.benchmarks.suite.interruption import TRACES, experiments_of

IMAGES = ROOT / "docs" / "img"
LIFETIMES = "gcp_preemptible_2019/gcp_preemptible_lifetimes.csv.gz"
COLOURS = {MODEL: "#1a6fb5", "logistic regression": "#c46a1b", "age only": "#7a7a7a"}


def main() -> None:
    """Train on all splits, draw, and print the tables."""
    mpl.rcParams.update({"svg.hashsalt": "model", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    experiments = experiments_of(data_path(TRACES), horizons_h=(1, 4, 12))
    rolling = list(experiments.rolling())
    _calibration([each for each in rolling if each.horizon_h == 1])
    others = [*experiments.region_left_out(), *experiments.transfer()]
    _areas([each for each in (*rolling, *others) if each.horizon_h == 1])
    _survival(data_path(LIFETIMES))
    print(judged_table([*rolling, *others]))
    for each in (*rolling, *others):
        print(f"{each.name}, {each.horizon_h} h: covered {each.coverage:.1f}, {each.regions}")


def _calibration(judged: Sequence[Judged]) -> None:
    figure, axes = plt.subplots(1, len(judged), figsize=(10, 2.9), sharey=True, sharex=True)
    for axis, each in zip(axes, judged, strict=True):
        told, real = [b.predicted for b in each.bins], [b.realised for b in each.bins]
        low, high = [b.low for b in each.bins], [b.high for b in each.bins]
        axis.plot([0, 0.7], [0, 0.7], color="#bbbbbb", linewidth=1)
        axis.fill_between(told, low, high, color=COLOURS[MODEL], alpha=0.18, linewidth=0, label="90 % interval")
        axis.plot(told, real, "o-", color=COLOURS[MODEL], markersize=3, linewidth=1, label="tenths of the rows")
        axis.set_title(f"{each.name}, error {each.figures[MODEL]['calibration_error'].value:.3f}", fontsize=9)
        axis.set_xlabel("predicted")
    axes[0].set_ylabel("share with a drop within 1 h")
    axes[0].legend(frameon=False, fontsize=8)
    _save(figure, "calibration")


def _areas(judged: Sequence[Judged]) -> None:
    figure, axis = plt.subplots(figsize=(8, 0.34 * len(judged) + 0.9))
    for at, each in enumerate(reversed(judged)):
        for key, colour in COLOURS.items():
            found = each.figures[key]["auc"]
            if key == MODEL:
                axis.plot([found.low, found.high], [at, at], color=colour, linewidth=4, alpha=0.3)
            axis.plot(found.value, at, "o", color=colour, markersize=5, label=key if at == 0 else None)
    axis.set_yticks(range(len(judged)), [each.name for each in reversed(judged)])
    axis.set_xlabel("AUC of a drop within 1 h; bar: 90 % of the resamples of days")
    axis.legend(frameon=False, fontsize=8, loc="lower left")
    _save(figure, "auc")


def _survival(path: Path) -> None:
    found = read_lifetimes(path)
    report = survival_report(Lifetimes(hours=found.hours, preempted=found.preempted, began=found.began_day))
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.9))
    left.step(report.curve.hours, report.curve.alive, where="post", color=COLOURS[MODEL])
    left.set(xlabel="hours since launch", ylabel="share not preempted", ylim=(0, 1), xlim=(0, 25))
    right.stairs(report.hazard_uncapped_per_h, EDGES_H, color=COLOURS[MODEL], label="stops count as ends of watching")
    right.axhline(report.naive_per_h, color=COLOURS["age only"], linewidth=1, label="every end taken for one")
    right.set(xlabel="hours since launch", ylabel="preemptions per hour, cap left out")
    right.legend(frameon=False, fontsize=8)
    _save(figure, "survival")
    print(report)


def _save(figure: plt.Figure, name: str) -> None:
    figure.tight_layout()
    figure.savefig(IMAGES / f"model-{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
