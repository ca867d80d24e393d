"""From fractions of nodes to whole ones: dive down the relaxation, then re-solve parts of the fleet exactly.

The dive fixes the whole part of the master's solution, solves again for the pods that are left, and so on; at every
step new columns are priced that suit what is left. Improvement takes a few nodes out, solves the small problem of
their pods as an integer program over priced columns, and keeps the result when it is cheaper.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ortools.sat.python import cp_model

from solvers.placement.columns import Generator, Master, Relaxation
from solvers.placement.knapsack import fill
from solvers.placement.packing import UNLIMITED, Floats, Ints, Packing

KeepGoing = Callable[[], bool]

ENRICH_ROUNDS = 2
"""Pricing rounds for each step of the dive; more gain less than diving twice."""

FIX_ABOVE = 0.75
"""Fractions above are rounded up when there is no whole node to fix."""

EXACT_BELOW_NODES = 12.0
"""When so few nodes are left to choose, the integer program over the columns ends the dive."""

EXACT_COLUMNS = 250
"""Columns of smallest reduced cost that the integer program may use."""

EXACT_DETERMINISTIC_S = 0.25
"""CP-SAT's deterministic time for one small integer program, in its seconds."""

OBJECTIVE_SCALE = 1_000_000


@dataclass(slots=True, kw_only=True)
class Fleet:
    """Whole nodes: ``kind[n]`` and ``pods[n]`` (classes,) of each."""

    kind: list[int]
    pods: list[Ints]

    def cost(self, price: Floats) -> float:
        """USD per hour."""
        return float(price[self.kind].sum()) if self.kind else 0.0


def dive(generator: Generator, *, demand: Ints, keep_going: KeepGoing) -> Fleet:
    """Round the master's solution to a fleet that holds all of ``demand``."""
    master = generator.master
    fleet = Fleet(kind=[], pods=[])
    left = demand.copy()
    supply = master.packing.supply.copy()
    while left.any():
        master.set_demand(left)
        rounds = ENRICH_ROUNDS if keep_going() else 0
        relaxed = generator.enrich(rounds=rounds, demand=left, keep_going=keep_going)
        if relaxed.amount.sum() <= EXACT_BELOW_NODES and keep_going():
            rest = solve_small(master, relaxed, demand=left)
            if rest is not None:
                fleet.kind += rest.kind
                fleet.pods += rest.pods
                break
        _fix(master, relaxed, left, supply, fleet)
    master.set_demand(demand)
    return retyped(master.packing, fleet)


def _fix(master: Master, relaxed: Relaxation, left: Ints, supply: Ints, fleet: Fleet) -> None:
    """Take whole nodes off the relaxed solution; ``left`` and ``supply`` change in place."""
    whole = np.floor(relaxed.amount + 1e-6).astype(np.int64)
    if not whole.any():
        fraction = relaxed.amount
        whole = (fraction >= FIX_ABOVE).astype(np.int64)
        whole[int(fraction.argmax())] = 1
    ranked = np.argsort(-relaxed.duals, kind="stable")
    for column in sorted(np.flatnonzero(whole), key=lambda c: -relaxed.amount[c]):
        kind, pattern = master.columns.kind[column], master.columns.pattern[column]
        for _ in range(int(min(whole[column], supply[kind]))):
            pods = topped_up(master.packing, kind, np.minimum(pattern, left), left, ranked)
            if not pods.any():
                break
            fleet.kind.append(kind)
            fleet.pods.append(pods)
            left -= pods
            if supply[kind] != UNLIMITED:
                supply[kind] -= 1


def topped_up(packing: Packing, kind: int, pods: Ints, left: Ints, ranked: Ints) -> Ints:
    """A node's pods with what else fits of ``left``, most valuable classes first: its slots may exceed what is left."""
    room = packing.capacity[kind] - pods @ packing.size
    most = np.where(packing.allowed[kind] > 0, np.minimum(left, packing.limit), 0)
    result = pods.copy()
    fill(ranked, np.zeros(packing.classes), most, packing.size, room, result)
    return result


def solve_small(master: Master, relaxed: Relaxation, *, demand: Ints, best: float = np.inf) -> Fleet | None:
    """Integer program over the columns of smallest reduced cost; ``None`` when it finds nothing below ``best``."""
    packing, columns = master.packing, master.columns
    patterns = np.array(columns.pattern)
    reduced = packing.price[columns.kind] - patterns @ relaxed.duals
    chosen = np.argsort(reduced, kind="stable")[:EXACT_COLUMNS]
    chosen = chosen[np.minimum(patterns[chosen], demand).any(axis=1)]
    model = cp_model.CpModel()
    most = int(demand.sum())
    amounts = [model.new_int_var(0, most, "") for _ in chosen]
    for i in np.flatnonzero(demand):
        takes = [(amount, int(patterns[c, i])) for amount, c in zip(amounts, chosen, strict=True) if patterns[c, i]]
        if not takes:
            return None
        model.add(cp_model.LinearExpr.weighted_sum([a for a, _ in takes], [w for _, w in takes]) >= int(demand[i]))
    prices = [round(packing.price[columns.kind[c]] * OBJECTIVE_SCALE) for c in chosen]
    cost = cp_model.LinearExpr.weighted_sum(amounts, prices)
    if np.isfinite(best):
        model.add(cost <= int((best - 1e-6) * OBJECTIVE_SCALE))
    model.minimize(cost)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = EXACT_DETERMINISTIC_S
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    fleet, left = Fleet(kind=[], pods=[]), demand.copy()
    for amount, c in zip(amounts, chosen, strict=True):
        for _ in range(solver.value(amount)):
            pods = np.minimum(patterns[c], left)
            if pods.any():
                fleet.kind.append(columns.kind[c])
                fleet.pods.append(pods)
                left -= pods
    return fleet


def retyped(packing: Packing, fleet: Fleet) -> Fleet:
    """The same pods on each node, each node of the cheapest launchable kind that holds them."""
    kinds: list[int] = []
    for kind, pods in zip(fleet.kind, fleet.pods, strict=True):
        if packing.supply[kind] != UNLIMITED:
            kinds.append(kind)
            continue
        room = (packing.capacity >= pods @ packing.size).all(axis=1) & (packing.supply == UNLIMITED)
        room &= (packing.allowed[:, pods > 0] > 0).all(axis=1)
        price = np.where(room, packing.price, np.inf)
        kinds.append(int(price.argmin()) if price.min() < packing.price[kind] else kind)
    return Fleet(kind=kinds, pods=fleet.pods)


def improve(
    generator: Generator, fleet: Fleet, *, duals: Floats, rng: np.random.Generator, keep_going: KeepGoing
) -> Fleet:
    """Take a few nodes out and re-solve them exactly, once. Returns a fleet that costs no more."""
    master = generator.master
    packing = master.packing
    waste = packing.price[fleet.kind] - np.array([pods @ duals for pods in fleet.pods])
    weight = np.maximum(waste, 0.0) + 1e-3 * packing.price.mean()
    count = min(len(fleet.kind), int(rng.integers(4, 14)))
    out = rng.choice(len(fleet.kind), size=count, replace=False, p=weight / weight.sum())
    demand = np.sum([fleet.pods[n] for n in out], axis=0)
    before = float(packing.price[[fleet.kind[n] for n in out]].sum())
    master.set_demand(demand)
    relaxed = generator.enrich(rounds=ENRICH_ROUNDS, demand=demand, keep_going=keep_going)
    rest = solve_small(master, relaxed, demand=demand, best=before) if relaxed.cost < before - 1e-6 else None
    if rest is None:
        return fleet
    gone = set(out.tolist())
    kept = [n for n in range(len(fleet.kind)) if n not in gone]
    rest = retyped(packing, rest)
    return Fleet(
        kind=[fleet.kind[n] for n in kept] + rest.kind,
        pods=[fleet.pods[n] for n in kept] + rest.pods,
    )
