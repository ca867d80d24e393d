"""The placement engine: a cluster in arrays that judges, places and removes pods one at a time, fast.

It applies the rules as kube-scheduler does at the moment of placing. ``State`` changes in place; whoever
tries something puts it back. Pods of a class are interchangeable: the engine counts them, the planner names them.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from solvers.placement.encode import NO_DOMAIN, Rules
from solvers.placement.packing import Flags, Ints
from solvers.placement.topology import RuleKind

FORBID, REQUIRE, SPREAD = int(RuleKind.FORBID), int(RuleKind.REQUIRE), int(RuleKind.SPREAD)


class State(NamedTuple):
    """Nodes and what they hold. N node slots, C classes, R resources, T counters.

    ``site`` (N,) is -1 in unused slots. ``takes`` (N,) is 0 where nothing new may be placed (cordoned, not ready).
    ``held`` (N, C) counts pods; ``counts`` holds, from ``cell[t]`` on, what counter t counts in each domain, and
    ``present`` likewise how many nodes make up the domain (spread counters only). ``totals`` (T,).
    """

    site: Ints
    takes: Flags
    free: Ints
    held: NDArray[np.int16]
    cell: Ints
    counts: Ints
    present: Ints
    totals: Ints


def new_state(rules: Rules, *, slots: int) -> State:
    """An empty cluster with room for ``slots`` nodes."""
    classes, resources = rules.size.shape
    width = np.where(rules.by_node > 0, slots, rules.domains)
    cell = np.concatenate([[0], np.cumsum(width)]).astype(np.int64)
    return State(
        site=np.full(slots, -1, np.int64),
        takes=np.zeros(slots, np.uint8),
        free=np.zeros((slots, resources), np.int64),
        held=np.zeros((slots, classes), np.int16),
        cell=cell,
        counts=np.zeros(int(cell[-1]), np.int64),
        present=np.zeros(int(cell[-1]), np.int64),
        totals=np.zeros(len(rules.by_node), np.int64),
    )


@njit(cache=True)
def open_node(rules: Rules, state: State, node: int, site: int, room: NDArray[np.int64], takes: int) -> None:
    """Put an empty node into a slot."""
    state.site[node] = site
    state.takes[node] = takes
    state.free[node] = room
    for t in range(rules.by_node.size):
        if rules.spread[t] and rules.counts_here[t, site]:
            d = node if rules.by_node[t] else rules.domain[t, site]
            if d >= 0:
                state.present[state.cell[t] + d] += 1
    _count_daemons(rules, state, node, 1)


@njit(cache=True)
def close_node(rules: Rules, state: State, node: int) -> None:
    """Take an empty node out of its slot."""
    _count_daemons(rules, state, node, -1)
    site = state.site[node]
    for t in range(rules.by_node.size):
        if rules.spread[t] and rules.counts_here[t, site]:
            d = node if rules.by_node[t] else rules.domain[t, site]
            if d >= 0:
                state.present[state.cell[t] + d] -= 1
    state.site[node] = -1
    state.takes[node] = 0
    state.free[node] = 0


@njit(cache=True)
def _count_daemons(rules: Rules, state: State, node: int, by: int) -> None:
    """Raise, or lower, what the daemons of a node's site raise."""
    site = state.site[node]
    for at in range(rules.fixed_at[site], rules.fixed_at[site + 1]):
        t = rules.fixed_counter[at]
        d = node if rules.by_node[t] else rules.domain[t, site]
        if d >= 0 and rules.counts_here[t, site]:
            state.counts[state.cell[t] + d] += by * rules.fixed_pods[at]
            state.totals[t] += by * rules.fixed_pods[at]


@njit(cache=True)
def put(rules: Rules, state: State, c: int, node: int, pods: int) -> None:
    """Add ``pods`` pods of class ``c`` to a node, or remove them when negative; judges nothing."""
    for r in range(rules.size.shape[1]):
        state.free[node, r] -= pods * rules.size[c, r]
    state.held[node, c] += pods
    site = state.site[node]
    for at in range(rules.raise_at[c], rules.raise_at[c + 1]):
        t = rules.raise_counter[at]
        if not rules.counts_here[t, site]:
            continue
        d = node if rules.by_node[t] else rules.domain[t, site]
        if d >= 0:
            state.counts[state.cell[t] + d] += pods
            state.totals[t] += pods


@njit(cache=True)
def load(rules: Rules, state: State, first_site: int, room: Ints, takes: Flags, held: Ints) -> None:
    """Open one node per row of ``room`` (N, R) in the first slots, on sites from ``first_site`` on, with their pods."""
    for n in range(room.shape[0]):
        open_node(rules, state, n, first_site + n, room[n], takes[n])
        for c in range(held.shape[1]):
            if held[n, c] > 0:
                put(rules, state, c, n, held[n, c])


@njit(cache=True)
def unload(rules: Rules, state: State, nodes: Ints, pods: Ints) -> None:
    """Stop nodes from taking pods and remove ``pods[n]`` (N, C) from each."""
    for n in nodes:
        state.takes[n] = 0
        for c in range(pods.shape[1]):
            if pods[n, c] > 0:
                put(rules, state, c, n, -pods[n, c])


@njit(cache=True)
def clear_node(rules: Rules, state: State, node: int, wanted: Ints) -> None:
    """Take a node away and add its pods to ``wanted`` (C,)."""
    for c in range(wanted.size):
        pods = state.held[node, c]
        if pods > 0:
            put(rules, state, c, node, -pods)
            wanted[c] += pods
    close_node(rules, state, node)


@njit(cache=True)
def rates(
    rules: Rules,
    c: int,
    wanted: Ints,
    waiting: Ints,
    sites: Ints,
    capacity: Ints,
    cost: NDArray[np.float64],
    value: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Price per worth of a node on each of ``sites`` that starts with a pod of class ``c``, rules between pods aside.

    It is topped up from ``wanted`` (C,) in the order of the classes ``waiting``. ``out`` is inf where the pod does not
    fit. ``capacity`` (S, R), ``cost`` (S,), ``value`` (C,).
    """
    resources = rules.size.shape[1]
    left = np.empty(resources, np.int64)
    for k in range(sites.size):
        site = sites[k]
        out[k] = np.inf
        good = rules.site_ok[c, site] > 0
        for r in range(resources):
            left[r] = capacity[site, r] - rules.size[c, r]
            good = good and left[r] >= 0
        if not good:
            continue
        worth = value[c]
        for other in waiting:
            if not rules.site_ok[other, site]:
                continue
            most = wanted[other] - (1 if other == c else 0)
            for r in range(resources):
                if rules.size[other, r] > 0:
                    most = min(most, left[r] // rules.size[other, r])
            if most > 0:
                worth += most * value[other]
                for r in range(resources):
                    left[r] -= most * rules.size[other, r]
        out[k] = cost[site] / max(worth, 1e-12)


@njit(cache=True)
def has_room(rules: Rules, state: State, c: int, node: int) -> bool:
    """Whether the node takes pods, suits the class and has the resources."""
    if not state.takes[node] or not rules.site_ok[c, state.site[node]]:
        return False
    for r in range(rules.size.shape[1]):
        if rules.size[c, r] > state.free[node, r]:
            return False
    return True


@njit(cache=True)
def broken_rule(rules: Rules, state: State, c: int, node: int) -> int:
    """Index of the first topology rule that forbids one more pod of class ``c`` on the node, -1 when none does."""
    site = state.site[node]
    for at in range(rules.rule_at[c], rules.rule_at[c + 1]):
        t = rules.rule_counter[at]
        d = node if rules.by_node[t] else rules.domain[t, site]
        kind = rules.rule_kind[at]
        if kind == FORBID:
            if d >= 0 and state.counts[state.cell[t] + d] > 0:
                return at
        elif d == NO_DOMAIN:
            return at
        elif kind == REQUIRE:
            first = rules.rule_own[at] and state.totals[t] == 0
            if state.counts[state.cell[t] + d] == 0 and not first:
                return at
        elif not spread_allows(rules, state, t, d, rules.rule_skew[at], rules.rule_min_domains[at], rules.rule_own[at]):
            return at
    return -1


@njit(cache=True)
def spread_allows(rules: Rules, state: State, t: int, d: int, skew: int, min_domains: int, own: int) -> bool:
    """Whether ``own`` more pods in domain ``d`` keep counter ``t`` within a skew of the emptiest domain."""
    first, last = state.cell[t], state.cell[t + 1]
    after = state.counts[first + d] + own
    if after <= skew:
        return True
    if rules.quota[t] >= 0 and min_domains <= rules.quota_over[t]:
        share = rules.quota[t] // rules.quota_over[t]
        if after <= share:
            return True
        if after == share + 1:
            above = 0
            for e in range(first, last):
                if e != first + d and state.counts[e] > share:
                    above += 1
            if above < rules.quota[t] % rules.quota_over[t]:
                return True
    least = np.iinfo(np.int64).max
    existing = 0
    for e in range(first, last):
        if state.present[e] > 0 or rules.quota[t] >= 0:
            existing += 1
            least = min(least, state.counts[e])
    if existing < min_domains or existing == 0:
        least = 0
    return after - least <= skew


@njit(cache=True)
def fits(rules: Rules, state: State, c: int, node: int) -> bool:
    """Whether kube-scheduler would accept one more pod of class ``c`` on the node now."""
    return has_room(rules, state, c, node) and broken_rule(rules, state, c, node) < 0


@njit(cache=True)
def best_node(rules: Rules, state: State, c: int, nodes: Ints, scale: NDArray[np.float64]) -> int:
    """The node among ``nodes`` that one more pod of class ``c`` fills up most, -1 when it fits on none.

    ``scale`` (R,) makes resources comparable: room is summed over them after multiplying.
    """
    best, least = -1, np.inf
    for node in nodes:
        if not has_room(rules, state, c, node):
            continue
        room = 0.0
        for r in range(scale.size):
            room += scale[r] * (state.free[node, r] - rules.size[c, r])
        if room < least and broken_rule(rules, state, c, node) < 0:
            best, least = node, room
    return best


@njit(cache=True)
def insert(
    rules: Rules, state: State, wanted: Ints, order: Ints, nodes: Ints, scale: NDArray[np.float64], log: Ints
) -> int:
    """Place what fits of ``wanted`` (C,) on ``nodes``, classes in the given order; ``wanted`` goes down in place.

    ``log`` (pods, 2) receives node and class of each pod placed; returns how many. Passes repeat while any helps,
    because one pod can open the way for another (affinity, spread).
    """
    placed = 0
    progress = True
    while progress:
        progress = False
        for c in order:
            while wanted[c] > 0:
                node = best_node(rules, state, c, nodes, scale)
                if node < 0:
                    break
                put(rules, state, c, node, 1)
                wanted[c] -= 1
                log[placed, 0] = node
                log[placed, 1] = c
                placed += 1
                progress = progress or rules.rule_at[c + 1] > rules.rule_at[c]
    return placed


@njit(cache=True)
def undo(rules: Rules, state: State, wanted: Ints, log: Ints, placed: int) -> None:
    """Take back what ``insert`` or ``fill_node`` placed."""
    for n in range(placed):
        put(rules, state, log[n, 1], log[n, 0], -1)
        wanted[log[n, 1]] += 1


@njit(cache=True)
def fill_node(
    rules: Rules,
    state: State,
    node: int,
    slots: Ints,
    member_at: Ints,
    member: Ints,
    wanted: Ints,
    log: Ints,
) -> int:
    """Fill a node by a pattern: ``slots`` (P,) pods of each packing class, taken from its member classes.

    ``member[member_at[p]:member_at[p + 1]]`` are the classes of packing class p. Returns how many were placed.
    """
    placed = 0
    for p in range(slots.size):
        need = slots[p]
        for at in range(member_at[p], member_at[p + 1]):
            c = member[at]
            while need > 0 and wanted[c] > 0 and fits(rules, state, c, node):
                put(rules, state, c, node, 1)
                wanted[c] -= 1
                log[placed, 0] = node
                log[placed, 1] = c
                placed += 1
                need -= 1
            if need == 0:
                break
    return placed


@njit(cache=True)
def crowding(rules: Rules, state: State, site: int, slots: Ints, member_at: Ints, member: Ints, wanted: Ints) -> float:
    """How full the domains of a site are already of what a pattern adds, as shares of what they hold in the end."""
    load = 0.0
    for p in range(slots.size):
        for at in range(member_at[p], member_at[p + 1]):
            c = member[at]
            if slots[p] == 0 or wanted[c] == 0:
                continue
            for raised in range(rules.raise_at[c], rules.raise_at[c + 1]):
                t = rules.raise_counter[raised]
                d = rules.domain[t, site]
                if rules.spread[t] and not rules.by_node[t] and d >= 0 and rules.quota[t] > 0:
                    load += slots[p] * state.counts[state.cell[t] + d] / rules.quota[t]
    return load


@njit(cache=True)
def try_empty(
    rules: Rules,
    state: State,
    node: int,
    movable: Ints,
    nodes: Ints,
    scale: NDArray[np.float64],
    order: Ints,
    log: Ints,
) -> int:
    """Move all ``movable`` (C,) pods of a node to others among ``nodes``; -1 and no change when one has no place.

    The node itself must not take pods meanwhile. Returns how many moved, listed in ``log``.
    """
    wanted = movable.copy()
    total = 0
    for c in range(wanted.size):
        if wanted[c] > 0:
            put(rules, state, c, node, -wanted[c])
            total += wanted[c]
    placed = insert(rules, state, wanted, order, nodes, scale, log)
    if placed == total:
        return placed
    undo(rules, state, wanted, log, placed)
    for c in range(wanted.size):
        if movable[c] > 0:
            put(rules, state, c, node, movable[c])
    return -1
