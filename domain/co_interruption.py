"""How Spot pools fail together: what planner and checker assume of capacity that AWS takes back.

A pool is taken as a whole, at the rate that its monthly interruption probability says. Some of its interruptions come
with a shock to its instance type, which takes most zones of the region within minutes; some with a shock to its zone,
which takes a few of the types there; the rest come to it alone. Each pool keeps its own rate, whatever the shocks.

Notes
-----
Measured on the SkyPilot Spot traces (2022-10, 2023-02 and 2023-08; GPU types) by
``examples/simulations/co_interruption.py``: within 15 minutes of a pool's failure, another zone of the same type and
region fails with a probability of 0.20 to 0.31 beyond chance, another type of the same zone with 0.06, another type of
another zone with 0.01. A shock's ``share`` times ``takes`` is that probability. For types it is the highest of the
three recordings, spread so that all zones of a type fall together as often as recorded; for zones, of which there is
one recording, twice what was measured. For CPU types nothing is published: they are taken to be no better.
"""

from dataclasses import dataclass

from domain.units import HOURS_PER_MONTH

WINDOW_H = 0.25
"""Losses within as long are losses at once: what the recordings can tell apart, and longer than any notice."""
WINDOWS_PER_MONTH = HOURS_PER_MONTH / WINDOW_H


@dataclass(frozen=True, slots=True, kw_only=True)
class Shock:
    """One kind of shock.

    Parameters
    ----------
    share
        Of a pool's interruptions (0..1), those that come with it.
    takes
        Probability (0..1) that it takes the pool of its group with the highest rate; others in proportion to theirs.
    """

    share: float
    takes: float


TYPE_SHOCK = Shock(share=0.4, takes=0.75)
"""To one instance type in all zones of a region."""
ZONE_SHOCK = Shock(share=0.4, takes=0.3)
"""To all instance types of one zone."""
ALONE_SHARE = 1 - TYPE_SHOCK.share - ZONE_SHOCK.share
"""Of a pool's interruptions (0..1), those that come to it alone."""
MOST_PROBABLE = 1 - 1e-12
"""A monthly probability beyond it would be an endless rate."""
