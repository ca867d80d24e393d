"""Fill the generated parts of ``docs/benchmarks.md`` from the figures of the last run, and nothing else."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tests.benchmarks.data import ROOT
from tests.benchmarks.harness import Baseline, Row
from tests.benchmarks.machine import describe
from tests.benchmarks.table import against, bar, with_unit

PAGE = ROOT / "docs" / "benchmarks.md"
MARKER = re.compile(r"<!-- (\w+): ([\w-]+) -->\n.*?<!-- end -->", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A figure, shown under a heading; ``theirs`` shows what it is compared with instead."""

    figure: str
    heading: str
    theirs: bool = False


ALONE = Column(figure="", heading="")
OF_THE_BENCHMARK = ("peak memory", "whole run")
"""Figures of the process that measures."""

GAP = Column(figure="gap", heading="gap")
SECONDS = Column(figure="seconds", heading="time")
COST = Column(figure="cost", heading="cost")
FIRST_FIT = Column(figure="cost against first-fit", heading="against first-fit")
KARPENTER = Column(figure="cost against Karpenter", heading="against Karpenter")
KARPENTER_TIME = Column(figure="time beside Karpenter", heading="Karpenter's time", theirs=True)
BROKEN = Column(figure="broken rules", heading="broken rules")

_SPEED = (
    Column(figure="speed", heading="speed"),
    Column(figure="speed against Karpenter", heading="Karpenter", theirs=True),
    Column(figure="speed against Karpenter", heading="ratio"),
    FIRST_FIT,
    BROKEN,
    Column(figure="misplaced by Karpenter", heading="misplaced by Karpenter"),
)

TABLES: Mapping[str, Sequence[Column]] = {
    "openb": (GAP, SECONDS, COST, FIRST_FIT, KARPENTER, KARPENTER_TIME, BROKEN),
    "kwok": (
        Column(figure="over the bound of resources", heading="over the bound of resources"),
        GAP,
        SECONDS,
        COST,
        KARPENTER,
        KARPENTER_TIME,
        BROKEN,
    ),
    "mix": _SPEED,
    "preferences": _SPEED,
    "vbp": (
        Column(figure="known optima hit", heading="known optima hit"),
        Column(figure="mean gap to optima", heading="mean gap"),
        Column(figure="better than the best published", heading="better than published"),
        Column(figure="worse than the best published", heading="worse"),
        Column(figure="proven optimal", heading="proven optimal"),
        Column(figure="mean seconds", heading="time each"),
    ),
    "consolidation": (
        SECONDS,
        Column(figure="saving", heading="saving"),
        Column(figure="saving", heading="by one", theirs=True),
        Column(figure="evictions", heading="evictions"),
        Column(figure="evictions", heading="by one", theirs=True),
        Column(figure="evictions per USD/h", heading="per USD/h saved"),
        Column(figure="evictions per USD/h", heading="by one", theirs=True),
        BROKEN,
    ),
    "memory": (Column(figure="peak with 20000 pods", heading="peak"), SECONDS, BROKEN),
}
"""Tables by the beginning of the benchmarks' names."""


def fill(rows: Mapping[str, Row], *, measured_on: date) -> None:
    """Rewrite the generated parts of the page; a part without figures stays empty."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(MARKER.sub(lambda match: _part(match, rows, measured_on=measured_on), text), encoding="utf-8")


def _part(match: re.Match[str], rows: Mapping[str, Row], *, measured_on: date) -> str:
    kind, name = match.groups()
    if kind == "run":
        content = f"Figures of {measured_on.isoformat()}: {describe()}.\n"
    elif kind == "figures":
        content = _figures(name, rows)
    else:
        content = _table(name, rows) if kind == "table" else _plot(name)
    return f"<!-- {kind}: {name} -->\n{content}<!-- end -->"


def _figures(name: str, rows: Mapping[str, Row]) -> str:
    """One line for each figure of a benchmark."""
    shown = [row for row in rows.values() if row.name.startswith(f"{name}/") and row.value is not None]
    lines = [
        f"| {row.name.removeprefix(name)[1:]} | {_cell(row, ALONE)} | {against(row)} |"
        for row in shown
        if not row.name.endswith(OF_THE_BENCHMARK)
    ]
    return "\n".join(["| | | compared with |", "|---|---:|---|", *lines]) + "\n" if lines else ""


def _plot(name: str) -> str:
    exists = (PAGE.parent / "img" / f"bench-{name}.svg").exists()
    return f"![{name}](img/bench-{name}.svg)\n" if exists else ""


def _table(name: str, rows: Mapping[str, Row]) -> str:
    columns = TABLES[name]
    by_workload: dict[str, dict[str, Row]] = {}
    for row in rows.values():
        workload, _, figure = row.name.rpartition("/")
        if workload.startswith(name):
            by_workload.setdefault(workload, {})[figure] = row
    lines = [_line(workload, figures, columns) for workload, figures in _in_order(by_workload)]
    shown = [line for line in lines if line]
    if not shown:
        return ""
    head = "| | " + " | ".join(column.heading for column in columns) + " |"
    return "\n".join([head, "|---|" + "---:|" * len(columns), *shown]) + "\n"


def _in_order(by_workload: Mapping[str, dict[str, Row]]) -> list[tuple[str, dict[str, Row]]]:
    def key(item: tuple[str, object]) -> list[tuple[int, str]]:
        return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", item[0])]

    return sorted(by_workload.items(), key=key)


def _line(workload: str, figures: Mapping[str, Row], columns: Sequence[Column]) -> str:
    cells = [_cell(figures.get(column.figure), column) for column in columns]
    return f"| {workload} | " + " | ".join(cells) + " |" if any(cells) else ""


def _cell(row: Row | None, column: Column) -> str:
    if row is None or row.value is None:
        return ""
    if column.theirs:
        return with_unit(row.baseline.value, row.baseline.unit) if isinstance(row.baseline, Baseline) else ""
    value = with_unit(row.value, row.unit)
    return value if row.bar is None else f"{value} ({bar(row)}) {'✓' if row.ok else '✗'}"
