"""The model card: what a model was made of, how good it was, and what it cannot tell."""

from collections.abc import Mapping, Sequence
from typing import Any

from solvers.interruption.evaluate import MODEL, Judged
from solvers.interruption.model import RiskModel

SHOWN = ("auc", "average_precision", "brier", "log_loss", "calibration_error")
LIMITS = """\
- The trees grew on scarce GPU types alone (K80 and V100: p2 and p3), none seen for more than a month. No recording of
  a CPU type went into them; of other families the prior from the Spot advisor speaks.
- A recorded drop says that a launch would have failed, not that AWS took a running instance. Rates of drops are far
  above rates of interruptions, and how closely the two go together is not known.
- Each probe is repeated for up to 10.6 minutes in the 2023 recording: nothing shorter is seen.
- The share of time up drifts from week to week. Ranking survives that better than rates do, and rates at 1 h better
  than at 4 h and 12 h: see the calibration errors.
- Hours and weekdays rest on an inferred start of the 2023 recording, whose time zone is not stated.
- Prices and placement scores are in the contract but in no recording: these trees do not use them.
- The advisor counts over a region and a month in five steps; its prior knows no zone and no hour."""
ORIGIN = (
    "Derived from the SkyPilot spot traces (github.com/skypilot-org/spot-traces, commit 221da1a; Wu et al., "
    "\"Can't Be Late\", NSDI 2024; published as open, no licence stated) and, for the prior, from snapshots of AWS's "
    "public Spot advisor feed (alexei-led/spotinfo, Apache-2.0; ETOgaosion/bamboo, MIT). The model holds split points "
    "and rates, none of the recorded series."
)


def model_card(model: RiskModel, *, judged: Sequence[Judged] = (), sha256: str) -> str:
    """The card as Markdown."""
    what = (
        f"Contract v{model.contract.version}. Gradient-boosted trees (LightGBM text), monotone where the field knows "
        f"the sign, one forest per horizon ({_hours(model)}). SHA-256 of the model file: `{sha256}`."
    )
    who = (
        f"Families that the trees answer for: {', '.join(sorted(model.families))}. All others: prior, worth "
        f"{model.prior.shape:.2g} interruptions, mean {model.prior.overall_per_h:.2e} per hour."
    )
    parts = ["# Model card: interruption risk of Spot pools", what, "## Trained on", _recordings(model.about), ORIGIN]
    parts += ["## How", _horizons(model.about), who]
    if judged:
        parts += ["## Figures on later rows", judged_table(judged), _calibration(judged)]
    parts += ["## What it cannot tell", LIMITS]
    return "\n\n".join(parts) + "\n"


def judged_table(judged: Sequence[Judged]) -> str:
    """Figures of all predictors as a Markdown table, with 90 % intervals for the model."""
    lines = [
        "| rows | horizon | predictor | AUC | AP | Brier | log loss | ECE |",
        "|---|---:|---|---:|---:|---:|---:|---:|",
    ]
    for each in judged:
        for predictor, found in each.figures.items():
            cells = [_cell(found[name], predictor) for name in SHOWN]
            lines.append(f"| {each.name} | {each.horizon_h} h | {predictor} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(figure: Any, predictor: str) -> str:
    value = f"{figure.value:.3f}"
    return f"**{value}** ({figure.low:.3f}–{figure.high:.3f})" if predictor == MODEL else value


def _calibration(judged: Sequence[Judged]) -> str:
    lines = ["Calibration at 1 h, tenths of the rows by prediction:", ""]
    lines += ["| rows | predicted | interval | realised |", "|---|---:|---:|---:|"]
    for each in judged:
        if each.horizon_h == 1:
            lines += [
                f"| {each.name} | {b.predicted:.3f} | {b.low:.3f}–{b.high:.3f} | {b.realised:.3f} |" for b in each.bins
            ]
    return "\n".join(lines)


def _hours(model: RiskModel) -> str:
    return ", ".join(f"{head.horizon_h} h" for head in model.heads)


def _recordings(about: Mapping[str, Any]) -> str:
    lines = ["| recording | pools | ticks | s per tick |", "|---|---|---:|---:|"]
    lines += [
        f"| {each['name']} | {', '.join(each['pools'])} | {each['ticks']} | {each['tick_s']:g} |"
        for each in about.get("recordings", [])
    ]
    return "\n".join(lines)


def _horizons(about: Mapping[str, Any]) -> str:
    lines = ["| horizon | trees | calibrator | its rows | log loss: none, beta, isotonic |", "|---:|---:|---|---:|---|"]
    for hours, each in sorted(about.get("horizons", {}).items(), key=lambda item: int(item[0])):
        loss = each["calibration_log_loss"]
        lines.append(
            f"| {hours} h | {each['trees']} | {each['calibration']} | {each['calibration_rows']} | "
            f"{loss['none']:.4f}, {loss['beta']:.4f}, {loss['isotonic']:.4f} |"
        )
    return "\n".join(lines)
