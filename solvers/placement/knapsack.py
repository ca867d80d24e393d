"""The pricing problem: the most valuable set of pods that one node holds.

A bounded knapsack over several resources, solved by depth-first branch and bound under one surrogate constraint: the
resources are weighted into a single one, whose fractional optimum bounds every completion from above. The weights are
tuned at the root, where they matter most. When the search is cut short it still returns a proven upper bound.
Surrogate duality: F. Glover, "Surrogate constraints", Operations Research 16 (1968).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

TUNING_STEPS = 12
"""Rounds of tuning the surrogate weights; more of them tighten the root bound by less than 0.1 %."""

EPSILON = 1e-9

MAX_EXCHANGES = 30
"""Exchanges per start of the pricing heuristic; it converges in fewer than ten."""


MANY_PODS = 40
NODES_FOR_MANY = 200
"""Where so many pods share a node, the fractional bound is nearly exact and a long search gains nothing."""


@njit(cache=True)
def surrogate_weights(
    value: NDArray[np.float64], share: NDArray[np.float64], limit: NDArray[np.int64], trail: NDArray[np.float64]
) -> tuple[float, int, int]:
    """Tune the weights of the resources (sum 1) for the smallest upper bound.

    ``share[i, r]`` is the part of resource ``r`` that one pod of class ``i`` takes (1 fills the node). ``trail``
    (TUNING_STEPS, resources) receives the weights tried. Returns the best bound, its step, and the steps taken.
    """
    classes, resources = share.shape
    trial = np.full(resources, 1.0 / resources)
    best = np.inf
    at = 0
    load = np.empty(resources)
    density = np.empty(classes)
    for step in range(TUNING_STEPS):
        trail[step] = trial
        for i in range(classes):
            weight = 0.0
            for r in range(resources):
                weight += trial[r] * share[i, r]
            density[i] = value[i] / max(weight, 1e-12)
        order = np.argsort(-density)
        load[:] = 0.0
        room = 1.0
        bound = 0.0
        for i in order:
            weight = value[i] / density[i]
            take = float(limit[i])
            if take * weight > room:
                take = room / weight
            room -= take * weight
            bound += take * value[i]
            for r in range(resources):
                load[r] += take * share[i, r]
            if room <= 1e-12:
                break
        if bound < best:
            best = bound
            at = step
        if room > 1e-12:
            return best, at, step + 1
        pace = 1.0 / (1.0 + 0.5 * step)
        norm = 0.0
        for r in range(resources):
            trial[r] = max(trial[r], 1e-4) * np.exp(pace * (load[r] - 1.0))
            norm += trial[r]
        trial /= norm
    return best, at, TUNING_STEPS


@njit(cache=True)
def _bound(
    first: int,
    left: NDArray[np.int64],
    capacity: NDArray[np.int64],
    goal: float,
    value: NDArray[np.float64],
    limit: NDArray[np.int64],
    mix: NDArray[np.float64],
    weight: NDArray[np.float64],
    ranked: NDArray[np.int64],
) -> float:
    """Smallest of the surrogate bounds on classes ``first`` and after; stops at the first one not above ``goal``.

    ``mix`` (surrogates, resources) weighs the resources, ``weight`` (surrogates, classes) is what a pod takes of each
    surrogate, ``ranked`` (surrogates, classes) orders the classes by falling value per weight.
    """
    best = np.inf
    for q in range(mix.shape[0]):
        room = 1e-9
        for r in range(left.size):
            if capacity[r] > 0:
                room += mix[q, r] * left[r] / capacity[r]
        bound = 0.0
        for i in ranked[q]:
            if i < first:
                continue
            full = limit[i] * weight[q, i]
            if full >= room:
                bound += room / weight[q, i] * value[i] if weight[q, i] > 0.0 else limit[i] * value[i]
                break
            bound += limit[i] * value[i]
            room -= full
            if bound >= best:
                break
        best = min(best, bound)
        if best <= goal:
            break
    return best


@njit(cache=True)
def _climb(
    ranked: NDArray[np.int64],
    value: NDArray[np.float64],
    limit: NDArray[np.int64],
    size: NDArray[np.int64],
    capacity: NDArray[np.int64],
    taken: NDArray[np.int64],
) -> float:
    """Fill the node in the given order of classes, then exchange one pod for one while it pays; returns the worth."""
    left = capacity.copy()
    taken[:] = 0
    worth = fill(ranked, value, limit, size, left, taken)
    for _ in range(MAX_EXCHANGES):
        gain = EPSILON
        leaver = -1
        comer = -1
        for i in ranked:
            if taken[i] == 0:
                continue
            for j in ranked:
                if value[j] - value[i] <= gain or taken[j] >= limit[j]:
                    continue
                fits = True
                for r in range(left.size):
                    if size[j, r] > left[r] + size[i, r]:
                        fits = False
                        break
                if fits:
                    gain = value[j] - value[i]
                    leaver = i
                    comer = j
        if leaver < 0:
            break
        taken[leaver] -= 1
        taken[comer] += 1
        left += size[leaver] - size[comer]
        worth += gain
        worth += fill(ranked, value, limit, size, left, taken)
    return worth


@njit(cache=True)
def fill(
    ranked: NDArray[np.int64],
    value: NDArray[np.float64],
    limit: NDArray[np.int64],
    size: NDArray[np.int64],
    left: NDArray[np.int64],
    taken: NDArray[np.int64],
) -> float:
    """Add pods in the given order of classes while they fit; returns what they are worth."""
    worth = 0.0
    for i in ranked:
        fits = limit[i] - taken[i]
        for r in range(left.size):
            if fits > 0 and size[i, r] > 0:
                fits = min(fits, left[r] // size[i, r])
        if fits > 0:
            taken[i] += fits
            worth += fits * value[i]
            for r in range(left.size):
                left[r] -= fits * size[i, r]
    return worth


@njit(cache=True)
def _forced(
    k: int, pods: int, value: NDArray[np.float64], limit: NDArray[np.int64], weight: NDArray[np.float64]
) -> float:
    """Fractional optimum of the surrogate when ``pods`` pods of class ``k`` must be taken (falling density)."""
    room = 1.0 + 1e-9 - pods * weight[k]
    if room < 0.0:
        return -np.inf
    worth = pods * value[k]
    for i in range(value.size):
        if i == k:
            continue
        full = limit[i] * weight[i]
        if full >= room:
            return worth + room / weight[i] * value[i]
        worth += limit[i] * value[i]
        room -= full
    return worth


@njit(cache=True)
def _most_worthwhile(
    k: int, peak: int, goal: float, value: NDArray[np.float64], limit: NDArray[np.int64], weight: NDArray[np.float64]
) -> int:
    """Most pods of class ``k`` in any pattern that may be worth more than ``goal``.

    The fractional optimum is concave in the pods forced and highest next to ``peak``.
    """
    low = min(peak + 1, limit[k])
    if _forced(k, low, value, limit, weight) <= goal:
        low = peak
        if _forced(k, low, value, limit, weight) <= goal:
            return 0
    high = limit[k]
    while low < high:
        middle = (low + high + 1) // 2
        if _forced(k, middle, value, limit, weight) <= goal:
            high = middle - 1
        else:
            low = middle
    return low


@njit(cache=True)
def best_pattern(
    value: NDArray[np.float64],
    size: NDArray[np.int64],
    capacity: NDArray[np.int64],
    limit: NDArray[np.int64],
    floor: float,
    slack: float,
    node_limit: int,
    pattern: NDArray[np.int64],
) -> tuple[float, float, int]:
    """Find the most valuable pattern worth more than ``floor``.

    Parameters
    ----------
    value
        Value of one pod of each class, (classes,); only positive ones are used.
    size
        What one pod takes, (classes, resources).
    capacity
        Of the node, (resources,).
    limit
        Most pods of each class on one node, (classes,).
    floor
        Patterns worth no more are of no interest; lets the search stop early.
    slack
        Branches that could improve by no more are cut: the proof is as much weaker and much faster.
    node_limit
        Search nodes to visit before giving up the proof.
    pattern
        Out: pods by class of the best pattern, zeros when none beats ``floor``.

    Returns
    -------
    value of the pattern (``floor`` when none), proven upper bound on any pattern (at least ``floor``), nodes visited.
    """
    classes, resources = size.shape
    pattern[:] = 0
    count = 0
    index = np.empty(classes, np.int64)
    most = np.empty(classes, np.int64)
    for i in range(classes):
        if value[i] <= EPSILON or limit[i] <= 0:
            continue
        fits = limit[i]
        for r in range(resources):
            if size[i, r] > 0:
                fits = min(fits, capacity[r] // size[i, r])
        if fits > 0:
            index[count] = i
            most[count] = fits
            count += 1
    if count == 0:
        return floor, floor, 0

    share = np.empty((count, resources))
    worth = np.empty(count)
    for k in range(count):
        worth[k] = value[index[k]]
        for r in range(resources):
            share[k, r] = size[index[k], r] / capacity[r] if capacity[r] > 0 else 0.0
    trail = np.empty((TUNING_STEPS, resources))
    root, at, steps = surrogate_weights(worth, share, most[:count], trail)
    weights = trail[at]
    if root <= floor + slack:
        return floor, root, 0

    mix = np.zeros((resources + 1, resources))
    mix[0] = weights
    for r in range(resources):
        mix[r + 1, r] = 1.0
    main = np.full(count, 1e-12)
    for k in range(count):
        for r in range(resources):
            main[k] += weights[r] * share[k, r]
    order = np.argsort(-(worth / main))
    v = worth[order]
    u = most[:count][order]
    s = np.empty((count, resources), np.int64)
    for k in range(count):
        s[k] = size[index[order[k]]]
    w = np.full((resources + 1, count), 1e-12)
    ranked = np.empty((resources + 1, count), np.int64)
    for q in range(resources + 1):
        for k in range(count):
            for r in range(resources):
                w[q, k] += mix[q, r] * share[order[k], r]
        ranked[q] = np.argsort(-(v / w[q]))

    taken = np.zeros(count, np.int64)
    best = floor
    for q in range(steps + resources):
        if q < steps:
            density = np.zeros(count)
            for k in range(count):
                for r in range(resources):
                    density[k] += trail[q, r] * share[order[k], r]
            start = np.argsort(-(v / np.maximum(density, 1e-12)))
        else:
            start = ranked[q - steps + 1]
        worth_now = _climb(start, v, u, s, capacity, taken)
        if worth_now > best + EPSILON:
            best = worth_now
            _unpack(taken, order, index, pattern)
        if taken.sum() > MANY_PODS:
            node_limit = min(node_limit, NODES_FOR_MANY)
            if q > 1:
                break
    room = 1.0
    for k in range(count):
        peak = min(u[k], int(room / w[0, k]))
        room = max(0.0, room - u[k] * w[0, k])
        u[k] = _most_worthwhile(k, peak, best + slack, v, u, w[0])
    kept = np.flatnonzero(u)
    if kept.size == 0:
        return best, min(root, best + slack), 0
    count = kept.size
    order = order[kept]
    v = v[kept]
    u = u[kept]
    s = s[kept]
    w = w[:, kept].copy()
    ranked = np.empty((resources + 1, count), np.int64)
    for q in range(resources + 1):
        ranked[q] = np.argsort(-(v / w[q]))

    taken = np.zeros(count, np.int64)
    best_taken = np.zeros(count, np.int64)
    better = False
    left = capacity.copy()
    worth_now = 0.0
    visited = 0
    level = 0
    descending = True
    while True:
        if descending:
            if level == count:
                if worth_now > best + EPSILON:
                    best = worth_now
                    best_taken[:] = taken
                    better = True
                descending = False
                level -= 1
                continue
            visited += 1
            if visited > node_limit:
                bound = max(best, worth_now + _bound(level, left, capacity, 0.0, v, u, mix, w, ranked))
                for k in range(level - 1, -1, -1):
                    if taken[k] > 0:
                        worth_now -= v[k]
                        left += s[k]
                        bound = max(bound, worth_now + _bound(k + 1, left, capacity, 0.0, v, u, mix[:1], w, ranked))
                        worth_now -= (taken[k] - 1) * v[k]
                        left += (taken[k] - 1) * s[k]
                if better:
                    _unpack(best_taken, order, index, pattern)
                return best, min(bound, root), visited
            goal = best + slack - worth_now
            if _bound(level, left, capacity, goal, v, u, mix, w, ranked) <= goal:
                descending = False
                level -= 1
                continue
            fits = u[level]
            for r in range(resources):
                if s[level, r] > 0:
                    fits = min(fits, left[r] // s[level, r])
            taken[level] = fits
            if fits > 0:
                worth_now += fits * v[level]
                for r in range(resources):
                    left[r] -= fits * s[level, r]
            level += 1
            continue
        while level >= 0 and taken[level] == 0:
            level -= 1
        if level < 0:
            break
        taken[level] -= 1
        worth_now -= v[level]
        for r in range(resources):
            left[r] += s[level, r]
        goal = best + slack - worth_now
        if _bound(level + 1, left, capacity, goal, v, u, mix[:1], w, ranked) <= goal:
            worth_now -= taken[level] * v[level]
            for r in range(resources):
                left[r] += taken[level] * s[level, r]
            taken[level] = 0
            level -= 1
            continue
        level += 1
        descending = True
    if better:
        _unpack(best_taken, order, index, pattern)
    return best, min(root, best + slack), visited


@njit(cache=True)
def _unpack(
    taken: NDArray[np.int64], order: NDArray[np.int64], index: NDArray[np.int64], pattern: NDArray[np.int64]
) -> None:
    pattern[:] = 0
    for k in range(taken.size):
        pattern[index[order[k]]] = taken[k]


@njit(cache=True)
def _emit(
    kind: int, pattern: NDArray[np.int64], found: int, out_kind: NDArray[np.int64], out_pattern: NDArray[np.int64]
) -> int:
    if found >= out_kind.size:
        return found
    out_kind[found] = kind
    out_pattern[found] = pattern
    return found + 1


@njit(cache=True)
def swaps(
    kind: int,
    duals: NDArray[np.float64],
    size: NDArray[np.int64],
    capacity: NDArray[np.int64],
    cost: float,
    limit: NDArray[np.int64],
    pattern: NDArray[np.int64],
    most: int,
    found: int,
    out_kind: NDArray[np.int64],
    out_pattern: NDArray[np.int64],
) -> int:
    """The ``most`` best neighbours of a pattern, one pod exchanged, that are still worth more than they cost.

    They are what the next rounds would find one at a time: near ties of the best pattern.
    """
    classes, resources = size.shape
    if most == 0:
        return found
    left = capacity.copy()
    worth = 0.0
    for i in range(classes):
        worth += pattern[i] * duals[i]
        for r in range(resources):
            left[r] -= pattern[i] * size[i, r]
    gains = np.full(most, -np.inf)
    outs = np.zeros(most, np.int64)
    ins = np.zeros(most, np.int64)
    for i in range(classes):
        if pattern[i] == 0:
            continue
        for j in range(classes):
            gain = duals[j] - duals[i]
            if j == i or pattern[j] >= limit[j] or gain <= gains[most - 1] or worth + gain <= cost * (1.0 + 1e-7):
                continue
            fits = True
            for r in range(resources):
                if size[j, r] > left[r] + size[i, r]:
                    fits = False
                    break
            if not fits:
                continue
            at = most - 1
            while at > 0 and gains[at - 1] < gain:
                gains[at] = gains[at - 1]
                outs[at] = outs[at - 1]
                ins[at] = ins[at - 1]
                at -= 1
            gains[at] = gain
            outs[at] = i
            ins[at] = j
    neighbour = pattern.copy()
    for n in range(most):
        if gains[n] == -np.inf:
            break
        neighbour[outs[n]] -= 1
        neighbour[ins[n]] += 1
        found = _emit(kind, neighbour, found, out_kind, out_pattern)
        neighbour[outs[n]] += 1
        neighbour[ins[n]] -= 1
    return found


@njit(cache=True, nogil=True)
def price_all(
    duals: NDArray[np.float64],
    size: NDArray[np.int64],
    capacity: NDArray[np.int64],
    cost: NDArray[np.float64],
    limit: NDArray[np.int64],
    allowed: NDArray[np.uint8],
    kinds: NDArray[np.int64],
    slack: float,
    node_limit: int,
    extra: int,
    out_kind: NDArray[np.int64],
    out_pattern: NDArray[np.int64],
    values: NDArray[np.float64],
    bounds: NDArray[np.float64],
) -> int:
    """Patterns worth more than they cost, for each of ``kinds``, and a proven upper bound on each kind's best.

    ``capacity`` (kinds, resources), ``cost`` (kinds,), ``limit`` (classes,), ``allowed`` (kinds, classes); ``slack`` is
    relative to cost. For each kind with an improving pattern up to ``extra`` neighbours of it come too. Fills
    ``out_kind``, ``out_pattern``, ``values`` and ``bounds`` (kinds,); returns the number of patterns.
    """
    classes = allowed.shape[1]
    mine = np.empty(classes, np.int64)
    pattern = np.empty(classes, np.int64)
    found = 0
    for k in kinds:
        for i in range(classes):
            mine[i] = limit[i] if allowed[k, i] else 0
        values[k], bounds[k], _ = best_pattern(
            duals, size, capacity[k], mine, cost[k] * (1.0 + 1e-7), slack * cost[k], node_limit, pattern
        )
        worth = 0.0
        for i in range(classes):
            worth += duals[i] * pattern[i]
        if worth <= cost[k] * (1.0 + 1e-7):
            continue
        found = _emit(k, pattern, found, out_kind, out_pattern)
        found = swaps(k, duals, size, capacity[k], cost[k], mine, pattern, extra, found, out_kind, out_pattern)
    return found
