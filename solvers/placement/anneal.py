"""Makes a fleet cheaper by exchanging pods between its nodes: simulated annealing.

Pods change places, one for another or one alone, and each node is of the cheapest kind that holds what it holds. A
million exchanges take a tenth of a second, which beats integer programs where thousands of patterns are nearly as good.
It refines: what nodes of which sizes there are is mostly kept, so it should start from patterns of the relaxation.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from solvers.placement.packing import UNLIMITED, Flags, Floats, Ints, Packing
from solvers.placement.slots import Fleet

SWAPS = 0.7
"""Share of the tries that exchange two pods; the others move one."""

FULLNESS = 0.6
"""Weight of a node's value squared over its price: full nodes are to be fuller and empty ones emptier."""

HOT, COLD = 6e-3, 6e-4
"""First and last temperature, in mean prices of a node: little more than the waste that is fought over."""

SPARE_NODES = 2
"""Empty nodes that pods may move to."""


class Board(NamedTuple):
    """What the kernel works on. Pods M, classes C, resources R, kinds K, filters F.

    ``room`` (K, R), ``accepts`` (K, F) and ``price`` (K,) are of kinds, cheapest first; ``size`` (C, R), ``limit``
    (C,), ``value`` (C,) and ``filters`` (C,) of classes. ``cls`` and ``at`` (M,) are class and node of each pod.
    """

    room: Ints
    accepts: Flags
    price: Floats
    size: Ints
    limit: Ints
    value: Floats
    filters: Ints
    cls: Ints
    at: Ints


def annealed(packing: Packing, fleet: Fleet, *, values: Floats, tries: int, rng: np.random.Generator) -> Fleet:
    """The fleet after ``tries`` exchanges, at no more cost; ``values`` (classes,) are the duals of the relaxation.

    Nodes of kinds in supply stay as they are.
    """
    mine = [n for n, kind in enumerate(fleet.kind) if packing.supply[kind] == UNLIMITED]
    pods = np.array([fleet.pods[n] for n in mine], np.int64).reshape(len(mine), packing.classes)
    if pods.sum() < 2:
        return fleet
    board, order = _board(packing, pods, values)
    kinds = np.full(len(mine) + SPARE_NODES, -1, np.int64)
    if _anneal(board, kinds, tries, rng) <= 0.0:
        return fleet
    after = np.zeros((len(kinds), packing.classes), np.int64)
    np.add.at(after, (board.at, board.cls), 1)
    rest = sorted(set(range(len(fleet.kind))) - set(mine))
    used = np.flatnonzero(kinds >= 0)
    return Fleet(
        kind=[fleet.kind[n] for n in rest] + [int(order[kinds[n]]) for n in used],
        pods=[fleet.pods[n] for n in rest] + [after[n] for n in used],
    )


def _board(packing: Packing, pods: Ints, values: Floats) -> tuple[Board, Ints]:
    """The board for nodes with ``pods`` (N, classes), and the kinds in its order."""
    order = np.flatnonzero(packing.supply == UNLIMITED)
    order = order[np.argsort(packing.price[order], kind="stable")]
    accepts, filters = np.unique(packing.allowed[order], axis=1, return_inverse=True)
    at, classes = np.nonzero(pods)
    count = pods[at, classes]
    board = Board(
        room=np.ascontiguousarray(packing.capacity[order]),
        accepts=np.ascontiguousarray(accepts),
        price=packing.price[order],
        size=packing.size,
        limit=packing.limit,
        value=values,
        filters=filters.ravel().astype(np.int64),
        cls=np.repeat(classes, count),
        at=np.repeat(at, count),
    )
    return board, order


@njit(cache=True, nogil=True)
def _kind_for(board: Board, used: Ints, wants: Ints, out: int, into: int) -> int:
    """The cheapest kind for a load, of filters ``wants`` less ``out`` and with ``into``; -1 if there is none."""
    for k in range(board.price.size):
        good = True
        for r in range(used.size):
            if used[r] > board.room[k, r]:
                good = False
                break
        if not good:
            continue
        for f in range(wants.size):
            pods = wants[f] - (1 if f == out else 0) + (1 if f == into else 0)
            if pods > 0 and not board.accepts[k, f]:
                good = False
                break
        if good:
            return k
    return -1


@njit(cache=True, nogil=True)
def _fullness(worth: float, cost: float) -> float:
    return worth * worth / cost if cost > 0.0 else 0.0


@njit(cache=True, nogil=True)
def _anneal(board: Board, kinds: Ints, tries: int, rng: np.random.Generator) -> float:
    """Exchange pods of the board in place; ``kinds`` (N,) receives each node's kind, -1 for empty ones.

    Ends with the cheapest state met, and returns what it saves.
    """
    nodes, resources, filters = kinds.size, board.room.shape[1], board.accepts.shape[1]
    cls, at = board.cls, board.at
    used, wants = np.zeros((nodes, resources), np.int64), np.zeros((nodes, filters), np.int64)
    held, pods = np.zeros((nodes, board.limit.size), np.int64), np.zeros(nodes, np.int64)
    worth, cost = np.zeros(nodes), np.zeros(nodes)
    for i in range(cls.size):
        n, p = at[i], cls[i]
        held[n, p] += 1
        pods[n] += 1
        wants[n, board.filters[p]] += 1
        used[n] += board.size[p]
        worth[n] += board.value[p]
    for n in range(nodes):
        if pods[n] > 0:
            cost[n] = board.price[_kind_for(board, used[n], wants[n], -1, -1)]
    mean = cost.sum() / max(1, (pods > 0).sum())
    saved, best = 0.0, 0.0
    best_cls, best_at = cls.copy(), at.copy()
    one, two = np.empty(resources, np.int64), np.empty(resources, np.int64)
    for step in range(tries):
        i = int(rng.integers(0, cls.size))
        n, p = at[i], cls[i]
        j, m = -1, -1
        if rng.random() < SWAPS:
            j = int(rng.integers(0, cls.size))
            m = at[j]
        else:
            m = int(rng.integers(0, nodes))
        q = cls[j] if j >= 0 else -1
        if m == n or p == q or held[m, p] >= board.limit[p] or (q >= 0 and held[n, q] >= board.limit[q]):
            continue
        for r in range(resources):
            more = board.size[p, r] - (board.size[q, r] if q >= 0 else 0)
            one[r] = used[n, r] - more
            two[r] = used[m, r] + more
        fp, fq = board.filters[p], board.filters[q] if q >= 0 else -1
        k = _kind_for(board, two, wants[m], fq, fp)
        if k < 0:
            continue
        second, first = board.price[k], 0.0
        if q >= 0 or pods[n] > 1:
            k = _kind_for(board, one, wants[n], fp, fq)
            if k < 0:
                continue
            first = board.price[k]
        gain = board.value[p] - (board.value[q] if q >= 0 else 0.0)
        change = first + second - cost[n] - cost[m]
        fuller = _fullness(worth[n] - gain, first) + _fullness(worth[m] + gain, second)
        fuller -= _fullness(worth[n], cost[n]) + _fullness(worth[m], cost[m])
        energy = change - FULLNESS * fuller
        if energy > 0.0 and np.exp(-energy / (HOT * mean * (COLD / HOT) ** (step / tries))) < rng.random():
            continue
        held[n, p] -= 1
        held[m, p] += 1
        wants[n, fp] -= 1
        wants[m, fp] += 1
        at[i] = m
        if q >= 0:
            held[m, q] -= 1
            held[n, q] += 1
            wants[m, fq] -= 1
            wants[n, fq] += 1
            at[j] = n
        else:
            pods[n] -= 1
            pods[m] += 1
        for r in range(resources):
            used[n, r] = one[r]
            used[m, r] = two[r]
        worth[n] -= gain
        worth[m] += gain
        cost[n], cost[m] = first, second
        saved -= change
        if saved > best + 1e-9:
            best = saved
            best_cls[:] = cls
            best_at[:] = at
    cls[:] = best_cls
    at[:] = best_at
    _kinds_of(board, kinds)
    return best


@njit(cache=True, nogil=True)
def _kinds_of(board: Board, kinds: Ints) -> None:
    """The cheapest kind of each node, -1 where no pod is."""
    used = np.zeros((kinds.size, board.room.shape[1]), np.int64)
    wants = np.zeros((kinds.size, board.accepts.shape[1]), np.int64)
    for i in range(board.cls.size):
        used[board.at[i]] += board.size[board.cls[i]]
        wants[board.at[i], board.filters[board.cls[i]]] += 1
    for n in range(kinds.size):
        kinds[n] = _kind_for(board, used[n], wants[n], -1, -1) if wants[n].any() else -1
