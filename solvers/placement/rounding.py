"""From fractions of nodes to whole ones: dive down the relaxation, then solve parts of the fleet as integer programs.

A dive buys the whole part of the master's solution, solves again for what is left, with new columns that suit it, and
ends with an integer program when few nodes are left. Patterns are bought as slots: the master's exchanges stay open to
the end, when ``slots.settled`` seats the pods. Improvement takes nodes out and solves for their pods in the same way.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from solvers.placement.anneal import annealed
from solvers.placement.basket import Basket, KeepGoing, Purchase
from solvers.placement.columns import CLASSES_FOR_EXCHANGES, Generator, Relaxation
from solvers.placement.integer_program import Program
from solvers.placement.packing import Floats, Ints, exchanges
from solvers.placement.patterns import near_best
from solvers.placement.slots import Fleet, Swaps, settled

ENRICH_ROUNDS = 12
"""Pricing rounds for each step of the dive, fewer where nothing new is found."""

FIX_ABOVE = 0.75
"""Fractions above are rounded up when there is no whole node to fix."""

FIX_SHARE = 0.1
"""Most of the nodes left that are rounded up in one step."""

HURRIED_ABOVE = 0.3
"""Fractions above are rounded up at once when the time is over."""

NOISE = 0.1
"""Largest number added to fractions before they are ranked, so that dives differ."""

FEW_NODES = (12.0, 5.0, 40.0)
"""When so few nodes are left to choose, the integer program over the columns ends a dive; dives take turns."""

FEW_NODES_OF_SINGLES = (5.0,)
"""The same where pods have few equals: columns suit nothing but the solution they were made for."""

REPEATED = 3.0
"""Mean pods per class from which pods have equals."""

COMPLETE_PATTERNS = 2_000
"""Patterns that a better fleet may use up to which the whole problem is one integer program."""

COMPLETE_DETERMINISTIC_S = 0.5
"""CP-SAT's deterministic time for that program, in its seconds."""

TRIES_PER_POD, MOST_TRIES = 6_000, 1_000_000
"""Exchanges of one annealing, a tenth of a second at most."""

PARTS = 4
"""Times that a part of the fleet is annealed after the whole."""

FEWEST_OUT, MOST_OUT = 6, 16
"""Nodes taken out by one step of improvement."""

DIVE_DETERMINISTIC_S, IMPROVE_DETERMINISTIC_S = 0.15, 0.05
"""CP-SAT's deterministic time for the program at the end of a dive, and for one step of improvement, in its seconds."""

CLOSE = 1e-4
"""Gap to the relaxation below which a fleet is good enough."""

PROVEN = 5e-3
"""Gap of the relaxation to its bound above which it is no yardstick: it has not found its columns yet."""


def best_fleet(
    generator: Generator,
    *,
    demand: Ints,
    duals: Floats,
    rng: np.random.Generator,
    keep_going: KeepGoing,
    on_better: Callable[[Fleet], None],
) -> Fleet:
    """The cheapest fleet found for ``demand`` until told to stop, or until it is as good as proven.

    Parameters
    ----------
    generator
        Its master holds good columns already, and gains more.
    demand
        Pods of each class, (classes,).
    duals
        Value of a pod of each class, USD per hour, (classes,): tells wasteful nodes from good ones.
    rng
        Chooses what to try: the same state and the same answers of ``keep_going`` give the same fleet.
    keep_going
        Asked before each pricing round and each integer program.
    on_better
        Told of each fleet that is cheaper than the ones before.
    """
    price = generator.master.packing.price
    rounding = Rounding(generator)
    best = rounding.dive(demand, rng=None, keep_going=keep_going)
    on_better(best)
    enough = rounding.enough(demand)
    tries = 0
    while best.cost(price) > enough and keep_going():
        if tries == 0:
            fleet, proven = rounding.complete(demand, best)
            enough = np.inf if proven else enough
        elif tries % 3 == 0:
            fleet = rounding.improve(best, duals=duals, rng=rng, keep_going=keep_going)
        elif tries % 3 == 1 and not _repeated(demand):
            fleet = rounding.dive(demand, rng=rng, keep_going=keep_going)
        else:
            fleet = rounding.restart(demand, duals=duals, rng=rng, keep_going=keep_going)
        tries += 1
        if fleet.cost(price) < best.cost(price) - 1e-9:
            best = fleet
            on_better(best)
    return best


def dive(generator: Generator, *, demand: Ints, keep_going: KeepGoing) -> Fleet:
    """Round the master's solution to a fleet that holds all of ``demand``."""
    return Rounding(generator).dive(demand, rng=None, keep_going=keep_going)


def improve(
    generator: Generator, fleet: Fleet, *, duals: Floats, rng: np.random.Generator, keep_going: KeepGoing
) -> Fleet:
    """Take a few nodes out and solve for their pods again, once. Returns a fleet that costs no more."""
    return Rounding(generator).improve(fleet, duals=duals, rng=rng, keep_going=keep_going)


class Rounding:
    """Ways to whole nodes over one generator; each adds columns that the next may use."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self.master = generator.master
        self.packing = self.master.packing
        steady = self.packing.classes <= CLASSES_FOR_EXCHANGES
        self._dives = 0
        self.swaps: Swaps = exchanges(self.packing) if steady else ()

    def enough(self, demand: Ints) -> float:
        """Cost at which to stop: next to the relaxation's, or the least whole number of nodes if all cost the same."""
        bound = self.generator.bound_without(self.packing.demand - demand)
        self.master.set_demand(demand)
        enough = min(self.master.solve().cost, bound * (1.0 + PROVEN)) * (1.0 + CLOSE)
        price = self.packing.price
        if np.ptp(price) > 0.0:
            return enough
        return max(enough, float(np.ceil(bound / price[0] - 1e-6) * price[0] * (1.0 + 1e-9)))

    def dive(self, demand: Ints, *, rng: np.random.Generator | None, keep_going: KeepGoing) -> Fleet:
        """Round the master's solution to a fleet that holds all of ``demand``; ``rng`` varies what is rounded up."""
        few = FEW_NODES if _repeated(demand) else FEW_NODES_OF_SINGLES
        self._dives += 1
        return self._down(self._basket(demand), rng=rng, keep_going=keep_going, few=few[(self._dives - 1) % len(few)])

    def _down(self, basket: Basket, *, rng: np.random.Generator | None, keep_going: KeepGoing, few: float) -> Fleet:
        relaxed = basket.relax(rounds=0, keep_going=keep_going)
        while relaxed.amount.any():
            going = keep_going()
            chosen = _whole(relaxed, up_from=1.0 - 1e-6 if going else HURRIED_ABOVE)
            if not chosen and going and relaxed.amount.sum() <= few:
                rest = basket.cheapest(relaxed, deterministic_s=DIVE_DETERMINISTIC_S)
                if rest is not None:
                    basket.buy(rest)
                    break
            if not basket.buy(chosen or _rounded_up(relaxed, share=FIX_SHARE, rng=rng)):
                break
            relaxed = basket.relax(rounds=ENRICH_ROUNDS if going else 0, keep_going=keep_going)
        return basket.fleet()

    def improve(self, fleet: Fleet, *, duals: Floats, rng: np.random.Generator, keep_going: KeepGoing) -> Fleet:
        """Take a few nodes out, wasteful ones rather, and solve for their pods. Returns a fleet that costs no more."""
        price = self.packing.price
        leavers, kept = self._split(fleet, duals, rng)
        before = leavers.cost(price)
        basket = self._basket(np.sum(leavers.pods, axis=0), used=kept.kind)
        relaxed = basket.relax(rounds=ENRICH_ROUNDS, keep_going=keep_going)
        if relaxed.cost >= before * (1.0 - 1e-9):
            return fleet
        if _repeated(self.packing.demand):
            bought = basket.cheapest(relaxed, deterministic_s=IMPROVE_DETERMINISTIC_S, below=before)
            if bought is None or not basket.buy(bought):
                return fleet
            rest = basket.fleet()
        else:
            rest = self._down(basket, rng=rng, keep_going=keep_going, few=FEW_NODES_OF_SINGLES[0])
        if rest.cost(price) >= before * (1.0 - 1e-9):
            return fleet
        return Fleet(kind=kept.kind + rest.kind, pods=kept.pods + rest.pods)

    def restart(self, demand: Ints, *, duals: Floats, rng: np.random.Generator, keep_going: KeepGoing) -> Fleet:
        """Another fleet: a dive without integer programs, which break patterns up, annealed in whole and in parts."""
        fleet = self._down(self._basket(demand), rng=rng, keep_going=keep_going, few=0.0)
        fleet = self.anneal(fleet, duals=duals, rng=rng)
        for _ in range(PARTS):
            leavers, kept = self._split(fleet, duals, rng)
            again = self.anneal(leavers, duals=duals, rng=rng)
            fleet = Fleet(kind=kept.kind + again.kind, pods=kept.pods + again.pods)
        return fleet

    def anneal(self, fleet: Fleet, *, duals: Floats, rng: np.random.Generator) -> Fleet:
        """Exchange pods between nodes. Returns a fleet that costs no more."""
        tries = min(MOST_TRIES, TRIES_PER_POD * int(np.sum(fleet.pods)))
        return annealed(self.packing, fleet, values=duals, tries=tries, rng=rng)

    def complete(self, demand: Ints, best: Fleet) -> tuple[Fleet, bool]:
        """The optimum where few patterns can be part of a fleet cheaper than ``best``, and whether it is proven."""
        posed, cost = replace(self.packing, demand=demand), best.cost(self.packing.price)
        slack = cost - self.generator.bound_without(self.packing.demand - demand)
        found = near_best(
            posed, values=self.generator.proof, cost=posed.price, slack=slack, most=COMPLETE_PATTERNS
        )  # fmt: skip
        if found is None:
            return best, False
        kind, pattern = found
        program = Program(
            kind=kind, pattern=pattern, price=posed.price, need=demand, supply=posed.supply, below=cost
        )  # fmt: skip
        nodes, proven = program.solve(deterministic_s=COMPLETE_DETERMINISTIC_S)
        if nodes is None:
            return best, proven
        slots = np.repeat(pattern, nodes, axis=0)
        return settled(posed, kind=np.repeat(kind, nodes), slots=slots, demand=demand, swaps=()), proven

    def _basket(self, demand: Ints, *, used: Sequence[int] = ()) -> Basket:
        return Basket(self.generator, demand, swaps=self.swaps, used=used)

    def _split(self, fleet: Fleet, duals: Floats, rng: np.random.Generator) -> tuple[Fleet, Fleet]:
        """A few nodes, wasteful ones rather, and the others."""
        price = self.packing.price[fleet.kind]
        waste = np.maximum(0.0, price - np.array(fleet.pods) @ duals)
        weight = waste + 1e-3 * float(self.packing.price.mean())
        count = min(len(fleet.kind), int(rng.integers(FEWEST_OUT, MOST_OUT)))
        out = rng.choice(len(fleet.kind), size=count, replace=False, p=weight / weight.sum())
        stay = np.setdiff1d(np.arange(len(fleet.kind)), out)
        leavers, kept = (
            Fleet(kind=[fleet.kind[n] for n in nodes], pods=[fleet.pods[n] for n in nodes]) for nodes in (out, stay)
        )
        return leavers, kept


def _repeated(demand: Ints) -> bool:
    return bool(demand.sum() >= REPEATED * np.count_nonzero(demand))


def _whole(relaxed: Relaxation, *, up_from: float) -> Purchase:
    """The whole part of each amount, and one more where the fraction is at least ``up_from``."""
    whole = np.floor(relaxed.amount + 1.0 - up_from).astype(np.int64)
    return [(int(column), int(whole[column])) for column in np.flatnonzero(whole)]


def _rounded_up(relaxed: Relaxation, *, share: float, rng: np.random.Generator | None) -> Purchase:
    """The largest fraction, and others next to one while they are at most ``share`` of the nodes left."""
    noise = rng.uniform(0.0, NOISE, relaxed.amount.size) if rng is not None else 0.0
    ranked = np.argsort(-(relaxed.amount + noise * (relaxed.amount > 0)), kind="stable")
    ranked = ranked[: max(1, int(share * relaxed.amount.sum()))]
    return [(int(column), 1) for n, column in enumerate(ranked) if n == 0 or relaxed.amount[column] >= FIX_ABOVE]


__all__ = ["Fleet", "Rounding", "best_fleet", "dive", "improve"]
