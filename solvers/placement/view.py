"""The cluster as a packing problem: placement classes merged where packing cannot tell them apart."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.placement.encode import Encoded
from solvers.placement.packing import UNLIMITED, Flags, Floats, Ints, Packing, undominated
from solvers.placement.topology import RuleKind

MAX_GROUP_AXES = 8
"""Groups of one pod per node that become a resource of their own; the largest, since each slows pricing down."""


NODES_PER_SHARE = 2
"""Nodes over which a class's even share of a zone is laid at least: large parts rarely add up evenly."""

SUNK_PRICE = 1e-6
"""USD per hour that room on a node which stays anyway costs in the relaxation: next to nothing, taken off the bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What runs, as supply: indices of ``nodes``, their ``room`` (N, R), and whether each ``stays`` in any plan.

    The room of a node that may go is all of it, of one that stays what its pods leave.
    """

    nodes: Ints
    room: Ints
    stays: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Packing and how it maps to the encoded cluster.

    ``packing`` is priced as billed and relaxes every rule between pods but one-per-node groups, so its bound is a bound
    of the cluster; ``steering`` is priced by objective and narrowed to what single nodes may hold in a new fleet. Both
    share classes and kinds. ``packing_class`` (C,) is -1 for classes that no launchable kind can hold; ``member`` lists
    the placement classes of packing class p from ``member_at[p]``; ``sites_of_kind[k]`` the sites, cheapest first.
    """

    packing: Packing
    steering: Packing
    packing_class: Ints
    member_at: Ints
    member: Ints
    sites_of_kind: tuple[Ints, ...]

    def demand_of(self, pods: Ints) -> Ints:
        """Pods by packing class of pods (C,) by placement class."""
        known = self.packing_class >= 0
        demand = np.bincount(self.packing_class[known], weights=pods[known], minlength=self.packing.classes)
        return demand.astype(np.int64)


def view_of(encoded: Encoded, *, demand: Ints, running: Running) -> View:
    """Pose the packing of ``demand`` (C,) on all that can be launched and on what runs as supply."""
    kind_capacity, kind_ok, sites_of_kind = kinds_of(encoded, np.arange(len(encoded.launchables)))
    supply = np.full(len(kind_capacity), UNLIMITED, np.int64)
    price = np.array([encoded.price[sites].min() for sites in sites_of_kind])
    objective = np.array([encoded.objective[sites].min() for sites in sites_of_kind])
    if running.nodes.size:
        more = _running_kinds(encoded, running)
        kind_capacity, kind_ok = np.vstack([kind_capacity, more[0]]), np.hstack([kind_ok, more[1]])
        price, objective = np.concatenate([price, more[2]]), np.concatenate([objective, more[3]])
        supply = np.concatenate([supply, more[4]])
        sites_of_kind += more[5]
    groups = [_alone_on_node(encoded, c) for c in range(len(encoded.rules.size))]
    packing_class, axes = _merge(encoded, demand, groups, kind_capacity, kind_ok, supply)
    classes = int(packing_class.max(initial=-1)) + 1
    first = np.array([int(np.flatnonzero(packing_class == p)[0]) for p in range(classes)], np.int64)
    order = np.argsort(packing_class, kind="stable")
    member = order[packing_class[order] >= 0]
    member_at = np.searchsorted(packing_class[member], np.arange(classes + 1))
    size = np.hstack([encoded.rules.size[first], axes]) if classes else np.zeros((0, kind_capacity.shape[1]), np.int64)
    capacity = np.hstack([kind_capacity, np.ones((len(kind_capacity), axes.shape[1]), np.int64)])
    alone = np.where([bool(group) for group in groups], 1, demand)
    packing = Packing(
        size=np.ascontiguousarray(size),
        demand=_summed(demand, packing_class, classes),
        limit=_summed(alone, packing_class, classes),
        capacity=np.ascontiguousarray(capacity),
        price=price,
        allowed=np.ascontiguousarray(kind_ok[encoded.filter_of_class[first]].T) if classes else kind_ok[:0].T.copy(),
        supply=supply,
    )
    keep = undominated(packing, price, objective)
    packing = only(packing, keep)
    spread = _summed(np.minimum(alone, _spread_limit(encoded, demand)), packing_class, classes)
    steering = Packing(
        size=packing.size, demand=packing.demand, limit=spread, capacity=packing.capacity,
        price=objective[keep], allowed=packing.allowed, supply=packing.supply,
    )  # fmt: skip
    return View(
        packing=packing,
        steering=steering,
        packing_class=packing_class,
        member_at=member_at.astype(np.int64),
        member=member.astype(np.int64),
        sites_of_kind=tuple(sites_of_kind[k] for k in keep),
    )


def only(packing: Packing, keep: Ints) -> Packing:
    """The packing with some of its kinds."""
    return Packing(
        size=packing.size, demand=packing.demand, limit=packing.limit,
        capacity=np.ascontiguousarray(packing.capacity[keep]), price=packing.price[keep],
        allowed=np.ascontiguousarray(packing.allowed[keep]), supply=packing.supply[keep],
    )  # fmt: skip


def kinds_of(encoded: Encoded, sites: Ints) -> tuple[Ints, Flags, tuple[Ints, ...]]:
    """Launchable sites with equal room that the same filters accept are one kind, its sites cheapest first."""
    usable = sites[(encoded.capacity[sites] >= 0).all(axis=1)]
    columns = encoded.filter_ok[:, usable]
    key = np.hstack([encoded.capacity[usable], columns.T.astype(np.int64)])
    _, first, inverse = np.unique(key, axis=0, return_index=True, return_inverse=True)
    order = np.lexsort((usable, encoded.objective[usable], inverse.ravel()))
    cuts = np.flatnonzero(np.diff(inverse.ravel()[order])) + 1
    groups = tuple(usable[part] for part in np.split(order, cuts)) if usable.size else ()
    return encoded.capacity[usable[first]], columns[:, first], groups


def _running_kinds(encoded: Encoded, running: Running) -> tuple[Ints, Flags, Floats, Floats, Ints, tuple[Ints, ...]]:
    """Running nodes alike in room, filters and price are one kind, with as many in supply."""
    sites = running.nodes + len(encoded.launchables)
    price = np.where(running.stays, SUNK_PRICE, encoded.price[sites])
    objective = np.where(running.stays, SUNK_PRICE, encoded.objective[sites])
    prices = np.round(price * 1e9).astype(np.int64)[:, None]
    key = np.hstack([running.room, encoded.filter_ok[:, sites].T.astype(np.int64), prices])
    _, first, inverse, count = np.unique(key, axis=0, return_index=True, return_inverse=True, return_counts=True)
    groups = tuple(sites[inverse.ravel() == k] for k in range(len(first)))
    return running.room[first], encoded.filter_ok[:, sites[first]], price[first], objective[first], count, groups


def _summed(amounts: Ints, packing_class: Ints, classes: int) -> Ints:
    """Sums by packing class of amounts (C,) by placement class."""
    known = packing_class >= 0
    return np.bincount(packing_class[known], weights=amounts[known], minlength=classes).astype(np.int64)


def _merge(
    encoded: Encoded, demand: Ints, groups: list[tuple[int, ...]], kind_capacity: Ints, kind_ok: Flags, supply: Ints
) -> tuple[Ints, Ints]:
    """Packing class of each placement class, and the axes of the large groups of one per node, (classes, axes).

    Classes of one shape (requests and kinds that accept them) become one packing class. Of classes that allow but one
    pod on a node, as many pods then fit as there are classes: no less than the rules allow.
    """
    size = encoded.rules.size
    hostable = np.zeros(len(size), bool)
    for k in np.flatnonzero(supply == UNLIMITED):
        hostable |= (size <= kind_capacity[k]).all(axis=1) & (kind_ok[encoded.filter_of_class, k] > 0)
    look = [row.tobytes() for row in kind_ok]
    wanted = np.flatnonzero(hostable & (demand > 0))
    shape = {int(c): (size[c].tobytes(), look[encoded.filter_of_class[c]]) for c in wanted}
    axis_of = _axes(groups, shape, demand)
    table: dict[tuple[object, ...], int] = {}
    packing_class = np.full(len(size), -1, np.int64)
    for c in wanted:
        key = (shape[int(c)], frozenset(axis_of[t] for t in groups[c] if t in axis_of))
        packing_class[c] = table.setdefault(key, len(table))
    axes = np.zeros((len(table), max(axis_of.values(), default=-1) + 1), np.int64)
    for c in wanted:
        axes[packing_class[c], [axis_of[t] for t in groups[c] if t in axis_of]] = 1
    return packing_class, axes


def _axes(groups: list[tuple[int, ...]], shape: Mapping[int, object], demand: Ints) -> dict[int, int]:
    """Axis of each counter of one per node that spans several shapes; counters with the same classes share one."""
    members: dict[int, list[int]] = {}
    for c in shape:
        for t in groups[c]:
            members.setdefault(t, []).append(c)
    spanning = {t: tuple(classes) for t, classes in members.items() if len({shape[c] for c in classes}) > 1}
    largest = sorted(set(spanning.values()), key=lambda classes: (-int(demand[list(classes)].sum()), classes))
    number = {classes: axis for axis, classes in enumerate(largest[:MAX_GROUP_AXES])}
    return {t: number[classes] for t, classes in spanning.items() if classes in number}


def _alone_on_node(encoded: Encoded, c: int) -> tuple[int, ...]:
    """Hostname counters that a class both raises and forbids: no two of such pods share a node."""
    rules = encoded.rules
    raised = set(rules.raise_counter[rules.raise_at[c] : rules.raise_at[c + 1]].tolist())
    bound = range(rules.rule_at[c], rules.rule_at[c + 1])
    forbidden = {int(rules.rule_counter[at]) for at in bound if rules.rule_kind[at] == RuleKind.FORBID}
    return tuple(sorted(t for t in raised & forbidden if rules.by_node[t]))


def _spread_limit(encoded: Encoded, demand: Ints) -> Ints:
    """Most pods of each class that a new node may hold under spread rules, (C,).

    Over nodes it is the skew, since new nodes begin empty; over zones a part of the class's even share, and the skew.
    """
    rules = encoded.rules
    limit = np.full(len(rules.size), UNLIMITED, np.int64)
    for c in range(len(rules.size)):
        for at in range(rules.rule_at[c], rules.rule_at[c + 1]):
            t, skew = rules.rule_counter[at], rules.rule_skew[at]
            if rules.rule_kind[at] != RuleKind.SPREAD or not rules.rule_own[at]:
                continue
            most = skew if rules.by_node[t] else demand[c] // max(1, NODES_PER_SHARE * rules.domains[t]) + skew
            limit[c] = min(limit[c], most)
    return limit
