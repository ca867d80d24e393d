"""Packs recordings into the form that the demo carries: ``python -m demo.record FOLDER > demo/recorded.json``.

The folder is that of the data sets for tests and benchmarks (`CONTRIBUTING.md`). What is carried are times and ratios,
to show a market in motion; nothing is learnt from them, and no recording can be had back from them.
"""

import csv
import gzip
import json
import sys
from collections import defaultdict
from datetime import datetime
from itertools import groupby
from pathlib import Path

from adapters.traces.skypilot import read_recordings

LEAST_UP = 0.65
"""Of the time: pools that were down more would be no market to show."""

POINT_H = 12
"""Hours between two points of a price."""

SOURCES = {
    "availability": "SkyPilot spot traces (github.com/skypilot-org/spot-traces, commit 221da1a; Wu et al., NSDI 2024; "
    "published as open, no licence stated): AWS, 2022-10 and 2023-02, lengths of runs in minutes, up and down in turn",
    "prices": "DescribeSpotPriceHistory of g4ad types in eu-west-1, 2022-03 to 2022-06 (published with "
    "mpette200/msc-project-public, no licence stated): thousandths of each pool's mean, every 12 hours",
}


def availability(folder: Path) -> list[list[int]]:
    """Lengths of runs in minutes, up first, of every pool that was up most of the time."""
    recordings = read_recordings(folder / "skypilot_spot_traces" / "availability" / "1-node")
    found = []
    for recording in recordings:
        for up in recording.up:
            if up.mean() >= LEAST_UP:
                runs = [(bool(state), len(list(run))) for state, run in groupby(up)]
                runs = runs if runs[0][0] else runs[1:]
                found.append([round(ticks * recording.tick_s / 60) for _, ticks in runs])
    return found


def prices(folder: Path) -> list[list[int]]:
    """Each pool's price over time, in thousandths of its mean."""
    file = folder / "aws_spot_prices" / "eu-west-1_g4ad_linux_spot_history_2022-03_to_06.csv.gz"
    series: dict[tuple[str, str], list[tuple[datetime, float]]] = defaultdict(list)
    with gzip.open(file, "rt") as rows:
        for row in csv.DictReader(rows):
            at, price = datetime.fromisoformat(row["ts"]), float(row["spot_usd_per_h"])
            series[row["instance_type"], row["az"]].append((at, price))
    return [_resampled(sorted(points)) for _, points in sorted(series.items())]


def _resampled(points: list[tuple[datetime, float]]) -> list[int]:
    start, mean = points[0][0], sum(price for _, price in points) / len(points)
    by_time = {int((at - start).total_seconds() / 3600 / POINT_H): price for at, price in points}
    found: list[int] = []
    for place in range(max(by_time) + 1):
        found.append(round(1000 * by_time[place] / mean) if place in by_time else found[-1])
    return found


def main(folder: Path) -> None:
    """Write the packed form to standard output."""
    parts = {"availability": availability(folder), "prices": prices(folder)}
    lines = [f'"sources": {json.dumps(SOURCES)}', f'"hours_between_prices": {POINT_H}']
    for name, series in parts.items():
        rows = ",\n".join(json.dumps(one, separators=(",", ":")) for one in series)
        lines.append(f'"{name}": [\n{rows}\n]')
    sys.stdout.write("{" + ",\n".join(lines) + "}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
