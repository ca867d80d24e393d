"""How many nodes of each pattern to buy, in whole numbers (CP-SAT)."""

from dataclasses import dataclass

import numpy as np
from ortools.sat.python import cp_model

from solvers.placement.packing import UNLIMITED, Floats, Ints
from solvers.placement.slots import Swaps

OBJECTIVE_SCALE = 1_000_000
"""Integers per USD in the objective."""

LEAST_GAIN = 2
"""Integers by which a solution must beat ``below``: more than its rounding can be off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The cheapest whole numbers of patterns with slots for all pods.

    Parameters
    ----------
    kind, pattern
        Of each column, (columns,) and (columns, classes).
    price
        USD per hour of each kind, (kinds,).
    need
        Pods of each class that lack a slot, (classes,); negative where slots are spare.
    supply
        Nodes of each kind that can be bought, (kinds,).
    swaps
        Which slots may change hands.
    below
        Only cheaper solutions are of interest, USD per hour.
    """

    kind: Ints
    pattern: Ints
    price: Floats
    need: Ints
    supply: Ints
    swaps: Swaps = ()
    below: float = np.inf

    def solve(self, *, deterministic_s: float) -> tuple[Ints | None, bool]:
        """Nodes of each column (columns,), ``None`` when nothing was found, and whether no better solution exists."""
        model, amounts = self._model()
        if model is None:
            return None, True
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.max_deterministic_time = deterministic_s
        status = solver.solve(model)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return None, status == cp_model.INFEASIBLE
        return np.array([solver.value(amount) for amount in amounts], np.int64), status == cp_model.OPTIMAL

    def _model(self) -> tuple[cp_model.CpModel | None, list[cp_model.IntVar]]:
        model = cp_model.CpModel()
        most = max(1, int(self.need.max(initial=0)))
        amounts = [model.new_int_var(0, int(min(most, self.supply[kind])), "") for kind in self.kind]
        cover = [[(amounts[c], int(self.pattern[c, i])) for c in np.flatnonzero(self.pattern[:, i])]
                 for i in range(len(self.need))]  # fmt: skip
        total = int(np.maximum(self.need, 0).sum())
        for small, large in self.swaps:
            swap = model.new_int_var(0, total, "")
            cover[small].append((swap, 1))
            cover[large].append((swap, -1))
        for slots, need in zip(cover, self.need, strict=True):
            if not slots and need > 0:
                return None, amounts
            if slots:
                model.add(_sum(slots) >= int(need))
        for kind in np.unique(self.kind[self.supply[self.kind] != UNLIMITED]):
            mine = [(amounts[c], 1) for c in np.flatnonzero(self.kind == kind)]
            model.add(_sum(mine) <= int(self.supply[kind]))
        cost = _sum([(a, round(self.price[k] * OBJECTIVE_SCALE)) for a, k in zip(amounts, self.kind, strict=True)])
        if np.isfinite(self.below):
            model.add(cost <= int(self.below * OBJECTIVE_SCALE) - LEAST_GAIN)
        model.minimize(cost)
        return model, amounts


def _sum(terms: list[tuple[cp_model.IntVar, int]]) -> cp_model.LinearExprT:
    return cp_model.LinearExpr.weighted_sum([variable for variable, _ in terms], [weight for _, weight in terms])
