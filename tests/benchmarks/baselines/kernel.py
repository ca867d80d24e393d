"""First-fit decreasing with a late choice of type, compiled.

The order and the rules are those of Karpenter's provisioning scheduler (kubernetes-sigs/karpenter, read mid 2026):

- pods by CPU, then memory, descending; each goes to the first running node that takes it, else to the first node in the
  making, fewest pods first, that still has an instance type and a zone for it, else to a new one;
- a pod that fits nowhere goes back into the queue as long as others make progress;
- spread over zones takes the least used zone and pins the node to it, and a zone counts once a node is pinned to it;
- spread over hosts counts from zero, as a new host is always possible.

Indices: c class, t type, z zone, g rule, n node (the running ones first, then the new ones in order of creation).
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tests.benchmarks.baselines.encode import Bools, Ints

Counts = NDArray[np.int32]
_F = TypeVar("_F", bound=Callable[..., Any])

SPREAD, AFFINITY, ANTI_AFFINITY = 0, 1, 2
"""`Kind` as the plain numbers that compiled code compares."""

UNPLACED = -1

MANY = 1 << 40
"""No limit on the pods that a host may count."""


class Problem(NamedTuple):
    """What stays as it is. ``takes[scheme, n]`` is about running nodes.

    ``bound`` and ``counted`` are lists of rules by class: from ``start[c]`` to ``start[c + 1]``.
    """

    shape_of_class: Ints
    scheme_of_class: Ints
    requests: Ints
    allocatable: Ints
    admitted: Bools
    zone_open: Bools
    kind: Ints
    on_host: Bools
    max_skew: Ints
    bound_start: Ints
    bound: Ints
    counted_start: Ints
    counted: Ints
    counts_itself: Bools
    zone_of_running: Ints
    takes: Bools


class State(NamedTuple):
    """What packing changes. ``order`` lists the new nodes, fewest pods first; ``size[0]`` is how many there are."""

    free: Ints
    active: Bools
    used: Ints
    alive: Bools
    zones: Bools
    roof: Ints
    pods: Ints
    order: Ints
    size: Ints
    host_counts: Counts
    zone_counts: Counts
    hopeless: Bools


def compiled(function: _F) -> _F:
    """Numba's ``njit`` with a cache, for mypy a function like any other."""
    return cast(_F, njit(cache=True)(function))


@compiled
def pack(problem: Problem, state: State, queue: Ints, most_new: int) -> Ints:
    """Place a queue of classes; returns a node or `UNPLACED` for each. Stops early when more new nodes are needed."""
    place = np.full(queue.size, UNPLACED, np.int64)
    waiting = np.arange(queue.size)
    while waiting.size:
        kept = 0
        for i in range(waiting.size):
            node = _place(problem, state, queue[waiting[i]], most_new)
            place[waiting[i]] = node
            if node == UNPLACED:
                waiting[kept] = waiting[i]
                kept += 1
        if kept == waiting.size:
            break
        waiting = waiting[:kept].copy()
    return place


@compiled
def _place(problem: Problem, state: State, c: int, most_new: int) -> int:
    rules, least, most = _host_limits(problem, state, c)
    running, shape = state.free.shape[0], problem.shape_of_class[c]
    need, free, takes = problem.requests[shape], state.free, problem.takes[problem.scheme_of_class[c]]
    active, host_counts = state.active, state.host_counts
    # What rules out most nodes is looked at in these loops: a call with all the arrays costs more than these looks.
    for n in range(running):
        ruled_out = not active[n] or not takes[n] or not _fits(need, free[n])
        if ruled_out or not _within(rules, least, most, host_counts, n):
            continue
        if _zone_of_running_allows(problem, state, c, n):
            _shift(problem, state, c, n, 1)
            return n
    mask = np.empty(state.zones.shape[1], np.bool_)
    hopeless, order = state.hopeless[shape], state.order
    for position in range(state.size[0]):
        i = order[position]
        if hopeless[i] or not _within(rules, least, most, host_counts, running + i):
            continue
        if _new_takes(problem, state, c, i, mask):
            _add(problem, state, c, i, mask)
            _move_back(state, position)
            return int(running + i)
    return _open(problem, state, c, most_new, mask) if not least.any() else UNPLACED


@compiled
def _within(rules: Ints, least: Ints, most: Ints, host_counts: Counts, n: int) -> bool:
    for k in range(rules.size):
        here = host_counts[rules[k], n]
        if here < least[k] or here > most[k]:
            return False
    return True


@compiled
def _host_limits(problem: Problem, state: State, c: int) -> tuple[Ints, Ints, Ints]:
    """Rules of a class over hosts, with the least and the most pods that a host may count before taking one more."""
    size = problem.bound_start[c + 1] - problem.bound_start[c]
    rules, least, most = np.empty(size, np.int64), np.zeros(size, np.int64), np.full(size, MANY, np.int64)
    found = 0
    for k in range(problem.bound_start[c], problem.bound_start[c + 1]):
        g = problem.bound[k]
        if problem.on_host[g]:
            itself = 1 if problem.counts_itself[g, c] else 0
            if problem.kind[g] == ANTI_AFFINITY:
                most[found] = 0
            elif problem.kind[g] == SPREAD:
                most[found] = problem.max_skew[g] - itself
            elif itself == 0 or state.host_counts[g].sum() > 0:
                least[found] = 1
            rules[found] = g
            found += 1
    return rules[:found], least[:found], most[:found]


@compiled
def _open(problem: Problem, state: State, c: int, most_new: int, mask: Bools) -> int:
    i = state.size[0]
    if i >= most_new:
        return UNPLACED
    state.alive[i] = True
    state.zones[i] = True
    state.used[i] = 0
    state.pods[i] = 0
    for r in range(state.roof.shape[1]):
        state.roof[i, r] = problem.allocatable[:, r].max()
    if not _new_takes(problem, state, c, i, mask):
        return UNPLACED
    state.size[0] = i + 1
    state.order[i] = i
    _add(problem, state, c, i, mask)
    position = i
    while position > 0 and state.pods[state.order[position - 1]] > state.pods[i]:
        state.order[position] = state.order[position - 1]
        position -= 1
    state.order[position] = i
    return int(state.free.shape[0] + i)


@compiled
def _move_back(state: State, position: int) -> None:
    i = state.order[position]
    while position + 1 < state.size[0] and state.pods[state.order[position + 1]] < state.pods[i]:
        state.order[position] = state.order[position + 1]
        position += 1
    state.order[position] = i


@compiled
def _new_takes(problem: Problem, state: State, c: int, i: int, mask: Bools) -> bool:
    """Whether new node ``i`` still has a type and a zone for the class; leaves its zones in ``mask``."""
    shape = problem.shape_of_class[c]
    if state.hopeless[shape, i]:
        return False
    need = problem.requests[shape]
    if not _fits_beside(need, state.used[i], state.roof[i]):
        state.hopeless[shape, i] = True
        return False
    if not _zones_left(problem, state, c, i, mask):
        return False
    some_type_is_large_enough = False
    for t in range(problem.allocatable.shape[0]):
        if state.alive[i, t] and _fits_beside(need, state.used[i], problem.allocatable[t]):
            some_type_is_large_enough = True
            if _sold(problem, c, t, mask):
                return True
    # Nodes only fill up and types only drop out, so this holds for the rest of the run.
    state.hopeless[shape, i] = not some_type_is_large_enough
    return False


@compiled
def _zones_left(problem: Problem, state: State, c: int, i: int, mask: Bools) -> bool:
    scheme = problem.scheme_of_class[c]
    for z in range(mask.size):
        mask[z] = state.zones[i, z] and problem.zone_open[scheme, z]
    for k in range(problem.bound_start[c], problem.bound_start[c + 1]):
        g = problem.bound[k]
        if not problem.on_host[g]:
            _narrow(problem, state, g, c, mask)
    return bool(mask.any())


@compiled
def _narrow(problem: Problem, state: State, g: int, c: int, mask: Bools) -> None:
    for z in range(mask.size):
        mask[z] = mask[z] and _zone_allows(problem, state, g, c, z)
    nothing_counted_yet = problem.kind[g] == AFFINITY and state.zone_counts[g].sum() == 0
    if problem.kind[g] == SPREAD or nothing_counted_yet:
        best = -1
        for z in range(mask.size):
            if mask[z] and (best < 0 or state.zone_counts[g, z] < state.zone_counts[g, best]):
                best = z
        mask[:] = False
        if best >= 0:
            mask[best] = True


@compiled
def _zone_allows(problem: Problem, state: State, g: int, c: int, z: int) -> bool:
    counts = state.zone_counts[g]
    if problem.kind[g] == ANTI_AFFINITY:
        return bool(counts[z] == 0)
    if problem.kind[g] == AFFINITY:
        return bool(counts[z] > 0 or (problem.counts_itself[g, c] and counts.sum() == 0))
    zone_open = problem.zone_open[problem.scheme_of_class[c]]
    least = -1
    for other in range(counts.size):
        if zone_open[other] and (least < 0 or counts[other] < least):
            least = counts[other]
    return bool(counts[z] + problem.counts_itself[g, c] - least <= problem.max_skew[g])


@compiled
def _zone_of_running_allows(problem: Problem, state: State, c: int, n: int) -> bool:
    for k in range(problem.bound_start[c], problem.bound_start[c + 1]):
        g = problem.bound[k]
        if not problem.on_host[g] and not _zone_allows(problem, state, g, c, problem.zone_of_running[n]):
            return False
    return True


@compiled
def _add(problem: Problem, state: State, c: int, i: int, mask: Bools) -> None:
    state.used[i] += problem.requests[problem.shape_of_class[c]]
    state.zones[i] = mask
    state.pods[i] += 1
    state.roof[i] = 0
    for t in range(problem.allocatable.shape[0]):
        if state.alive[i, t]:
            stays = _fits(state.used[i], problem.allocatable[t]) and _sold(problem, c, t, mask)
            state.alive[i, t] = stays
            if stays:
                state.roof[i] = np.maximum(state.roof[i], problem.allocatable[t])
    pinned = mask.sum() == 1
    for k in range(problem.counted_start[c], problem.counted_start[c + 1]):
        g = problem.counted[k]
        if problem.on_host[g]:
            state.host_counts[g, state.free.shape[0] + i] += 1
        elif pinned or problem.kind[g] == ANTI_AFFINITY:
            for z in range(mask.size):
                state.zone_counts[g, z] += mask[z]


@compiled
def lift(problem: Problem, state: State, classes: Ints, nodes: Ints) -> None:
    """Take placed pods off running nodes."""
    for i in range(classes.size):
        _shift(problem, state, classes[i], nodes[i], -1)


@compiled
def settle(problem: Problem, state: State, classes: Ints, nodes: Ints) -> None:
    """Put pods on running nodes without asking whether they fit."""
    for i in range(classes.size):
        _shift(problem, state, classes[i], nodes[i], 1)


@compiled
def _shift(problem: Problem, state: State, c: int, n: int, sign: int) -> None:
    state.free[n] -= sign * problem.requests[problem.shape_of_class[c]]
    for k in range(problem.counted_start[c], problem.counted_start[c + 1]):
        g = problem.counted[k]
        if problem.on_host[g]:
            state.host_counts[g, n] += sign
        else:
            state.zone_counts[g, problem.zone_of_running[n]] += sign


@compiled
def _sold(problem: Problem, c: int, t: int, mask: Bools) -> bool:
    admitted = problem.admitted[problem.scheme_of_class[c], t]
    for z in range(mask.size):
        if mask[z] and admitted[z]:
            return True
    return False


@compiled
def _fits_beside(need: Ints, used: Ints, room: Ints) -> bool:
    for r in range(need.size):
        if used[r] + need[r] > room[r]:
            return False
    return True


@compiled
def _fits(need: Ints, room: Ints) -> bool:
    for r in range(need.size):
        if need[r] > room[r]:
            return False
    return True
