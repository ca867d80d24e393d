"""How often Spot pools fail together in the SkyPilot Spot traces: what `domain.co_interruption` assumes.

python examples/simulations/co_interruption.py DIR

``DIR`` is the folder that holds ``skypilot_spot_traces``.
"""

# %% Recordings: whether each pool was up at each tick
import sys
from collections import defaultdict
from itertools import permutations
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from adapters.traces.skypilot import Series, read_recordings

TOGETHER_S = 900.0
recordings = read_recordings(Path(sys.argv[1]) / "skypilot_spot_traces" / "availability")


# %% Given that one pool fails: does another, that was up, fail within 15 minutes before or after it?
def falls(up: NDArray[np.bool_], width: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """For each pool and tick: whether it was up before the window around the tick, and falls within it."""
    drop = np.zeros_like(up)
    drop[:, 1:] = up[:, :-1] & ~up[:, 1:]
    so_far = np.cumsum(drop, axis=1)
    ticks = np.arange(up.shape[1])
    before, after = np.maximum(ticks - width - 1, 0), np.minimum(ticks + width, up.shape[1] - 1)
    was_up = up[:, before]
    return was_up, was_up & (so_far[:, after] > so_far[:, before])


def relation(one: Series, other: Series) -> str:
    """What two pools have in common."""
    if one.region != other.region:
        return "another region"
    if one.zone == other.zone:
        return "another type of its zone"
    return "its type in another zone" if one.instance_type == other.instance_type else "another type and zone"


# %% By what pools have in common: how often, how often by chance, and what is beyond that
for recording in recordings:
    up, width = recording.up, max(1, round(TOGETHER_S / recording.tick_s))
    was_up, fell = falls(up, width)
    failures = [np.flatnonzero(row[:-1] & ~row[1:]) + 1 for row in up]
    counts: dict[str, NDArray[np.float64]] = defaultdict(lambda: np.zeros(3))
    for one, other in permutations(range(len(up)), 2):
        seen = was_up[other, failures[one]].sum()
        by_chance = fell[other].sum() / max(1, was_up[other].sum())
        together = fell[other, failures[one]].sum()
        counts[relation(recording.series[one], recording.series[other])] += (together, seen * by_chance, seen)
    for what, (together, chance, seen) in sorted(counts.items()):
        beyond = (together - chance) / (seen - chance)
        counted = f"{together:.0f} of {seen:.0f}, {chance:.0f} by chance"
        click.echo(f"{recording.name:40} {what:25} {counted:30} {beyond:.3f} beyond")
