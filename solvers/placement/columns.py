"""Column generation: the linear relaxation of packing, and a proven lower bound of its cost.

The master chooses how many nodes of each pattern to run; pricing finds patterns worth more than they cost at the
current values of pods. Any values for which no pattern is worth more than its node costs bound the cost of every
fleet from below; values that overshoot are scaled down until they do (A. Farley, Operations Research 38, 1990). Values
are smoothed towards the best bound found (P. Wentges, International Transactions in OR 4, 1997).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from ortools.math_opt.python import mathopt
from ortools.sat.python import cp_model

from solvers.placement.glop import Glop
from solvers.placement.knapsack import price_all, swaps
from solvers.placement.packing import UNLIMITED, Floats, Ints, Packing, exchanges

SMOOTHING = 0.7
"""Weight of the best values so far in the values that are priced; halved when nothing is found there."""

NEIGHBOURS = 1_200
MAX_NEIGHBOURS = 20
"""Further patterns taken around each new one, over all kinds and at most: more slow the master than save rounds."""

SEARCH_NODES = 4_000
"""Search nodes per kind and round. What needs more is settled by CP-SAT when the bound is proven."""

PROOF_DETERMINISTIC_S = 0.6
"""CP-SAT's own deterministic time for one kind of node, in its seconds."""

PROOF_KINDS = 6
"""Kinds settled at a time, the worst ones: what they yield moves the others too."""

THREADS = 2
"""Kinds priced or settled at the same time; both work outside the interpreter lock. Results do not depend on it."""

SUM_SCALE = 2_000_000
"""Integers per price of the kind in CP-SAT's objective; rounding up keeps its bound valid."""

MAX_PATTERNS_PER_ROUND = 2_000
CLASSES_FOR_EXCHANGES = 400
"""Beyond so many classes the quadratic number of pairs costs more than it steadies."""


@dataclass(slots=True, kw_only=True)
class Columns:
    """Patterns found so far: ``kind[c]`` is the kind and ``pattern[c]`` (classes,) the pods of column ``c``."""

    kind: list[int] = field(default_factory=list)
    pattern: list[Ints] = field(default_factory=list)
    seen: set[tuple[int, bytes]] = field(default_factory=set)

    def add(self, kind: int, pattern: Ints) -> bool:
        """Keep a copy of a pattern; false when it is known already."""
        key = (kind, pattern.tobytes())
        if key in self.seen:
            return False
        self.seen.add(key)
        self.kind.append(kind)
        self.pattern.append(pattern.copy())
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """Solution of the master: cost, amount of each column, value of a pod of each class, value of a node in supply."""

    cost: float
    amount: Floats
    duals: Floats
    supply_duals: Floats


class Master:
    """The linear master problem over a growing set of columns, solved again from where it was (GLOP)."""

    def __init__(self, packing: Packing, *, demand: Ints | None = None) -> None:
        self.packing = packing
        self.columns = Columns()
        self._model = mathopt.Model()
        demand = packing.demand if demand is None else demand
        self._rows = [self._model.add_linear_constraint(lb=float(d)) for d in demand]
        limited = np.flatnonzero(packing.supply != UNLIMITED)
        self._supply = {int(k): self._model.add_linear_constraint(ub=float(packing.supply[k])) for k in limited}
        self._amounts: list[mathopt.Variable] = []
        swaps = exchanges(packing) if packing.classes <= CLASSES_FOR_EXCHANGES else []
        for small, large in swaps:
            swap = self._model.add_variable(lb=0.0)
            self._rows[small].set_coefficient(swap, 1.0)
            self._rows[large].set_coefficient(swap, -1.0)
        self._swaps = len(swaps)
        self._solver = Glop(self._model)

    def add(self, kind: int, pattern: Ints) -> bool:
        """Add a column; false when it is there already."""
        if not self.columns.add(kind, pattern):
            return False
        amount = self._model.add_variable(lb=0.0)
        for i in np.flatnonzero(pattern):
            self._rows[i].set_coefficient(amount, float(pattern[i]))
        if kind in self._supply:
            self._supply[kind].set_coefficient(amount, 1.0)
        self._model.objective.set_linear_coefficient(amount, float(self.packing.price[kind]))
        self._amounts.append(amount)
        return True

    def reprice(self, packing: Packing) -> None:
        """Go on with the same columns at other prices."""
        self.packing = packing
        for amount, kind in zip(self._amounts, self.columns.kind, strict=True):
            self._model.objective.set_linear_coefficient(amount, float(packing.price[kind]))

    def set_demand(self, demand: Ints) -> None:
        """Change the number of pods to cover."""
        for row, pods in zip(self._rows, demand, strict=True):
            row.lower_bound = float(pods)

    def solve(self) -> Relaxation:
        """Optimum over the columns so far."""
        cost, values, duals = self._solver.solve(
            variables=self._swaps + len(self._amounts), rows=len(self._rows) + len(self._supply)
        )
        supply_duals = np.zeros(self.packing.kinds)
        supply_duals[list(self._supply)] = np.minimum(0.0, duals[len(self._rows) :])
        return Relaxation(
            cost=cost, amount=values[self._swaps :], duals=np.maximum(0.0, duals[: len(self._rows)]),
            supply_duals=supply_duals,
        )  # fmt: skip


@dataclass(slots=True)
class Pricing:
    """What one pricing of all kinds found: improving patterns, the best worth found and proven for each kind."""

    kinds: Ints
    patterns: Ints
    found: Floats
    proven: Floats


class Generator:
    """Generates columns until the bound meets the master, the budget ends, or nothing new is found.

    ``lower_bound`` is proven by the values ``proof`` (classes,) of single pods. With one of ``threads`` it keeps to the
    caller's, for generators that work side by side.
    """

    def __init__(self, master: Master, *, threads: int = THREADS) -> None:
        self.master = master
        self.lower_bound = 0.0
        self.proof: Floats = np.zeros(master.packing.classes)
        self._center: Floats | None = None
        self._estimate = 0.0
        self._slack = 0.01
        kinds, classes = master.packing.kinds, master.packing.classes
        self._neighbours = min(MAX_NEIGHBOURS, NEIGHBOURS // max(1, kinds))
        self._map = ThreadPoolExecutor(threads).map if threads > 1 else map
        self._parts = [np.arange(part, kinds, threads) for part in range(threads)]
        self._kinds = [np.zeros(MAX_PATTERNS_PER_ROUND, np.int64) for _ in range(threads)]
        self._patterns = [np.zeros((MAX_PATTERNS_PER_ROUND, classes), np.int64) for _ in range(threads)]
        self._found, self._proven = np.zeros(kinds), np.zeros(kinds)

    def start(self) -> None:
        """Give the master a first column per class: as many as fit on the kind that hosts it for the least."""
        packing = self.master.packing
        fits = packing.fits()
        with np.errstate(divide="ignore"):
            rate = np.where((fits > 0) & (packing.supply == UNLIMITED)[:, None], packing.price[:, None] / fits, np.inf)
        for i in range(packing.classes):
            kind = int(rate[:, i].argmin())
            pattern = np.zeros(packing.classes, np.int64)
            pattern[i] = fits[kind, i]
            self.master.add(kind, pattern)

    def adopt(self, proof: Floats) -> None:
        """Start from values (classes,) that are known to overprice no pattern."""
        self.proof = proof
        self.lower_bound = self._estimate = float(proof @ self.master.packing.demand)
        self._center = proof

    def run(
        self, *, target: float, keep_going: Callable[[], bool], on_round: Callable[[float, float], None] | None = None
    ) -> Relaxation:
        """Generate until the bound is within ``target`` of the master's cost, or until told to stop.

        ``on_round`` is given the master's cost and the proven bound after each round.
        """
        smoothing = SMOOTHING
        while True:
            relaxed = self.master.solve()
            new, smoothing = self._round(relaxed, smoothing)
            if on_round is not None:
                on_round(relaxed.cost, self.lower_bound)
            close = relaxed.cost <= self._estimate * (1.0 + 0.5 * target)
            self._slack = min(self._slack, max(1e-4, 0.1 * (relaxed.cost / max(self._estimate, 1e-12) - 1.0)))
            if (close or new == 0) and keep_going():
                new += self._prove(target)
                self._estimate = self.lower_bound
            if relaxed.cost <= self.lower_bound * (1.0 + target) or new == 0 or not keep_going():
                return relaxed

    def enrich(self, *, rounds: int, demand: Ints, keep_going: Callable[[], bool]) -> Relaxation:
        """A few plain rounds at the master's own values, for columns that suit a changed demand or price."""
        relaxed = self.master.solve()
        for _ in range(rounds):
            pricing = self._price(relaxed.duals, relaxed.supply_duals, limit=demand, slack=1e-3)
            if self._take(pricing, relaxed) == 0 or not keep_going():
                break
            relaxed = self.master.solve()
        return relaxed

    def _round(self, relaxed: Relaxation, smoothing: float) -> tuple[int, float]:
        packing = self.master.packing
        weight = smoothing if self._center is not None else 0.0
        while True:
            values = relaxed.duals
            if self._center is not None:
                values = weight * self._center + (1.0 - weight) * relaxed.duals
            pricing = self._price(values, relaxed.supply_duals, limit=packing.demand, slack=self._slack)
            self._bound(values, pricing)
            new = self._take(pricing, relaxed)
            if new == 0 and weight == 0.0 and self._slack > 1e-4:
                self._slack /= 4
                continue
            if new or weight == 0.0:
                return new, SMOOTHING if weight == smoothing else max(0.3, weight)
            weight = 0.0 if weight < 0.1 else weight / 2

    def _price(self, values: Floats, supply_duals: Floats, *, limit: Ints, slack: float) -> Pricing:
        packing = self.master.packing
        cost = packing.price - supply_duals
        most = np.minimum(packing.limit, limit)

        def price(part: int) -> int:
            return price_all(
                values, packing.size, packing.capacity, cost, most, packing.allowed, self._parts[part], slack,
                SEARCH_NODES, self._neighbours, self._kinds[part], self._patterns[part], self._found, self._proven,
            )  # fmt: skip

        counts = list(self._map(price, range(len(self._parts))))
        return Pricing(
            np.concatenate([kinds[:n] for kinds, n in zip(self._kinds, counts, strict=True)]),
            np.concatenate([patterns[:n] for patterns, n in zip(self._patterns, counts, strict=True)]),
            self._found,
            self._proven,
        )

    def _take(self, pricing: Pricing, relaxed: Relaxation) -> int:
        packing, new = self.master.packing, 0
        for kind, pattern in zip(pricing.kinds, pricing.patterns, strict=True):
            cost = packing.price[kind] - relaxed.supply_duals[kind]
            if relaxed.duals @ pattern > cost * (1.0 + 1e-9):
                new += self.master.add(int(kind), pattern)
        return new

    def _bound(self, values: Floats, pricing: Pricing) -> None:
        """Learn the proven bound of these values, and move the centre when their estimated bound is the best yet."""
        self._learn(values, pricing.proven)
        estimate, scale = self._value_of(values, pricing.found)
        if estimate > self._estimate:
            self._estimate = estimate
            self._center = values * scale

    def _value_of(self, values: Floats, worth: Floats) -> tuple[float, float]:
        """Farley's bound: scale the values until no unlimited kind overshoots; kinds in supply pay what they overshoot.

        ``worth`` is an upper bound on the best pattern of each kind at ``values`` (before scaling).
        """
        packing = self.master.packing
        open_ended = packing.supply == UNLIMITED
        scale = 1.0 / max(1.0, float((worth[open_ended] / packing.price[open_ended]).max(initial=0.0)))
        bound = float(values @ packing.demand) * scale
        limited = ~open_ended
        overshoot = np.maximum(0.0, worth[limited] * scale - packing.price[limited])
        return bound - float((overshoot * packing.supply[limited]).sum()), scale

    def _prove(self, target: float) -> int:
        """Settle by CP-SAT the kinds whose best pattern the search could not prove, at the best values so far."""
        if self._center is None:
            return 0
        packing, values = self.master.packing, self._center
        nothing = np.zeros(packing.kinds)
        pricing = self._price(values, nothing, limit=packing.demand, slack=0.25 * target)
        proven, new = pricing.proven.copy(), 0
        ratio = proven / packing.price
        hard = np.flatnonzero((ratio > 1.0 + 0.5 * target) & (proven > pricing.found * (1.0 + 0.25 * target)))
        hard = hard[np.argsort(-ratio[hard], kind="stable")][:PROOF_KINDS]
        settled = self._map(lambda kind: _best_pattern_by_cp_sat(packing, int(kind), values, float(proven[kind])), hard)
        answers = list(zip(hard, settled, strict=True))
        for kind, pattern in zip(pricing.kinds, pricing.patterns, strict=True):
            new += self.master.add(int(kind), pattern)
        for kind, (patterns, bound) in answers:
            proven[kind] = bound
            new += sum(self._take_around(int(kind), pattern, values) for pattern in patterns)
        self._learn(values, proven)
        return new

    def _learn(self, values: Floats, proven: Floats) -> None:
        bound, scale = self._value_of(values, proven)
        if bound > self.lower_bound:
            self.lower_bound = bound
            self.proof = values * scale

    def bound_without(self, unplaced: Ints) -> float:
        """The bound for all pods but ``unplaced`` (classes,): the same values still overprice no pattern."""
        return max(0.0, self.lower_bound - float(self.proof @ unplaced))

    def _take_around(self, kind: int, pattern: Ints, values: Floats) -> int:
        """Add a pattern and its neighbours that are still worth more than the kind costs."""
        packing = self.master.packing
        limit = np.where(packing.allowed[kind] > 0, np.minimum(packing.limit, packing.demand), 0)
        count = swaps(
            kind, values, packing.size, packing.capacity[kind], packing.price[kind], limit, pattern,
            self._neighbours, 0,
            self._kinds[0], self._patterns[0],
        )  # fmt: skip
        return self.master.add(kind, pattern) + sum(self.master.add(kind, near) for near in self._patterns[0][:count])


class _Collector(cp_model.CpSolverSolutionCallback):
    """Keeps every pattern that CP-SAT finds on its way."""

    def __init__(self, amounts: dict[int, cp_model.IntVar], classes: int) -> None:
        super().__init__()
        self._amounts = amounts
        self._classes = classes
        self.patterns: list[Ints] = []

    def on_solution_callback(self) -> None:
        pattern = np.zeros(self._classes, np.int64)
        for i, amount in self._amounts.items():
            pattern[i] = self.value(amount)
        self.patterns.append(pattern)


def _best_pattern_by_cp_sat(packing: Packing, kind: int, values: Floats, proven: float) -> tuple[list[Ints], float]:
    """Patterns of one kind worth more than it costs at ``values``, and a proven bound on the best."""
    scale = SUM_SCALE / packing.price[kind]
    most = packing.fits()[kind]
    model = cp_model.CpModel()
    amounts = {int(i): model.new_int_var(0, int(most[i]), "") for i in np.flatnonzero((most > 0) & (values > 0))}
    index, variables = list(amounts), list(amounts.values())
    for r in range(packing.size.shape[1]):
        taken = cp_model.LinearExpr.weighted_sum(variables, [int(packing.size[i, r]) for i in index])
        model.add(taken <= int(packing.capacity[kind, r]))
    worth = cp_model.LinearExpr.weighted_sum(variables, [int(np.ceil(values[i] * scale)) for i in index])
    model.add(worth >= SUM_SCALE)
    model.maximize(worth)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = PROOF_DETERMINISTIC_S
    collector = _Collector(amounts, packing.classes)
    status = solver.solve(model, collector)
    if status == cp_model.INFEASIBLE:
        return [], float(packing.price[kind])
    return collector.patterns, min(proven, solver.best_objective_bound / scale)
