"""Builds real nodes from patterns: sites are chosen, and every rule between pods holds as each pod is placed."""

from dataclasses import dataclass

import numpy as np

from solvers.placement.encode import Encoded
from solvers.placement.engine import State, best_node, close_node, fill_node, fits, insert, open_node, put, undo
from solvers.placement.packing import UNLIMITED, Floats, Ints
from solvers.placement.rounding import Fleet
from solvers.placement.view import View

CANDIDATE_SITES = 6
"""Sites of a kind tried for a node when its pods do not all fit on the first: one for each zone of a large region."""

PRICE_TIE = 1e-9
"""Sites within this share of the cheapest count as equally good; the least used of them is taken."""


@dataclass(slots=True, kw_only=True)
class Builder:
    """Fills a `State` and remembers which slots are new. ``first_new`` is the first slot for launched nodes."""

    encoded: Encoded
    view: View
    state: State
    value: Floats
    next_slot: int
    uses: Ints

    @property
    def scale(self) -> Floats:
        """Weights that make the room of resources comparable: one over the total requested of each."""
        return resource_scale(self.encoded)

    def build(self, fleet: Fleet, wanted: Ints) -> None:
        """Open the nodes of a fleet and fill them from ``wanted`` (C,), which goes down in place."""
        log = np.empty((int(wanted.sum()) + 1, 2), np.int64)
        order = sorted(range(len(fleet.kind)), key=lambda n: (-int(fleet.pods[n].sum()), fleet.kind[n]))
        for n in order:
            if self.view.steering.supply[fleet.kind[n]] == UNLIMITED:
                self._build_node(fleet.kind[n], fleet.pods[n], wanted, log)

    def insert(self, wanted: Ints, nodes: Ints) -> int:
        """Place what fits of ``wanted`` on open nodes; largest classes first. Returns how many pods were placed."""
        log = np.empty((int(wanted.sum()) + 1, 2), np.int64)
        return int(insert(self.encoded.rules, self.state, wanted, self.order, nodes, self.scale, log))

    @property
    def order(self) -> Ints:
        """Classes by size, largest first: in the end small pods fill what large ones leave."""
        return np.argsort(-(self.encoded.rules.size @ self.scale), kind="stable")

    def open_for_rest(self, wanted: Ints) -> Ints:
        """Launch nodes for what is left of ``wanted``, best value per price first; returns pods with no place (C,)."""
        nowhere = np.zeros_like(wanted)
        log = np.empty((int(wanted.sum()) + 1, 2), np.int64)
        for c in self.order:
            while wanted[c] > 0:
                if not self._open_for(int(c), wanted, log):
                    nowhere[c] = wanted[c]
                    wanted[c] = 0
        return nowhere

    def drop_empty(self) -> None:
        """Close new nodes that hold nothing."""
        for node in self.new_nodes():
            if not self.state.held[node].any():
                close_node(self.encoded.rules, self.state, int(node))

    def new_nodes(self) -> Ints:
        """Open slots of launched nodes."""
        first = len(self.encoded.nodes)
        return first + np.flatnonzero(self.state.site[first : self.next_slot] >= 0)

    def _build_node(self, kind: int, slots: Ints, wanted: Ints, log: Ints) -> None:
        best_site, best_worth = -1, 0.0
        for site in self._sites(kind):
            placed = self._try(site, slots, wanted, log)
            if placed == slots.sum():
                self._settle(site)
                return
            worth = float(self.value[log[:placed, 1]].sum())
            undo(self.encoded.rules, self.state, wanted, log, placed)
            close_node(self.encoded.rules, self.state, self.next_slot)
            if worth > best_worth + 1e-12:
                best_site, best_worth = site, worth
        if best_site >= 0:
            self._try(best_site, slots, wanted, log)
            self._settle(best_site)

    def _try(self, site: int, slots: Ints, wanted: Ints, log: Ints) -> int:
        rules, node = self.encoded.rules, self.next_slot
        open_node(rules, self.state, node, site, self.encoded.capacity[site], 1)
        return int(fill_node(rules, self.state, node, slots, self.view.member_at, self.view.member, wanted, log))

    def _settle(self, site: int) -> None:
        self.uses[site] += 1
        self.next_slot += 1

    def _sites(self, kind: int) -> list[int]:
        """Sites of a kind to try: the cheapest, least used first, then dearer ones."""
        sites = self.view.sites_of_kind[kind]
        cost = self.encoded.objective[sites]
        near = sites[cost <= cost[0] * (1.0 + PRICE_TIE)]
        near = near[np.argsort(self.uses[near], kind="stable")]
        return [int(site) for site in (*near, *sites[len(near) :])][:CANDIDATE_SITES]

    def _open_for(self, c: int, wanted: Ints, log: Ints) -> bool:
        """Launch the node that holds one pod of class ``c`` and as much worth of the others as pays best."""
        rules = self.encoded.rules
        ranked: list[tuple[float, int]] = []
        for kind, sites in enumerate(self.view.sites_of_kind):
            if self.view.steering.supply[kind] != UNLIMITED:
                continue
            for site in self._sites(kind) if len(sites) else ():
                room = self.encoded.capacity[site] - rules.size[c]
                if rules.site_ok[c, site] and (room >= 0).all():
                    ranked.append((self._rate(c, site, room, wanted), site))
        ranked.sort()
        for _, site in ranked:
            open_node(rules, self.state, self.next_slot, site, self.encoded.capacity[site], 1)
            if fits(rules, self.state, c, self.next_slot):
                put(rules, self.state, c, self.next_slot, 1)
                wanted[c] -= 1
                insert(rules, self.state, wanted, self.order, np.array([self.next_slot]), self.scale, log)
                self._settle(site)
                return True
            close_node(rules, self.state, self.next_slot)
        return False

    def _rate(self, c: int, site: int, room: Ints, wanted: Ints) -> float:
        """Price per worth of a node that starts with a pod of class ``c`` and is topped up, rules aside."""
        worth = self.value[c]
        room = room.copy()
        rules = self.encoded.rules
        waiting = self.order[wanted[self.order] > 0]
        for other in waiting[:64]:
            if not rules.site_ok[other, site]:
                continue
            most = wanted[other] - (other == c)
            needs = rules.size[other] > 0
            most = min(int(most), int((room[needs] // rules.size[other][needs]).min(initial=UNLIMITED)))
            if most > 0:
                worth += most * self.value[other]
                room -= most * rules.size[other]
        return float(self.encoded.objective[site] / max(worth, 1e-12))


def resource_scale(encoded: Encoded) -> Floats:
    """One over the total that all pods request of each resource, (R,)."""
    pods = np.bincount(encoded.class_of, minlength=len(encoded.rules.size))
    total = pods @ encoded.rules.size
    return 1.0 / np.maximum(total, 1)


def spare_node(builder: Builder, c: int, nodes: Ints) -> int:
    """The fullest open node that takes one more pod of class ``c``, -1 when none does."""
    return int(best_node(builder.encoded.rules, builder.state, c, nodes, builder.scale))
