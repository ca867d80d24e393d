"""``python -m tests.benchmarks.plots``: plots of the last run, and the tables of ``docs/benchmarks.md``."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import matplotlib as mpl
import orjson

from tests.benchmarks.data import ROOT
from tests.benchmarks.harness import PARTS, Baseline, Row, read_rows
from tests.benchmarks.pages import fill

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "spotopt"  # the same figures give the same file

from matplotlib import pyplot as plt  # noqa: E402 - the backend comes first
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

IMAGES = ROOT / "docs" / "img"
OURS, THEIRS, THIRD, BAR = "#2563eb", "#ea580c", "#a3a3a3", "#dc2626"
LISTS = ("default", "cpu050", "cpu200", "gpuspec20", "multigpu30", "cpu-memory")


def main() -> None:
    """Draw what has figures, say what has none."""
    parts = sorted(PARTS.glob("*.json"))
    rows = {row.name: row for path in parts for row in read_rows(path)}
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, draw in PLOTS.items():
        figure = draw(rows)
        if figure is None:
            print(f"bench-{name}: no figures yet")
            continue
        figure.savefig(IMAGES / f"bench-{name}.svg", metadata={"Date": None}, bbox_inches="tight")
        plt.close(figure)
        print(f"bench-{name}.svg")
    if parts:
        newest = max(path.stat().st_mtime for path in parts)
        fill(rows, measured_on=datetime.fromtimestamp(newest, tz=UTC).date())


def _trace(_: dict[str, Row]) -> Figure | None:
    points = _series("openb-default").get("trace")
    if not points:
        return None
    figure, axes = plt.subplots(figsize=(7, 3.5))
    priced = [p for p in points if p["cost"] is not None]
    axes.step([p["seconds"] for p in priced], [p["cost"] for p in priced], where="post", color=OURS, label="best cost")
    proven = [p for p in points if p["bound"] > 0]
    axes.step([p["seconds"] for p in proven], [p["bound"] for p in proven], where="post", color=THEIRS, label="bound")
    _dress(axes, x="seconds", y="USD per hour")
    return figure


def _cost(rows: dict[str, Row]) -> Figure | None:
    against = [(name, rows.get(f"openb-{name}/cost against Karpenter")) for name in LISTS]
    found = [(name, row) for name, row in against if row and isinstance(row.baseline, Baseline)]
    if not found:
        return None
    figure, axes = plt.subplots(figsize=(7, 3.5))
    names = [name for name, _ in found]
    theirs = [row.baseline.value for _, row in found if isinstance(row.baseline, Baseline)]
    ours = [rows[f"openb-{name}/cost"].value or 0.0 for name in names]
    axes.bar([i - 0.2 for i in range(len(names))], theirs, width=0.4, color=THEIRS, label="Karpenter's scheduler")
    axes.bar([i + 0.2 for i in range(len(names))], ours, width=0.4, color=OURS, label="Spot Optimizer")
    axes.set_xticks(range(len(names)), names)
    _dress(axes, x="list of real pods", y="USD per hour")
    return figure


def _speed(rows: dict[str, Row]) -> Figure | None:
    sizes = sorted(int(name.split("/")[0][4:]) for name in rows if name.startswith("mix-") and name.endswith("/speed"))
    if not sizes:
        return None
    figure, axes = plt.subplots(figsize=(7, 3.5))
    axes.plot(sizes, [rows[f"mix-{n}/speed"].value or 0.0 for n in sizes], "o-", color=OURS, label="Spot Optimizer")
    theirs = [(n, rows.get(f"mix-{n}/speed against Karpenter")) for n in sizes]
    known = [(n, row.baseline.value) for n, row in theirs if row and isinstance(row.baseline, Baseline)]
    axes.plot([n for n, _ in known], [v for _, v in known], "s-", color=THEIRS, label="Karpenter's scheduler")
    axes.axhline(1000, color=BAR, linestyle="--", linewidth=1, label="bar from 500 pods up")
    axes.set_xscale("log")
    axes.set_yscale("log")
    _dress(axes, x="pods", y="pods per second")
    return figure


def _growth(_: dict[str, Row]) -> Figure | None:
    points = {axis: _series(f"growth-{axis}").get("points") for axis in ("pods", "classes", "types")}
    if not any(points.values()):
        return None
    figure, all_axes = plt.subplots(1, 3, figsize=(10, 3.2), sharey=True)
    for axes, (axis, found) in zip(all_axes, points.items(), strict=True):
        reached = [p for p in found or () if p["seconds_to_gap"] is not None]
        missed = [p for p in found or () if p["seconds_to_gap"] is None]
        axes.plot(
            [p["size"] for p in reached], [p["seconds_to_gap"] for p in reached], "o-", color=OURS, label="to 1 %"
        )
        axes.plot([p["size"] for p in missed], [p["seconds"] for p in missed], "x", color=BAR, label="not reached")
        axes.set_xscale("log")
        _dress(axes, x=axis, y="seconds to a gap of 1 %" if axis == "pods" else "")
    return figure


def _consolidation(rows: dict[str, Row]) -> Figure | None:
    figures = [name for name in rows if name.startswith("consolidation-") and name.endswith("/seconds")]
    if not figures:
        return None
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.5))
    for kept, colour in (("75%", OURS), ("50%", THEIRS), ("25%", THIRD)):
        found = sorted((int(n.split("/")[0][14:]), n) for n in figures if f"/{kept}/" in n)
        left.plot(
            [n for n, _ in found], [rows[name].value for _, name in found], "o-", color=colour, label=f"{kept} left"
        )
        ratios = [(n, rows.get(name.replace("/seconds", "/evictions per USD/h"))) for n, name in found]
        pairs = [(n, row) for n, row in ratios if row and isinstance(row.baseline, Baseline)]
        right.plot([n for n, _ in pairs], [row.value for _, row in pairs], "o-", color=colour, label=f"{kept} left")
        theirs = [row.baseline.value for _, row in pairs if isinstance(row.baseline, Baseline)]
        right.plot([n for n, _ in pairs], theirs, "s:", color=colour, label=f"{kept}, by one")
    left.set_xscale("log")
    right.set_xscale("log")
    _dress(left, x="running nodes", y="seconds to plan")
    _dress(right, x="running nodes", y="evictions per USD/h saved")
    return figure


PLOTS: dict[str, Callable[[dict[str, Row]], Figure | None]] = {
    "trace": _trace,
    "cost": _cost,
    "speed": _speed,
    "growth": _growth,
    "consolidation": _consolidation,
}


def _series(name: str) -> dict[str, Any]:
    path = PARTS / f"{name}.json"
    series: dict[str, Any] = orjson.loads(path.read_bytes())["series"] if path.exists() else {}
    return series


def _dress(axes: Axes, *, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(visible=True, alpha=0.3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8)


if __name__ == "__main__":
    main()
