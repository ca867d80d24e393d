"""The table that a run prints."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from tests.benchmarks.harness import Baseline, Row

VERDICT = {True: "[green]yes[/]", False: "[red]no[/]", None: "[yellow]left out[/]"}


def show(rows: Iterable[Row], *, title: str, console: Console) -> None:
    """Print rows as one table."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for heading in ("figure", "value", "bar", "ok", "baseline"):
        table.add_column(heading, justify="right" if heading in ("value", "bar") else "left")
    for row in rows:
        table.add_row(row.name, with_unit(row.value, row.unit), bar(row), VERDICT[row.ok], against(row))
    console.print(table)


def bar(row: Row) -> str:
    """``≤ 1 %``, nothing for a figure that is only reported."""
    if row.bar is None:
        return ""
    return f"{'≥' if row.at_least else '≤'} {with_unit(row.bar, row.unit)}"


def against(row: Row) -> str:
    """The baseline in words."""
    if isinstance(row.baseline, Baseline):
        return f"{row.baseline.name}: {with_unit(row.baseline.value, row.baseline.unit)}"
    return row.baseline or ""


def with_unit(value: float | None, unit: str) -> str:
    """Four significant digits, whole numbers in full, with the unit."""
    if value is None:
        return "–"
    number = f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.4g}"
    return f"{number} {unit}".rstrip()
