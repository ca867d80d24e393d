"""Every pattern worth nearly what its node costs: the columns that a better fleet can be made of.

A pattern whose value falls short of its node's price by more than a fleet exceeds the relaxation is in no better fleet
(reduced-cost fixing). Patterns are listed by depth-first search under one surrogate constraint (see ``knapsack``).
Those with room for one more pod are left out, since fleets may hold more slots than pods.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from solvers.placement.knapsack import TUNING_STEPS, surrogate_weights
from solvers.placement.packing import Floats, Ints, Packing

STEPS = 100_000
"""Search steps per kind before the list is given up, about 20 ms: what needs more has too many patterns to use."""

LEAST_VALUE = 1e-9
"""Value given to pods that are free, so that patterns are full of them."""


def near_best(packing: Packing, *, values: Floats, cost: Floats, slack: float, most: int) -> tuple[Ints, Ints] | None:
    """Kinds (n,) and patterns (n, classes) worth at least ``cost`` (kinds,) less ``slack`` at ``values`` (classes,).

    ``None`` when there are more than ``most``.
    """
    found_kinds: list[Ints] = []
    found_patterns: list[Ints] = []
    values = np.maximum(values, LEAST_VALUE)
    room = np.empty((most + 1, packing.classes), np.int64)
    for kind in range(packing.kinds):
        limit = np.where(packing.allowed[kind] > 0, np.minimum(packing.limit, packing.demand), 0)
        count, complete = _list_patterns(
            values, packing.size, packing.capacity[kind], limit, float(cost[kind]) - slack, STEPS, room
        )
        if not complete:
            return None
        most -= count
        if most < 0:
            return None
        found_kinds.append(np.full(count, kind, np.int64))
        found_patterns.append(room[:count].copy())
    return np.concatenate(found_kinds), np.concatenate(found_patterns)


@njit(cache=True)
def _list_patterns(
    value: NDArray[np.float64],
    size: NDArray[np.int64],
    capacity: NDArray[np.int64],
    limit: NDArray[np.int64],
    goal: float,
    steps: int,
    out: NDArray[np.int64],
) -> tuple[int, bool]:
    """Write full patterns worth at least ``goal`` to ``out`` (patterns, classes): how many, and whether that is all."""
    resources = size.shape[1]
    most, share = _room(size, capacity, limit)
    index = np.flatnonzero(most)
    count = index.size
    if count == 0:
        return 0, True
    trail = np.empty((TUNING_STEPS, resources))
    root, at, _ = surrogate_weights(value[index], share[index], most[index], trail)
    if root < goal:
        return 0, True
    weight = np.full(count, 1e-12)
    for k in range(count):
        for r in range(resources):
            weight[k] += trail[at, r] * share[index[k], r]
    order = np.argsort(-(value[index] / weight))
    index = index[order]
    v, w, u, s = value[index], weight[order], most[index], size[index]
    taken = np.zeros(count, np.int64)
    left = capacity.copy()
    spare, worth, found, level = 1.0 + 1e-9, 0.0, 0, 0
    for _ in range(steps):
        descend = level < count and worth + _rest(level, spare, v, w, u) >= goal
        if descend:
            taken[level] = u[level]
            for r in range(resources):
                if s[level, r] > 0:
                    taken[level] = min(taken[level], left[r] // s[level, r])
            worth += taken[level] * v[level]
            spare -= taken[level] * w[level]
            left -= taken[level] * s[level]
            level += 1
            continue
        if level == count and worth >= goal and _full(s, left, taken, u):
            if found == out.shape[0]:
                return found, False
            out[found] = 0
            for k in range(count):
                out[found, index[k]] = taken[k]
            found += 1
        level -= 1
        while level >= 0 and taken[level] == 0:
            level -= 1
        if level < 0:
            return found, True
        taken[level] -= 1
        worth -= v[level]
        spare += w[level]
        left += s[level]
        level += 1
    return found, False


@njit(cache=True)
def _room(
    size: NDArray[np.int64], capacity: NDArray[np.int64], limit: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Most pods of each class alone, and the share of each resource that one takes."""
    classes, resources = size.shape
    most = limit.copy()
    share = np.zeros((classes, resources))
    for i in range(classes):
        for r in range(resources):
            if size[i, r] > 0:
                most[i] = min(most[i], capacity[r] // size[i, r])
                share[i, r] = size[i, r] / max(1, capacity[r])
    return most, share


@njit(cache=True)
def _rest(
    first: int, spare: float, value: NDArray[np.float64], weight: NDArray[np.float64], limit: NDArray[np.int64]
) -> float:
    """Fractional optimum of classes ``first`` and after, sorted by falling density."""
    worth = 0.0
    for k in range(first, value.size):
        full = limit[k] * weight[k]
        if full >= spare:
            return worth + spare / weight[k] * value[k]
        worth += limit[k] * value[k]
        spare -= full
    return worth


@njit(cache=True)
def _full(size: NDArray[np.int64], left: NDArray[np.int64], taken: NDArray[np.int64], limit: NDArray[np.int64]) -> bool:
    """Whether no pod can be added."""
    for k in range(taken.size):
        if taken[k] < limit[k] and (size[k] <= left).all():
            return False
    return True
