"""Slots and pods: a node bought for one pattern may run smaller pods in the slots of larger ones.

The relaxation values a slot for a large class as one for any class it can stand in for (``packing.exchanges``), and its
best solutions lean on that. Rounding therefore buys patterns as slots, and a flow settles in the end who sits where.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ortools.graph.python import min_cost_flow

from solvers.placement.knapsack import fill
from solvers.placement.packing import UNLIMITED, Floats, Ints, Packing

Swaps = Sequence[tuple[int, int]]
"""Pairs (small, large) of classes."""


@dataclass(slots=True, kw_only=True)
class Fleet:
    """Whole nodes: ``kind[n]`` and ``pods[n]`` (classes,) of each."""

    kind: list[int]
    pods: list[Ints]

    def cost(self, price: Floats) -> float:
        """USD per hour."""
        return float(price[self.kind].sum()) if self.kind else 0.0


def settled(packing: Packing, *, kind: Ints, slots: Ints, demand: Ints, swaps: Swaps) -> Fleet:
    """A fleet that runs exactly ``demand`` on nodes of ``kind`` (nodes,) with ``slots`` (nodes, classes) bought.

    What the slots do not cover is added where room is left, and on new nodes of the best rate where none is.
    """
    pods = slots.copy()
    _swap(packing, pods, demand, swaps)
    _trim(pods, demand)
    left = demand - pods.sum(axis=0)
    ranked = np.argsort(-_bulk(packing), kind="stable")
    fleet = Fleet(kind=[], pods=[])
    for k, mine in zip(kind, pods, strict=True):
        placed = topped_up(packing, int(k), mine, left, ranked) if left.any() else mine
        left = left - (placed - mine)
        if placed.any():
            fleet.kind.append(int(k))
            fleet.pods.append(placed)
    _cover(packing, fleet, left, ranked)
    return retyped(packing, fleet)


def topped_up(packing: Packing, kind: int, pods: Ints, left: Ints, ranked: Ints) -> Ints:
    """A node's pods with what else fits of ``left``, classes in the order ``ranked``."""
    room = packing.capacity[kind] - pods @ packing.size
    most = np.where(packing.allowed[kind] > 0, np.minimum(left + pods, packing.limit), 0)
    result = pods.copy()
    fill(ranked, np.zeros(packing.classes), most, packing.size, room, result)
    return result


def retyped(packing: Packing, fleet: Fleet) -> Fleet:
    """The same pods on each node, each node of the cheapest launchable kind that holds them."""
    if not fleet.kind:
        return fleet
    unlimited = packing.supply == UNLIMITED
    best: dict[bytes, int] = {}
    kinds = list(fleet.kind)
    for n, pods in enumerate(fleet.pods):
        if not unlimited[kinds[n]]:
            continue
        key = pods.tobytes()
        if key not in best:
            room = unlimited & (packing.capacity >= pods @ packing.size).all(axis=1)
            room &= (packing.allowed[:, pods > 0] > 0).all(axis=1)
            best[key] = int(np.where(room, packing.price, np.inf).argmin())
        if packing.price[best[key]] < packing.price[kinds[n]]:
            kinds[n] = best[key]
    return Fleet(kind=kinds, pods=fleet.pods)


def _bulk(packing: Packing) -> Floats:
    """Largest part of a typical node that one pod of each class takes, (classes,)."""
    share: Floats = (packing.size / np.maximum(packing.capacity.max(axis=0, initial=1), 1)).max(axis=1, initial=0.0)
    return share


def _swap(packing: Packing, pods: Ints, demand: Ints, swaps: Swaps) -> None:
    """Give spare slots of large classes to small ones that lack slots, in place: as few swaps as possible."""
    if not swaps or not len(pods):
        return
    spare = pods.sum(axis=0)
    flow = min_cost_flow.SimpleMinCostFlow()
    source, sink, total = packing.classes, packing.classes + 1, int(demand.sum())
    arcs = [flow.add_arc_with_capacity_and_unit_cost(large, small, total, 1) for small, large in swaps]
    for i in range(packing.classes):
        flow.add_arc_with_capacity_and_unit_cost(source, i, int(spare[i]), 0)
        flow.add_arc_with_capacity_and_unit_cost(i, sink, int(demand[i]), 0)
    flow.set_node_supply(source, total)
    flow.set_node_supply(sink, -total)
    flow.solve_max_flow_with_min_cost()
    # A slot may change hands along a chain of swaps: larger classes give before they could receive.
    bulk = packing.size.sum(axis=1)
    for arc, (small, large) in sorted(zip(arcs, swaps, strict=True), key=lambda item: -bulk[item[1][1]]):
        wanted = flow.flow(arc)
        if wanted:
            change = _first(np.minimum(pods[:, large], packing.limit[small] - pods[:, small]), wanted)
            pods[:, large] -= change
            pods[:, small] += change


def _trim(pods: Ints, demand: Ints) -> None:
    """Take away what exceeds demand, from the last nodes first, in place."""
    for i in np.flatnonzero(pods.sum(axis=0) > demand):
        column = pods[::-1, i]
        column -= _first(column, int(column.sum() - demand[i]))


def _first(most: Ints, wanted: int) -> Ints:
    """Split ``wanted`` over the first entries, each up to its ``most``."""
    share: Ints = np.clip(wanted - (np.cumsum(most) - most), 0, most)
    return share


def _cover(packing: Packing, fleet: Fleet, left: Ints, ranked: Ints) -> None:
    """Open launchable nodes of the best rate for what is left, in place."""
    fits = np.where((packing.supply == UNLIMITED)[:, None], packing.fits(), 0)
    while left.any():
        first = int(ranked[left[ranked] > 0][0])
        useful = np.minimum(fits[:, first], left[first])
        kind = int(np.where(useful > 0, packing.price / np.maximum(useful, 1), np.inf).argmin())
        pods = np.zeros(packing.classes, np.int64)
        pods[first] = useful[kind]
        left = left - pods
        filled = topped_up(packing, kind, pods, left, ranked)
        left = left - (filled - pods)
        fleet.kind.append(kind)
        fleet.pods.append(filled)
