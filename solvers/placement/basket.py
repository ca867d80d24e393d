"""What rounding has bought so far, and what the pods still lack."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from solvers.placement.columns import Generator, Master, Relaxation
from solvers.placement.integer_program import Program
from solvers.placement.packing import UNLIMITED, Ints
from solvers.placement.slots import Fleet, Swaps, settled

KeepGoing = Callable[[], bool]
Purchase = Sequence[tuple[int, int]]
"""Pairs (column, nodes)."""

EXACT_COLUMNS = 400
"""Columns of smallest reduced cost that the integer program may use."""


class Basket:
    """Nodes bought for ``demand`` (classes,) so far; ``used`` are kinds of nodes that count against supply already."""

    def __init__(self, generator: Generator, demand: Ints, *, swaps: Swaps, used: Sequence[int] = ()) -> None:
        self._generator = generator
        self._master = generator.master
        self._packing = packing = generator.master.packing
        self._swaps = swaps
        self._demand = demand
        self._need = demand.copy()
        taken = np.bincount(np.array(used, np.int64), minlength=packing.kinds)
        self._supply = np.where(packing.supply == UNLIMITED, UNLIMITED, packing.supply - taken)
        self._bought: list[tuple[int, int]] = []

    def relax(self, *, rounds: int, keep_going: KeepGoing) -> Relaxation:
        """The master's solution for what is left, after some pricing rounds."""
        self._master.set_demand(self._need)
        _set_supply(self._master, self._supply)
        wanted = np.maximum(self._need, 0)
        relaxed = self._generator.enrich(rounds=rounds, demand=wanted, keep_going=keep_going)
        amount = np.where(relaxed.amount > 1e-7, relaxed.amount, 0.0)
        return replace(relaxed, amount=amount)

    def buy(self, purchase: Purchase) -> int:
        """Buy as many of the nodes as supply allows; returns how many."""
        columns, total = self._master.columns, 0
        for column, wanted in purchase:
            kind = columns.kind[column]
            nodes = int(min(wanted, self._supply[kind]))
            if nodes == 0:
                continue
            total += nodes
            self._bought.append((column, nodes))
            self._need = self._need - nodes * columns.pattern[column]
            if self._supply[kind] != UNLIMITED:
                self._supply[kind] -= nodes
        return total

    def cheapest(self, relaxed: Relaxation, *, deterministic_s: float, below: float = np.inf) -> Purchase | None:
        """The rest as an integer program over columns of small reduced cost; ``None`` when it finds nothing."""
        columns, packing = self._master.columns, self._packing
        kind, pattern = np.array(columns.kind), np.array(columns.pattern)
        reduced = packing.price[kind] - relaxed.supply_duals[kind] - pattern @ relaxed.duals
        useful = np.flatnonzero((pattern[:, self._need > 0] > 0).any(axis=1))
        chosen = useful[np.argsort(reduced[useful], kind="stable")[:EXACT_COLUMNS]]
        program = Program(
            kind=kind[chosen], pattern=pattern[chosen], price=packing.price, need=self._need, supply=self._supply,
            swaps=self._swaps, below=below,
        )  # fmt: skip
        nodes, _ = program.solve(deterministic_s=deterministic_s)
        if nodes is None:
            return None
        return [(int(column), int(count)) for column, count in zip(chosen, nodes, strict=True) if count]

    def fleet(self) -> Fleet:
        """The nodes with all pods in their slots."""
        columns, packing = self._master.columns, self._packing
        count = [nodes for _, nodes in self._bought]
        kind = np.repeat(np.array([columns.kind[c] for c, _ in self._bought], np.int64), count)
        slots = np.zeros((0, packing.classes), np.int64)
        if count:
            slots = np.repeat(np.array([columns.pattern[c] for c, _ in self._bought]), count, axis=0)
        return settled(packing, kind=kind, slots=slots, demand=self._demand, swaps=self._swaps)


def _set_supply(master: Master, supply: Ints) -> None:
    """Change the number of nodes that limited kinds still have."""
    for kind, row in master._supply.items():  # noqa: SLF001 - the master has no word for this yet
        row.upper_bound = float(supply[kind])
