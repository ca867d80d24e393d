"""Deals the nodes of a new fleet out to zones so that pods bound by zone spread come out even.

Patterns know no zones. Where a rule wants equal numbers per zone, filling zones as they come leaves pods over that then
need nodes of their own. Simulated annealing on the excess over even shares deals the nodes out at once; single moves
cost so little that it beats an integer program here.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.market import Zone
from solvers.placement.encode import Encoded, Rules
from solvers.placement.packing import UNLIMITED, Flags, Floats, Ints
from solvers.placement.rounding import Fleet
from solvers.placement.view import View

MAX_NODES = 3_000
"""Larger fleets even out by themselves: each class has many nodes to be dealt out."""

TRIES_PER_NODE = 6_000
"""Moves tried per node; 100 nodes settle within a tenth of a second."""

MAX_TRIES = 1_500_000
HOT, COLD = 1.0, 0.05
"""First and last temperature, in pods of excess."""

PRICE_TIE = 1e-9


def dealt(encoded: Encoded, rules: Rules, view: View, fleet: Fleet, *, seed: int) -> list[Zone | None]:
    """A zone for each node of the fleet; ``None`` where nothing speaks for one."""
    free: list[Zone | None] = [None] * len(fleet.kind)
    spread = _spread_classes(rules, view)
    choices = [_zones(encoded, view, kind) for kind in fleet.kind]
    every = sorted({zone for choice in choices for zone in choice})
    if not spread.size or len(every) < 2 or not 0 < len(fleet.kind) <= MAX_NODES:
        return free
    may = np.array([[zone in choice for zone in every] for choice in choices], np.uint8)
    pods = np.array(fleet.pods)[:, spread]
    bound = np.flatnonzero(pods.any(axis=1) & may.any(axis=1))
    if not bound.size:
        return free
    total = pods[bound].sum(axis=0)
    share, goal = total // len(every), int((total % len(every)).sum())
    tries = min(MAX_TRIES, TRIES_PER_NODE * len(bound))
    for n, z in zip(bound, _anneal(pods[bound], may[bound], share, goal, np.random.default_rng(seed).random(tries)),
                    strict=True):  # fmt: skip
        free[n] = every[z]
    return free


@njit(cache=True)
def _excess(held: int, share: int) -> int:
    """What a zone holds above the even share: one more is needed where the pods do not divide, two more never."""
    return max(0, held - share) + max(0, held - share - 1)


@njit(cache=True)
def _anneal(pods: Ints, may: Flags, share: Ints, goal: int, chance: Floats) -> NDArray[np.int64]:
    """Zone of each node such that no zone exceeds the even ``share`` (P,) of a class by more than it must.

    ``may`` (N, Z); ``goal`` is the excess that remains when all is even, ``chance`` a random number per move tried.
    """
    tries = chance.size
    nodes, classes = pods.shape
    zones = may.shape[1]
    held = np.zeros((zones, classes), np.int64)
    zone = np.empty(nodes, np.int64)
    for n in range(nodes):
        z = n % zones
        while not may[n, z]:
            z = (z + 1) % zones
        zone[n] = z
        held[z] += pods[n]
    best = zone.copy()
    excess = 0
    for z in range(zones):
        for p in range(classes):
            excess += _excess(held[z, p], share[p])
    least = excess
    for step in range(tries):
        if least <= goal:
            break
        mixed = int(chance[step] * 1e9)
        n = mixed % nodes
        z = (mixed // nodes) % zones
        old = zone[n]
        if z == old or not may[n, z]:
            continue
        change = 0
        for p in range(classes):
            k = pods[n, p]
            if k > 0:
                change += _excess(held[z, p] + k, share[p]) - _excess(held[z, p], share[p])
                change += _excess(held[old, p] - k, share[p]) - _excess(held[old, p], share[p])
        heat = HOT * (COLD / HOT) ** (step / tries)
        if change > 0 and np.exp(-change / heat) < (mixed // (nodes * zones)) % 1000 / 1000.0:
            continue
        held[old] -= pods[n]
        held[z] += pods[n]
        zone[n] = z
        excess += change
        if excess < least:
            least = excess
            best[:] = zone
    return best


def _spread_classes(rules: Rules, view: View) -> Ints:
    """Packing classes with pods that some rule spreads over zones or the like."""
    zonal = (rules.spread > 0) & (rules.by_node == 0)
    bound = [
        p for p in range(view.packing.classes)
        for c in view.member[view.member_at[p] : view.member_at[p + 1]]
        if zonal[rules.raise_counter[rules.raise_at[c] : rules.raise_at[c + 1]]].any()
    ]  # fmt: skip
    return np.unique(np.array(bound, np.int64))


def _zones(encoded: Encoded, view: View, kind: int) -> list[Zone]:
    """Zones in which a kind can be launched at its best price; none for a kind that only runs already."""
    if view.packing.supply[kind] != UNLIMITED:
        return []
    sites = view.sites_of_kind[kind]
    cost = encoded.objective[sites]
    return sorted({encoded.launchables[s].offering.zone for s in sites[cost <= cost[0] * (1.0 + PRICE_TIE)]})
