"""The search: bound first, then fleets, then what is worth changing of what runs."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from domain.errors import InvariantError
from solvers.placement.basket import KeepGoing
from solvers.placement.builder import Builder
from solvers.placement.columns import Generator, Master, Relaxation
from solvers.placement.encode import Encoded, Rules
from solvers.placement.engine import State, close_node, load, new_state, try_empty, unload
from solvers.placement.packing import Flags, Floats, Ints
from solvers.placement.rounding import Fleet, best_fleet, dive
from solvers.placement.settings import Budget
from solvers.placement.topology import RuleKind
from solvers.placement.view import SUNK_PRICE, Running, View, view_of
from solvers.placement.zonal import Part, generator_of, spread_over_zones, zone_parts

BOUND_TARGET = 5e-4
"""Gap between master and bound at which proving more is not worth the time."""

STEERING_TARGET = 5e-3
BOUND_SHARE, STEERING_SHARE = 0.68, 0.72
FIRST_FLEET_SHARE, BOUND_FLEET_SHARE, FLEET_SHARE = 0.12, 0.80, 0.93
FIRST_BUILD_SHARE, ZONES_FROM_SHARE, BUILD_SHARE, POLISH_SHARE = 0.15, 0.50, 0.88, 0.98
"""Shares of the budget after which each phase ends; the rest is for building nodes and ordering moves."""

MAX_BUILDS = 12
BUILDS_FROM = 4
"""Times a fleet bound by rules is built, from how many of the best: which one suits the zones shows only then."""

ZONE_ROUNDS = 40
"""Pricing rounds at most for the patterns of one zone: most are known from all zones together."""

IDLE_REPACKS = 1_500
"""Repacks without gain after which more of them are not worth waiting for."""

PREFIXES = (1.0, 0.8, 0.6, 0.4, 0.2)
"""Shares of the wasteful nodes that are tried to be replaced at once."""

NEVER = np.iinfo(np.int64).max
"""A number of domains that is never reached, so that the emptiest counts as 0."""

Report = Callable[[str, float | None, float], None]


@dataclass(slots=True, kw_only=True)
class Found:
    """A placement: the state, who could not be placed (C,), and which running nodes are gone."""

    state: State
    builder: Builder
    nowhere: Ints
    removed: frozenset[int] = frozenset()
    objective: float = 0.0


@dataclass(slots=True)
class Search:
    """One search.

    ``pods`` (C,) are the pods to place by class, ``sunk_usd_per_h`` what the nodes cost that stay anyway.
    """

    encoded: Encoded
    budget: Budget
    rng: np.random.Generator
    report: Report
    pods: Ints
    running: Running
    sunk_usd_per_h: float
    view: View = field(init=False)
    bound: Generator = field(init=False)
    steering: Generator = field(init=False)
    relaxed: Relaxation = field(init=False)
    _fleets: list[Fleet] = field(default_factory=list)

    def relax(self) -> None:
        """Prove the bound, then find columns and values for the objective."""
        self.view = view_of(self.encoded, demand=self.pods, running=self.running)
        view = self.view
        self.bound = Generator(Master(view.packing))
        if view.packing.classes == 0:
            self.steering = self.bound
            return
        self.bound.start()
        going = self.budget.until(BOUND_SHARE)
        self.relaxed = self.bound.run(
            target=BOUND_TARGET,
            keep_going=going,
            on_round=lambda _, bound: self.report("bound", None, self.proven(bound)),
        )
        self.steering = self.bound
        same = np.array_equal(view.packing.price, view.steering.price)
        if same and np.array_equal(view.packing.limit, view.steering.limit):
            return
        self.steering = Generator(Master(view.steering))
        self.steering.start()
        columns = self.bound.master.columns
        for kind, pattern in zip(columns.kind, columns.pattern, strict=True):
            if (pattern <= view.steering.limit).all():
                self.steering.master.add(kind, pattern)
        going = self.budget.until(STEERING_SHARE)
        self.relaxed = self.steering.run(target=STEERING_TARGET, keep_going=going)

    def proven(self, bound: float) -> float:
        """Bound of the whole bill: what stays anyway, and at least so much for the pods that are placed."""
        slack = SUNK_PRICE * float(self.running.stays.sum())
        return self.sunk_usd_per_h + max(0.0, bound - slack)

    def fleet_for(self, demand: Ints, *, until: float, improving: bool) -> Fleet:
        """Whole nodes for a packing demand (P,)."""
        going = self.budget.until(until)
        if not improving:
            return dive(self.steering, demand=demand, keep_going=going)

        def told(fleet: Fleet) -> None:
            self._fleets.append(fleet)
            self.report("fleet", fleet.cost(self.view.packing.price), self.proven(self.bound.lower_bound))

        return best_fleet(
            self.steering, demand=demand, duals=self.relaxed.duals, rng=self.rng, keep_going=going, on_better=told
        )

    def value_of_class(self) -> Floats:
        """Value of one pod of each placement class at the master's duals, (C,)."""
        value = np.full(len(self.encoded.rules.size), 1e-9)
        known = self.view.packing_class >= 0
        if known.any():
            value[known] = np.maximum(1e-9, self.relaxed.duals[self.view.packing_class[known]])
        return value

    def builder(self, rules: Rules, state: State) -> Builder:
        """A builder over a state, new nodes after the running ones."""
        return Builder(
            encoded=self.encoded, rules=rules, view=self.view, state=state, value=self.value_of_class(),
            uses=np.zeros(len(self.encoded.price), np.int64),
        )  # fmt: skip

    def from_scratch(self) -> Found:
        """The ideal fleet for all pods."""
        rules = for_fresh_fleet(self.encoded, self.pods)
        zoned = spread_over_zones(rules, self.pods)
        self._fleets = [Fleet(kind=[], pods=[])]
        if self.view.packing.classes:
            bound = len(rules.rule_kind) > 0
            until = FIRST_FLEET_SHARE if zoned else BOUND_FLEET_SHARE if bound else FLEET_SHARE
            self._fleets.append(self.fleet_for(self.view.packing.demand, until=until, improving=True))
        zoned = zoned and self.budget.until(ZONES_FROM_SHARE)()
        best = self._best_built(rules, until=FIRST_BUILD_SHARE if zoned else BUILD_SHARE)
        if zoned:
            again = self._zone_by_zone(best, rules)
            best = min(best, again, key=lambda found: (found.nowhere.sum(), found.objective))
        self._polish(best.builder)
        best.objective = self._objective(best.builder, {})
        return best

    def _best_built(self, rules: Rules, *, until: float) -> Found:
        """The best of the best fleets, built more than once where rules make that a matter of luck."""
        going = self.budget.until(until)
        good = self._fleets[-1 : -BUILDS_FROM - 1 : -1]
        best = self._built(good[0], rules, seed=0)
        for attempt in range(1, MAX_BUILDS if len(rules.rule_kind) else 1):
            if not going():
                break
            found = self._built(good[attempt % len(good)], rules, seed=attempt)
            if (found.nowhere.sum(), found.objective) < (best.nowhere.sum(), best.objective):
                best = found
        return best

    def _zone_by_zone(self, first: Found, rules: Rules) -> Found:
        """A fleet made anew in each zone for the pods that ``first`` has there."""
        parts = zone_parts(self.encoded, rules, self.view, first.state, values=self.value_of_class())
        if not parts:
            return first
        goings = self.budget.shared(FLEET_SHARE, parts=len(parts))
        rngs = self.rng.spawn(len(parts))
        with ThreadPoolExecutor(len(parts)) as pool:
            fleets = list(pool.map(self._fleet_of_part, parts, rngs, goings))
        builder, wanted, nowhere = self._blank(rules)
        for part, fleet in zip(parts, fleets, strict=True):
            mine = part.pods.copy()
            replace(builder, view=part.view).build(fleet, mine)
            wanted -= part.pods - mine
        return self._completed(builder, wanted, nowhere)

    def _fleet_of_part(self, part: Part, rng: np.random.Generator, going: KeepGoing) -> Fleet:
        generator = generator_of(part, self.steering)
        demand = part.view.steering.demand
        relaxed = generator.enrich(rounds=ZONE_ROUNDS, demand=demand, keep_going=going)
        return best_fleet(
            generator, demand=demand, duals=relaxed.duals, rng=rng, keep_going=going, on_better=lambda _: None
        )

    def _blank(self, rules: Rules) -> tuple[Builder, Ints, Ints]:
        """A builder with nothing built, the pods to place, and those that no node can hold."""
        slots = min(int(self.pods.sum()), 2 * max(len(known.kind) for known in self._fleets) + 64) + 1
        builder = self.builder(rules, new_state(rules, slots=slots))
        hostable = self.view.packing_class >= 0
        return builder, np.where(hostable, self.pods, 0), np.where(hostable, 0, self.pods)

    def _built(self, fleet: Fleet, rules: Rules, *, seed: int) -> Found:
        """A fleet as real nodes: zones dealt, rules kept, what is left over on nodes of its own."""
        builder, wanted, nowhere = self._blank(rules)
        builder.seed = seed
        builder.build(fleet, wanted)
        return self._completed(builder, wanted, nowhere)

    def _completed(self, builder: Builder, wanted: Ints, nowhere: Ints) -> Found:
        """What is left of ``wanted`` goes where room is, then on nodes of its own."""
        rules = builder.rules
        builder.insert(wanted, builder.new_nodes())
        rest = builder.open_for_rest(wanted)
        builder.rules = self.encoded.rules._replace(quota=rules.quota, quota_over=rules.quota_over)
        builder.insert(rest, builder.new_nodes())
        nowhere += builder.open_for_rest(rest)
        builder.rules = rules
        builder.retype()
        return Found(state=builder.state, builder=builder, nowhere=nowhere, objective=self._objective(builder, {}))

    def _polish(self, builder: Builder) -> None:
        """Places a few nodes at a time anew, wasteful ones first, while that pays."""
        going = self.budget.until(POLISH_SHARE)
        nodes = builder.new_nodes()
        idle = 0
        while len(nodes) and idle < IDLE_REPACKS and going():
            cost = self.encoded.objective[builder.state.site[nodes]]
            waste = np.maximum(cost - builder.state.held[nodes] @ builder.value, 0.0) + 0.01 * cost
            size = min(len(nodes), int(self.rng.integers(1, 6)))
            chosen = self.rng.choice(nodes, size=size, replace=False, p=waste / waste.sum())
            idle += 1
            if builder.repack([int(n) for n in chosen], rng=self.rng):
                nodes = builder.new_nodes()
                idle = 0
        builder.drop_empty()

    def from_running(
        self, *, held: Ints, room: Ints, takes: Flags, pending: Ints, movable: Ints, may_go: Ints, eviction_cost: float,
        node_min_saving: float,
    ) -> Found:  # fmt: skip
        """What is worth changing: tries to replace the most wasteful nodes, more or fewer at once, and keeps the best.

        ``held`` (N, C) pods on running nodes, ``room`` (N, R), ``takes`` (N,), ``pending`` (C,), ``movable`` (N, C) the
        pods that would be evicted, ``may_go`` indices of nodes that may be emptied.
        """
        value = self.value_of_class()
        sites = len(self.encoded.launchables) + np.arange(len(self.encoded.nodes))
        objective = self.encoded.objective[sites]
        evictions = movable.sum(axis=1)
        waste = objective - movable @ value - eviction_cost * evictions
        ranked = [int(n) for n in may_go[np.argsort(-(waste / np.maximum(objective, 1e-9))[may_go], kind="stable")]]
        wasteful = [n for n in ranked if waste[n] >= node_min_saving * objective[n]]
        going = self.budget.until(FLEET_SHARE)
        best: Found | None = None
        for share in (0.0, *PREFIXES):
            gone = wasteful[: round(share * len(wasteful))]
            if best is not None and (not gone or not going()):
                continue
            found = self._without(gone, held, room, takes, pending, movable)
            found = self._tightened(found, ranked, movable, objective, eviction_cost, node_min_saving)
            found.objective = self._objective(found.builder, found.removed, objective, eviction_cost, evictions)
            better = best is None or (
                found.nowhere.sum(), found.objective) < (best.nowhere.sum(), best.objective - 1e-9)  # fmt: skip
            if better:
                best = found
                self.report("moves", self._billed(found), self.proven(self.bound.lower_bound))
        if best is None:
            raise InvariantError("the search tried nothing")
        return best

    def _without(self, gone: list[int], held: Ints, room: Ints, takes: Flags, pending: Ints, movable: Ints) -> Found:
        """The cluster with some nodes emptied: spare room first, then new nodes; no place, no emptying."""
        gone = list(gone)
        while True:
            wanted = pending + movable[gone].sum(axis=0)
            state = self.running_state(held, room, takes, slots=len(takes) + int(wanted.sum()) + 1)
            rules = self.encoded.rules
            unload(rules, state, np.array(gone, np.int64), movable)
            builder = self.builder(rules, state)
            stay = np.setdiff1d(np.arange(len(takes)), gone)
            builder.insert(wanted, stay)
            demand = self.view.demand_of(wanted)
            if demand.any():
                builder.build(self.fleet_for(demand, until=FLEET_SHARE, improving=False), wanted)
                builder.insert(wanted, np.concatenate([stay, builder.new_nodes()]))
            nowhere = builder.open_for_rest(wanted)
            lost = np.maximum(0, nowhere - pending)
            back = [n for n in gone if (movable[n] * (lost > 0)).any()]
            if not back:
                builder.drop_empty()
                return Found(state=state, builder=builder, nowhere=nowhere, removed=frozenset(gone))
            gone = [n for n in gone if n not in set(back)]

    def _tightened(
        self, found: Found, ranked: list[int], movable: Ints, objective: Floats, eviction_cost: float,
        node_min_saving: float,
    ) -> Found:  # fmt: skip
        """Empty further nodes one at a time, the most wasteful first, where all their pods fit elsewhere."""
        state, rules, builder = found.state, self.encoded.rules, found.builder
        removed = set(found.removed)
        for node in sorted(builder.new_nodes(), key=lambda n: -self.encoded.objective[state.site[n]]):
            mine = state.held[node].astype(np.int64)
            if self._empty(found, int(node), mine):
                close_node(rules, state, int(node))
        for node in ranked:
            mine = movable[node]
            gain = objective[node] - eviction_cost * mine.sum()
            gained = state.held[node].sum() - mine.sum()
            if node in removed or gained != 0 or gain < node_min_saving * objective[node]:
                continue
            if self._empty(found, node, mine):
                removed.add(node)
        found.removed = frozenset(removed)
        return found

    def _empty(self, found: Found, node: int, mine: Ints) -> bool:
        state = found.state
        log = np.empty((int(mine.sum()), 2), np.int64)
        takes = state.takes[node]
        state.takes[node] = 0
        others = np.concatenate([np.flatnonzero(state.takes[: len(self.encoded.nodes)]), found.builder.new_nodes()])
        moved = try_empty(self.encoded.rules, state, node, mine, others, found.builder.scale, found.builder.order, log)
        if moved < 0:
            state.takes[node] = takes
            return False
        return True

    def running_state(self, held: Ints, room: Ints, takes: Flags, *, slots: int) -> State:
        """What runs, in an engine of its own with ``slots`` node slots."""
        state = new_state(self.encoded.rules, slots=slots)
        load(self.encoded.rules, state, len(self.encoded.launchables), room, takes, held)
        return state

    def _objective(
        self, builder: Builder, removed: frozenset[int] | dict[int, int], objective: Floats | None = None,
        eviction_cost: float = 0.0, evictions: Ints | None = None,
    ) -> float:  # fmt: skip
        total = float(self.encoded.objective[builder.state.site[builder.new_nodes()]].sum())
        if objective is not None and evictions is not None:
            stay = np.setdiff1d(np.arange(len(objective)), list(removed))
            total += float(np.nansum(objective[stay])) + eviction_cost * float(evictions[list(removed)].sum())
        return total

    def _billed(self, found: Found) -> float:
        sites = len(self.encoded.launchables) + np.array(
            [n for n in range(len(self.encoded.nodes)) if n not in found.removed], np.int64
        )
        new = found.state.site[found.builder.new_nodes()]
        return float(np.nansum(self.encoded.price[sites]) + self.encoded.price[new].sum())


def for_fresh_fleet(encoded: Encoded, pods: Ints) -> Rules:
    """Rules for a fleet that is filled in any order, where only the final state counts.

    Each zone-like spread counter knows what it will hold in the end; over nodes, the emptiest is taken to hold none,
    since the next one begins so; and pods that a spread rule counts without their
    carrying it are held to it too, so that they do not tip the balance for those that do.
    """
    rules = encoded.rules
    launchable = len(encoded.launchables)
    quota, over = rules.quota.copy(), rules.quota_over.copy()
    raised = [rules.raise_counter[rules.raise_at[c] : rules.raise_at[c + 1]] for c in range(len(pods))]
    raising: dict[int, list[int]] = {}
    for c, counters in enumerate(raised):
        for t in counters:
            raising.setdefault(int(t), []).append(c)
    for t in np.flatnonzero((rules.spread > 0) & (rules.by_node == 0)):
        domains = np.unique(rules.domain[t, :launchable][rules.counts_here[t, :launchable] > 0])
        over[t] = max(1, int((domains >= 0).sum()))
        quota[t] = int(pods[raising.get(int(t), [])].sum())
    guarded = _guarded(rules, raised)
    empty_nodes_come = rules.by_node[guarded.rule_counter] > 0
    min_domains = np.where(empty_nodes_come, NEVER, guarded.rule_min_domains)
    return guarded._replace(quota=quota, quota_over=over, rule_min_domains=min_domains)


def _guarded(rules: Rules, raised: list[Ints]) -> Rules:
    """Every class that raises a spread counter is also bound by it, at the strictest skew that anybody asks for."""
    spread = rules.rule_kind == RuleKind.SPREAD
    skew = np.full(len(rules.by_node), np.iinfo(np.int64).max, np.int64)
    np.minimum.at(skew, rules.rule_counter[spread], rules.rule_skew[spread])
    columns: list[tuple[int, int, int, int, int]] = []
    at = [0]
    for c, counters in enumerate(raised):
        mine = range(rules.rule_at[c], rules.rule_at[c + 1])
        own = {int(rules.rule_counter[n]) for n in mine if spread[n]}
        columns += [
            (int(rules.rule_kind[n]), int(rules.rule_counter[n]), int(rules.rule_skew[n]),
             int(rules.rule_min_domains[n]), int(rules.rule_own[n]))
            for n in mine
        ]  # fmt: skip
        foreign = [int(t) for t in counters if rules.spread[t] and t not in own]
        columns += [(int(RuleKind.SPREAD), t, int(skew[t]), 0, 1) for t in foreign]
        at.append(len(columns))
    table = np.array(columns, np.int64).reshape(-1, 5)
    return rules._replace(
        rule_at=np.array(at, np.int64),
        rule_kind=np.ascontiguousarray(table[:, 0]),
        rule_counter=np.ascontiguousarray(table[:, 1]),
        rule_skew=np.ascontiguousarray(table[:, 2]),
        rule_min_domains=np.ascontiguousarray(table[:, 3]),
        rule_own=np.ascontiguousarray(table[:, 4]),
    )
