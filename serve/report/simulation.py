"""The report of a batch of simulations: one HTML file with what each policy cost, lost and was worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from math import hypot, isfinite

import jinja2
from markupsafe import Markup

from adapters.scenarios.model import Scenario
from domain.errors import InputError
from serve.report.whiskers import Whisker, whisker_chart
from solvers.replay.paired import Comparison, Figure

_TOO_CLOSE = 0.001
"""Savings (shares of the baseline's cost) that differ by less read the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A measure as people read it. ``scale`` turns its figures into ``unit``; ``less`` says that less is better."""

    name: str
    title: str
    unit: str = ""
    digits: int = 1
    scale: float = 1.0
    less: bool = True


SHOWN = (
    Measure(name="cost_usd", title="Cost", unit="USD", digits=0),
    Measure(name="saving", title="Saving", unit="% of the baseline's cost", scale=100.0, less=False),
    Measure(name="lost_pod_min", title="Pod-minutes lost", unit="min", digits=0),
    Measure(name="interruptions", title="Interruptions hit", unit="nodes"),
    Measure(name="failing_launches", title="Launches into a failing pool"),
    Measure(name="kills", title="Pods killed with their node", unit="pods"),
    Measure(name="evictions", title="Evictions by the policy", unit="pods"),
    Measure(name="ended_nodes", title="Nodes ended by the policy", unit="nodes"),
    Measure(name="large_losses", title="Large losses at once", digits=2),
    Measure(name="predicted_large", title="Large losses expected", digits=2),
    Measure(name="budget_breaches", title="Budgets broken", unit="pods"),
    Measure(name="predicted", title="Interruptions predicted", unit="nodes"),
    Measure(name="waited_min", title="Waiting of pods that come and go", unit="min", digits=0),
    Measure(name="reruns", title="Pods that came and began anew", unit="pods"),
    Measure(name="finished", title="Pods that came and finished", unit="pods", less=False),
    Measure(name="spot_hours", title="Spot hours", unit="h", less=False),
    Measure(name="misses", title="Deadlines missed", unit="jobs", digits=2),
)
"""Measures of the report, in order; those that no policy has anything of are left out."""


def simulation_html(found: Comparison, scenario: Scenario, *, command: str) -> str:
    """The whole report.

    Parameters
    ----------
    command
        What makes the same run again.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("serve.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = [measure for measure in SHOWN if _said(found, measure.name)]
    return environment.get_template("simulation.html.j2").render(
        scenario=scenario, found=found, measures=shown, command=command, headline=headline(found),
        rows=[(policy, [_cells(found, policy, measure) for measure in shown]) for policy in found.policies()],
        charts=[(measure, Markup(whisker_chart(_whiskers(found, measure)))) for measure in shown],  # noqa: S704
        style=Markup(files("serve.report").joinpath("report.css").read_text(encoding="utf-8")),  # noqa: S704
    )  # fmt: skip


def chart_of(found: Comparison, measure: str) -> str:
    """One measure as a drawing of its own.

    Raises
    ------
    InputError
        When there is no such measure.
    """
    known = {each.name: each for each in SHOWN}
    if measure not in found.measures():
        raise InputError("--chart", measure, f"is no measure of these results; they have {', '.join(found.measures())}")
    return whisker_chart(_whiskers(found, known.get(measure, Measure(name=measure, title=measure))))


def headline(found: Comparison) -> str:
    """The result in one sentence, with no more said than was found."""
    rest = [policy for policy in found.policies() if policy != found.baseline]
    if not rest:
        return f"{found.baseline} over {found.replications} replications"
    best = min(rest, key=lambda policy: found.figure(policy, "cost_usd").mean)
    figure = found.figure(best, "saving")
    width = f" ± {figure.half_width:.1%}" if isfinite(figure.half_width) else ""
    if not isfinite(figure.half_width) or abs(figure.mean) <= figure.half_width:
        return f"No policy is shown to be cheaper than {found.baseline}: {best} saves {figure.mean:.1%}{width}"
    alike = [policy for policy in rest if policy != best and _alike(figure, found.figure(policy, "saving"))]
    also = f"; {' and '.join(alike)} {'is' if len(alike) == 1 else 'are'} not shown to be dearer" if alike else ""
    return f"{best} is the cheapest: {figure.mean:.1%}{width} against {found.baseline}{also}"


def _alike(one: Figure, other: Figure) -> bool:
    """Whether two means are too close for their intervals to tell them apart, or for anybody to care."""
    return abs(one.mean - other.mean) <= max(hypot(one.half_width, other.half_width), _TOO_CLOSE)


def _said(found: Comparison, measure: str) -> bool:
    return measure in found.measures() and any(found.figure(policy, measure).mean for policy in found.policies())


def _cells(found: Comparison, policy: str, measure: Measure) -> tuple[str, str, str]:
    """Mean with its interval, paired difference with its interval, and ``better``, ``worse`` or nothing."""
    figure = found.figure(policy, measure.name)
    mean = _number(figure.mean, figure.half_width, measure)
    if policy == found.baseline:
        return mean, "", ""
    verdict = ""
    if figure.differs:
        verdict = "better" if (figure.difference < 0) == measure.less else "worse"
    return mean, _number(figure.difference, figure.difference_half_width, measure, sign="+"), verdict


def _number(value: float, half_width: float, measure: Measure, *, sign: str = "") -> str:
    text = f"{value * measure.scale:{sign},.{measure.digits}f}"
    return f"{text} ± {half_width * measure.scale:,.{measure.digits}f}" if isfinite(half_width) else text


def _whiskers(found: Comparison, measure: Measure) -> Sequence[Whisker]:
    rows = []
    for policy in found.policies():
        figure = found.figure(policy, measure.name)
        width = figure.half_width * measure.scale if isfinite(figure.half_width) else 0.0
        mean = figure.mean * measure.scale
        text = _number(figure.mean, figure.half_width, measure)
        rows.append(Whisker(name=policy, mean=mean, half_width=width, text=text))
    return rows
