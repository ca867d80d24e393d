"""Builds real nodes from patterns: sites are chosen, and every rule between pods holds as each pod is placed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from domain.market import Zone
from solvers.placement.encode import Encoded, Rules
from solvers.placement.engine import (
    State,
    clear_node,
    close_node,
    crowding,
    fill_node,
    fits,
    insert,
    open_node,
    put,
    rates,
    undo,
)
from solvers.placement.packing import UNLIMITED, Floats, Ints
from solvers.placement.rounding import Fleet
from solvers.placement.view import View
from solvers.placement.zones import dealt

CANDIDATE_SITES = 6
"""Sites of a kind tried for a node when its pods do not all fit on the first: one for each zone of a large region."""

CANDIDATE_KINDS = 8
"""Kinds tried for a single node, best rate first, before its pod is given up: rules between pods refuse few of them."""

TOP_UP_CLASSES = 64
"""Classes considered to fill up a single node."""

ORDER_JITTER = 0.5
"""How far the sizes of pods are shaken when nodes are packed anew."""

PRICE_TIE = 1e-9
"""Sites within this share of the cheapest count as equally good; the least used of them is taken."""


@dataclass(slots=True, kw_only=True)
class Builder:
    """Fills a `State`; launched nodes take the slots after the running ones.

    ``value`` (C,) is what a pod of each class is worth, ``uses`` (S,) how many nodes each site has been given,
    ``seed`` that of the dealing to zones.
    """

    encoded: Encoded
    rules: Rules
    view: View
    state: State
    value: Floats
    uses: Ints
    seed: int = 0
    scale: Floats = field(init=False)
    order: Ints = field(init=False)
    _first_sites: Ints = field(init=False)
    _kinds: Ints = field(init=False)

    def __post_init__(self) -> None:
        self.scale = resource_scale(self.encoded)
        self.order = np.argsort(-(self.rules.size @ self.scale), kind="stable")
        self._kinds = np.array(
            [k for k, s in enumerate(self.view.sites_of_kind) if self.view.steering.supply[k] == UNLIMITED and len(s)],
            np.int64,
        )
        self._first_sites = np.array([self.view.sites_of_kind[k][0] for k in self._kinds], np.int64)

    def build(self, fleet: Fleet, wanted: Ints) -> None:
        """Open the nodes of a fleet and fill them from ``wanted`` (C,), which goes down in place."""
        log = np.empty((int(wanted.sum()) + 1, 2), np.int64)
        order = sorted(range(len(fleet.kind)), key=lambda n: (-int(fleet.pods[n].sum()), fleet.kind[n]))
        zones = dealt(self.encoded, self.rules, self.view, fleet, seed=self.seed)
        for n in order:
            if self.view.steering.supply[fleet.kind[n]] == UNLIMITED:
                self._build_node(fleet.kind[n], fleet.pods[n], wanted, log, zone=zones[n])

    def insert(self, wanted: Ints, nodes: Ints) -> int:
        """Place what fits of ``wanted`` on open nodes; largest classes first. Returns how many pods were placed."""
        log = np.empty((int(wanted.sum()) + 1, 2), np.int64)
        return int(insert(self.rules, self.state, wanted, self._waiting(wanted), nodes, self.scale, log))

    def open_for_rest(self, wanted: Ints) -> Ints:
        """Launch nodes for what is left of ``wanted``, best value per price first; returns pods with no place (C,)."""
        nowhere = np.zeros_like(wanted)
        log = np.empty((int(wanted.sum()) + 1, 2), np.int64)
        for c in self._waiting(wanted):
            while wanted[c] > 0:
                if not self._open_for(int(c), wanted, log):
                    nowhere[c] = wanted[c]
                    wanted[c] = 0
        return nowhere

    def repack(self, nodes: Sequence[int], *, rng: np.random.Generator) -> bool:
        """Take some launched nodes away and place their pods anew; true when that is cheaper, else all is as before.

        The order of the pods is varied, so that the same nodes can be tried more than once.
        """
        usual = self.order
        sizes = self.rules.size @ self.scale
        worth = sizes * rng.uniform(1.0 - ORDER_JITTER, 1.0 + ORDER_JITTER, len(sizes))
        self.order = np.argsort(-worth, kind="stable")
        better = self._repack(nodes)
        self.order = usual
        return better

    def _repack(self, nodes: Sequence[int]) -> bool:
        rules, state = self.rules, self.state
        before = [(int(node), int(state.site[node]), state.held[node].astype(np.int64)) for node in nodes]
        wanted = np.zeros(len(rules.size), np.int64)
        for node in nodes:
            clear_node(rules, state, int(node), wanted)
        log = np.empty((int(wanted.sum()) + 1, 2), np.int64)
        kept = self.new_nodes()
        placed = insert(rules, state, wanted, self._waiting(wanted), kept, self.scale, log)
        nowhere = self.open_for_rest(wanted)
        opened = np.setdiff1d(self.new_nodes(), kept)
        cost = float(self.encoded.objective[state.site[opened]].sum())
        old = float(sum(self.encoded.objective[site] for _, site, _ in before))
        if not nowhere.any() and cost < old - 1e-9:
            return True
        for node in opened:
            clear_node(rules, state, int(node), wanted)
        undo(rules, state, wanted, log, placed)
        for node, site, held in before:
            open_node(rules, state, node, site, self.encoded.capacity[site], 1)
            for c in np.flatnonzero(held):
                put(rules, state, int(c), node, int(held[c]))
        return False

    def retype(self) -> None:
        """Give every launched node the cheapest site of its zone and template that holds what it holds."""
        for node in self.new_nodes():
            held = np.flatnonzero(self.state.held[node])
            used = self.state.held[node, held].astype(np.int64) @ self.rules.size[held]
            site = self._cheapest_like(int(self.state.site[node]), held, used)
            if site is not None:
                pods = self.state.held[node].astype(np.int64)
                clear_node(self.rules, self.state, int(node), np.zeros_like(pods))
                open_node(self.rules, self.state, int(node), site, self.encoded.capacity[site], 1)
                for c in held:
                    put(self.rules, self.state, int(c), int(node), int(pods[c]))

    def drop_empty(self) -> None:
        """Close new nodes that hold nothing."""
        for node in self.new_nodes():
            if not self.state.held[node].any():
                close_node(self.rules, self.state, int(node))

    def new_nodes(self) -> Ints:
        """Open slots of launched nodes."""
        first = len(self.encoded.nodes)
        return first + np.flatnonzero(self.state.site[first:] >= 0)

    def _waiting(self, wanted: Ints) -> Ints:
        """Classes with pods to place, largest pods first: in the end small ones fill what large ones leave."""
        return self.order[wanted[self.order] > 0]

    def _slot(self) -> int:
        """The first free slot, -1 when all are taken."""
        first = len(self.encoded.nodes)
        free = np.flatnonzero(self.state.site[first:] < 0)
        return first + int(free[0]) if free.size else -1

    def _build_node(self, kind: int, slots: Ints, wanted: Ints, log: Ints, *, zone: Zone | None) -> None:
        node = self._slot()
        if node < 0:
            return
        best_site, best_worth = -1, 0.0
        for site in self._emptiest(self._sites(kind), slots, wanted, zone=zone):
            placed = self._try(node, site, slots, wanted, log)
            if placed == slots.sum():
                self.uses[site] += 1
                return
            worth = float(self.value[log[:placed, 1]].sum())
            undo(self.rules, self.state, wanted, log, placed)
            close_node(self.rules, self.state, node)
            if worth > best_worth + 1e-12:
                best_site, best_worth = site, worth
        if best_site >= 0:
            self._try(node, best_site, slots, wanted, log)
            self.uses[best_site] += 1

    def _try(self, node: int, site: int, slots: Ints, wanted: Ints, log: Ints) -> int:
        open_node(self.rules, self.state, node, site, self.encoded.capacity[site], 1)
        view = self.view
        return int(fill_node(self.rules, self.state, node, slots, view.member_at, view.member, wanted, log))

    def _sites(self, kind: int) -> list[int]:
        """Sites of a kind to try: the cheapest, least used first, then dearer ones."""
        sites = self.view.sites_of_kind[kind]
        cost = self.encoded.objective[sites]
        near = sites[cost <= cost[0] * (1.0 + PRICE_TIE)]
        near = near[np.argsort(self.uses[near], kind="stable")]
        return [int(site) for site in (*near, *sites[len(near) :])][:CANDIDATE_SITES]

    def _emptiest(self, sites: list[int], slots: Ints, wanted: Ints, *, zone: Zone | None) -> list[int]:
        """The sites of one price reordered: the zone dealt first, then where its pods are fewest in their domains."""
        view, cost = self.view, self.encoded.objective
        crowds = {
            site: crowding(self.rules, self.state, site, slots, view.member_at, view.member, wanted) for site in sites
        }
        offers, best = self.encoded.launchables, cost[sites[0]] * (1.0 + PRICE_TIE)
        return sorted(sites, key=lambda s: (cost[s] > best, offers[s].offering.zone != zone, crowds[s]))

    def _open_for(self, c: int, wanted: Ints, log: Ints) -> bool:
        """Launch the node that holds one pod of class ``c`` and as much worth of the others as pays best."""
        rate = np.empty(len(self._kinds))
        waiting = self._waiting(wanted)[:TOP_UP_CLASSES]
        encoded = self.encoded
        rates(
            self.rules, c, wanted, waiting, self._first_sites, encoded.capacity, encoded.objective, self.value, rate
        )  # fmt: skip
        node = self._slot()
        if node < 0:
            return False
        ranked = [k for k in np.argsort(rate, kind="stable") if np.isfinite(rate[k])]
        for k in ranked[:CANDIDATE_KINDS] + ranked[CANDIDATE_KINDS:][-CANDIDATE_KINDS:]:
            for site in self._sites(int(self._kinds[k])):
                open_node(self.rules, self.state, node, site, encoded.capacity[site], 1)
                if fits(self.rules, self.state, c, node):
                    put(self.rules, self.state, c, node, 1)
                    wanted[c] -= 1
                    insert(self.rules, self.state, wanted, self._waiting(wanted), np.array([node]), self.scale, log)
                    self.uses[site] += 1
                    return True
                close_node(self.rules, self.state, node)
        return False

    def _cheapest_like(self, site: int, held: Ints, used: Ints) -> int | None:
        """A cheaper site with the template and zone of ``site`` that holds ``used``, ``None`` when there is none."""
        offers = self.encoded.launchables
        mine = offers[site]
        good = np.flatnonzero(
            (self.encoded.objective[: len(offers)] < self.encoded.objective[site] - 1e-12)
            & (self.encoded.capacity[: len(offers)] >= used).all(axis=1)
            & (self.rules.site_ok[held][:, : len(offers)] > 0).all(axis=0)
        )
        like = [
            s for s in good if offers[s].template is mine.template and offers[s].offering.zone == mine.offering.zone
        ]
        domains = self.rules.domain[self.rules.by_node == 0]
        like = [s for s in like if (domains[:, s] == domains[:, site]).all()]
        return int(min(like, key=lambda s: (self.encoded.objective[s], s))) if like else None


def resource_scale(encoded: Encoded) -> Floats:
    """One over the total that all pods request of each resource, (R,)."""
    pods = np.bincount(encoded.class_of, minlength=len(encoded.rules.size))
    total = pods @ encoded.rules.size
    return 1.0 / np.maximum(total, 1)
