"""The packing of each zone on its own, once it is known how many pods of each class a zone gets.

Where a rule spreads pods over zones, patterns that know no zones promise what cannot be dealt out evenly. A first fleet
that keeps all rules tells how many pods each zone gets; patterns found for each zone alone then come out even by
themselves. Only which zone gets the odd pod of a spread class is a free choice, made so that zones need alike mixes.
"""

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np

from solvers.placement.columns import Generator, Master
from solvers.placement.encode import Encoded, Rules
from solvers.placement.engine import State
from solvers.placement.packing import UNLIMITED, Floats, Ints, Packing, undominated
from solvers.placement.topology import RuleKind
from solvers.placement.view import View, kinds_of, only

BALANCING = 20
"""Times that the odd pods are dealt out, each class seeing the others in place, if it still changes anything."""

SEEDS_PER_CLASS = 20
"""Patterns per class, those of the least waste, with which a zone begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one zone gets: ``pods`` (C,) by class, and the packing of them on what can be launched there."""

    pods: Ints
    view: View


def spread_over_zones(rules: Rules, pods: Ints) -> bool:
    """Whether a rule spreads some of the pods (C,) over zones or the like."""
    bound = np.repeat(pods > 0, np.diff(rules.rule_at))
    spreads = (rules.rule_kind == RuleKind.SPREAD) & (rules.by_node[rules.rule_counter] == 0)
    return bool((bound & spreads).any())


def zone_parts(encoded: Encoded, rules: Rules, view: View, state: State, *, values: Floats) -> list[Part]:
    """A part for each zone in which ``state``, a fresh fleet, has pods; ``values`` (C,) are worths of pods.

    Empty when all are in one.
    """
    zones = sorted({offer.offering.zone for offer in encoded.launchables})
    zone_of_site = np.array([zones.index(offer.offering.zone) for offer in encoded.launchables], np.int64)
    nodes = np.flatnonzero(state.site >= 0)
    pods = np.zeros((len(zones), len(rules.size)), np.int64)
    np.add.at(pods, zone_of_site[state.site[nodes]], state.held[nodes].astype(np.int64))
    total = pods.sum(axis=0)
    if np.count_nonzero(pods.any(axis=1)) < 2:
        return []
    _balance(pods, _evenly_spread(rules, total, zone_of_site), encoded.rules.size, values)
    return [
        Part(pods=mine, view=_zone_view(encoded, view, mine, np.flatnonzero(zone_of_site == z)))
        for z, mine in enumerate(pods)
        if mine.any()
    ]


def generator_of(part: Part, blind: Generator) -> Generator:
    """A generator for a part that begins with what ``blind``, that for all zones together, has found and proven.

    No kind of a zone is better than the best over all zones, so values that overprice no pattern there do so nowhere.
    """
    packing = part.view.steering
    generator = Generator(Master(packing), threads=1)
    generator.start()
    generator.adopt(blind.proof)
    columns, blind_packing = blind.master.columns, blind.master.packing
    kind, pattern = np.array(columns.kind), np.array(columns.pattern)
    waste = blind_packing.price[kind] - pattern @ blind.proof
    best = np.argsort(waste, kind="stable")[: SEEDS_PER_CLASS * packing.classes]
    for column in best[(pattern[best] <= np.minimum(packing.demand, packing.limit)).all(axis=1)]:
        room = (packing.capacity >= pattern[column] @ packing.size).all(axis=1)
        room &= (packing.allowed[:, pattern[column] > 0] > 0).all(axis=1)
        if room.any():
            generator.master.add(int(np.where(room, packing.price, np.inf).argmin()), pattern[column])
    return generator


def _evenly_spread(rules: Rules, pods: Ints, zone_of_site: Ints) -> Ints:
    """Classes whose odd pods may go to any zone: all zones take them, and one spread rule over zones counts just them.

    No other rule over zones and the like has to do with them.
    """
    launchable, zones = len(zone_of_site), int(zone_of_site.max()) + 1
    parties: dict[int, set[int]] = defaultdict(set)
    kinds: dict[int, set[int]] = defaultdict(set)
    for c in np.flatnonzero(pods).tolist():
        for at in range(rules.rule_at[c], rules.rule_at[c + 1]):
            parties[int(rules.rule_counter[at])].add(c)
            kinds[int(rules.rule_counter[at])].add(int(rules.rule_kind[at]))
        for t in rules.raise_counter[rules.raise_at[c] : rules.raise_at[c + 1]].tolist():
            parties[t].add(c)
    good: set[int] = set()
    bad: set[int] = set()
    for t in (t for t in parties if not rules.by_node[t]):
        domain = rules.domain[t, :launchable]
        pairs = len(np.unique(np.vstack([domain, zone_of_site]), axis=1).T)
        even = pairs == zones == len(np.unique(domain)) and bool(rules.counts_here[t, :launchable].all())
        alone = len(parties[t]) == 1 and kinds[t] == {int(RuleKind.SPREAD)}
        (good if even and alone else bad).update(parties[t])
    hosts = np.array([rules.site_ok[:, :launchable][:, zone_of_site == z].any(axis=1) for z in range(zones)])
    return np.array(sorted(c for c in good - bad if hosts[:, c].all()), np.int64)


def _balance(pods: Ints, spread: Ints, size: Ints, values: Floats) -> None:
    """Deal the odd pods of spread classes out, the largest first, so that zones need alike mixes; in place."""
    weight = np.hstack([size, values[:, None]])
    weight /= np.maximum(1e-9, pods.sum(axis=0) @ weight)
    load = pods @ weight
    for _ in range(BALANCING):
        before = pods.copy()
        for c in spread[np.argsort(-weight[spread].max(axis=1), kind="stable")]:
            share = int(pods[:, c].min())
            odd = pods[:, c] - share
            if odd.max() != 1:
                continue
            load -= np.outer(odd, weight[c])
            chosen = np.argsort(load @ weight[c], kind="stable")[: int(odd.sum())]
            pods[:, c] = share
            pods[chosen, c] += 1
            load[chosen] += weight[c]
        if (pods == before).all():
            break


def _zone_view(encoded: Encoded, view: View, pods: Ints, sites: Ints) -> View:
    """The view of one zone: the same classes, other kinds."""
    kind_capacity, kind_ok, sites_of_kind = kinds_of(encoded, sites)
    steering = view.steering
    first = view.member[view.member_at[:-1]]
    axes = steering.size.shape[1] - encoded.rules.size.shape[1]
    objective = np.array([encoded.objective[sites].min() for sites in sites_of_kind])
    packing = Packing(
        size=steering.size,
        demand=view.demand_of(pods),
        limit=steering.limit,
        capacity=np.hstack([kind_capacity, np.ones((len(kind_capacity), axes), np.int64)]),
        price=objective,
        allowed=np.ascontiguousarray(kind_ok[encoded.filter_of_class[first]].T),
        supply=np.full(len(kind_capacity), UNLIMITED, np.int64),
    )
    keep = undominated(packing, objective)
    packing = only(packing, keep)
    return replace(view, packing=packing, steering=packing, sites_of_kind=tuple(sites_of_kind[k] for k in keep))
