"""How many launches take which offering, for the least cost while no Spot pool holds more than a share of the vCPUs.

The linear relaxation says how cheap it can get and is nearly whole: launches with equal options count as one group, so
only about as many numbers are broken as there are pools at their limit. Those are rounded by hand. In a small program
CP-SAT then looks for something better, in any program it looks when rounding finds no way to keep the limits.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

from ortools.linear_solver.python import model_builder as mb

from domain.units import to_micro_usd
from solvers.placement.risk import Exposure, exposure

SMALL = 1_000
"""Options of all groups together up to which CP-SAT improves on rounding; beyond, it hardly finds anything in time."""

DETERMINISTIC_S = 0.1
"""CP-SAT's deterministic time for one program, in its seconds."""

GOOD_ENOUGH = 1e-5
"""Gap to the relaxation below which nothing better is looked for."""

GLOP = "use_dual_simplex:true"
"""Two to five times as fast as the primal simplex here: nearly all of the cheapest choice is right from the start."""

SAT = f"num_workers:1 random_seed:0 max_deterministic_time:{DETERMINISTIC_S} relative_gap_limit:{GOOD_ENOUGH / 10}"

WHOLE = 1e-6
"""A number this close to a whole one is whole."""

ROUNDINGS = 5
"""Rounding assumes how many vCPUs there will be; so often the assumption is corrected."""

Counts = list[list[int]]
"""How many launches of a group take an option: one list per group, one number per option."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An offering that a launch may take.

    ``pool`` is written as `domain.market.Pool` writes itself. ``cost_usd_per_h`` is what counts in the objective: the
    price with its risk premium. ``interruption_per_month`` is a probability, 0..1.
    """

    pool: str
    spot: bool
    vcpu: int
    cost_usd_per_h: float
    interruption_per_month: float = 0.0

    def __post_init__(self) -> None:
        if self.vcpu < 1:
            raise ValueError(f"an option of {self.pool} must have at least 1 vCPU, not {self.vcpu}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Launches with the same options, by their place in the list of all launches."""

    options: tuple[Option, ...]
    members: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Limits on shares (0..1) of all vCPUs.

    ``fed`` is for a Spot pool that is launched into, ``unfed`` for those that hold nodes already when they get no
    more, ``spot`` for all Spot pools together. Spot options of a larger ``interruption`` probability than this are not
    taken; below 0 none is.
    """

    fed: Fraction
    unfed: Mapping[str, Fraction]
    spot: Fraction = Fraction(1)
    interruption: float = 1.0


def solve_counts(groups: Sequence[Group], *, fixed: Exposure, shares: Shares, thorough: bool) -> Counts | None:
    """Counts of least cost; ``None`` when there are none, or none was found. Deterministic.

    Parameters
    ----------
    groups
        What to launch; every group has options.
    fixed
        Nodes that stay.
    shares
        Limits that the fleet of both must keep.
    thorough
        Whether to look for something better than rounding finds.
    """
    program = _Program(groups, fixed=fixed, shares=shares)
    relaxed = program.relaxed()
    if relaxed is None:
        return None
    rounded = program.rounded(relaxed)
    if rounded is not None and (not thorough or not program.worth_searching(rounded, relaxed)):
        return rounded
    found = (counts for counts in (rounded, program.searched(rounded)) if counts is not None)
    return min(found, key=lambda counts: cost_micro_usd_per_h(groups, counts), default=None)


def taken(groups: Sequence[Group], counts: Counts) -> Iterator[tuple[Option, int]]:
    """Options with the number of launches that take them, where that is not 0."""
    for group, numbers in zip(groups, counts, strict=True):
        for option, number in zip(group.options, numbers, strict=True):
            if number:
                yield option, number


def cost_micro_usd_per_h(groups: Sequence[Group], counts: Counts) -> int:
    """What counts cost in the objective, in micro-USD per hour."""
    return sum(to_micro_usd(option.cost_usd_per_h) * number for option, number in taken(groups, counts))


def shares_hold(groups: Sequence[Group], counts: Counts, *, fixed: Exposure, shares: Shares) -> bool:
    """Whether counts keep the limits, exactly."""
    launched = exposure(taken(groups, counts))
    total = fixed.vcpus + launched.vcpus
    for pool in fixed.spot.keys() | launched.spot.keys():
        most = shares.fed if launched.spot.get(pool) else shares.unfed.get(pool, shares.fed)
        if fixed.spot.get(pool, 0) + launched.spot.get(pool, 0) > most * total:
            return False
    spot = sum(fixed.spot.values()) + sum(launched.spot.values())
    return spot <= shares.spot * total and all(loss <= shares.interruption for loss in launched.loss.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Relaxed:
    """The relaxation's solution: numbers and reduced costs by group and option, all vCPUs, cost."""

    number: list[dict[int, float]]
    reduced: list[dict[int, float]]
    vcpus: float
    cost_micro_usd_per_h: float


class _Program:
    """The integer program; its relaxation is the same model with the numbers set free."""

    def __init__(self, groups: Sequence[Group], *, fixed: Exposure, shares: Shares) -> None:
        self._groups, self._fixed, self._shares = groups, fixed, shares
        self._launches = sum(len(group.members) for group in groups)
        self._most_vcpus = fixed.vcpus + sum(len(g.members) * max(o.vcpu for o in g.options) for g in groups)
        self._model = mb.Model()  # type: ignore[no-untyped-call]  # the only thing there without types
        self._whole: list[mb.Variable] = []
        self._numbers = [self._group(group) for group in groups]
        self._total = self._new(self._most_vcpus)
        self._model.add(self._total == _sum(((o.vcpu, n) for o, n in self._variables()), plus=fixed.vcpus))
        self._limit_pools()
        self._model.minimize(_sum((to_micro_usd(o.cost_usd_per_h), n) for o, n in self._variables()))

    def _new(self, most: int) -> mb.Variable:
        """A variable for a whole number."""
        self._whole.append(self._model.new_int_var(0, most, ""))
        return self._whole[-1]

    def _group(self, group: Group) -> dict[int, mb.Variable]:
        most = len(group.members)
        useful = [o for o in _useful(group.options) if self._may_take(group.options[o])]
        numbers = {option: self._new(most) for option in useful}
        self._model.add(_sum((1, number) for number in numbers.values()) == most)
        return numbers

    def _may_take(self, option: Option) -> bool:
        """Not what is interrupted too often, nor where even the largest fleet leaves a pool too full to launch into."""
        if not option.spot:
            return True
        load, most = self._fixed.spot.get(option.pool, 0) + option.vcpu, self._shares.fed * self._most_vcpus
        return option.interruption_per_month <= self._shares.interruption and load <= most

    def _variables(self) -> Iterator[tuple[Option, mb.Variable]]:
        for group, numbers in zip(self._groups, self._numbers, strict=True):
            for option, number in numbers.items():
                yield group.options[option], number

    def _limit_pools(self) -> None:
        by_pool: dict[str, list[tuple[int, mb.Variable]]] = {pool: [] for pool in self._fixed.spot}
        for option, number in self._variables():
            if option.spot:
                by_pool.setdefault(option.pool, []).append((option.vcpu, number))
        for pool, sizes in by_pool.items():
            self._limit(sizes, fixed=self._fixed.spot.get(pool, 0), unfed=self._shares.unfed.get(pool))
        if self._shares.spot < 1:
            everything = _sum(chain(*by_pool.values()), plus=sum(self._fixed.spot.values()))
            self._within(everything, share=self._shares.spot)

    def _limit(self, sizes: list[tuple[int, mb.Variable]], *, fixed: int, unfed: Fraction | None) -> None:
        """Keep a pool within one share when it is launched into, within another one when it is not."""
        load, fed = _sum(sizes, plus=fixed), self._shares.fed
        self._within(load, share=fed if unfed is None else unfed)
        if unfed is None or unfed <= fed or not sizes:
            return
        is_fed = self._new(1)
        self._model.add(_sum((1, number) for _, number in sizes) <= self._launches * is_fed)
        self._within(load - self._most_vcpus * (1 - is_fed), share=fed)

    def _within(self, load: mb.LinearExpr, *, share: Fraction) -> None:
        if share < 1:  # all whole numbers, so that nothing is left to tolerances
            self._model.add(share.denominator * load <= share.numerator * self._total)

    def relaxed(self) -> _Relaxed | None:
        """The program's solution when numbers may be broken, ``None`` when even so there is none."""
        self._set_whole(whole=False)
        solver = mb.Solver("glop")
        solver.set_solver_specific_parameters(GLOP)
        status = solver.solve(self._model)
        self._set_whole(whole=True)
        if status != mb.SolveStatus.OPTIMAL:
            return None
        return _Relaxed(
            number=[{o: max(0.0, solver.value(n)) for o, n in numbers.items()} for numbers in self._numbers],
            reduced=[{o: solver.reduced_cost(n) for o, n in numbers.items()} for numbers in self._numbers],
            vcpus=solver.value(self._total),
            cost_micro_usd_per_h=solver.objective_value,
        )

    def _set_whole(self, *, whole: bool) -> None:
        for variable in self._whole:
            variable.is_integral = whole

    def worth_searching(self, rounded: Counts, relaxed: _Relaxed) -> bool:
        """Whether there may be something better, and a chance to find it."""
        cost = cost_micro_usd_per_h(self._groups, rounded)
        return len(self._whole) <= SMALL and cost > relaxed.cost_micro_usd_per_h * (1 + GOOD_ENOUGH)

    def rounded(self, relaxed: _Relaxed) -> Counts | None:
        """Whole numbers close to the relaxed ones, ``None`` when the limits leave no way."""
        vcpus = math.floor(relaxed.vcpus + WHOLE)
        for _ in range(ROUNDINGS):
            counts = _Rounding(self._groups, relaxed, fixed=self._fixed, shares=self._shares, vcpus=vcpus).counts()
            if counts is None or shares_hold(self._groups, counts, fixed=self._fixed, shares=self._shares):
                return counts
            vcpus = min(vcpus - 1, self._fixed.vcpus + exposure(taken(self._groups, counts)).vcpus)
        return None

    def searched(self, hint: Counts | None) -> Counts | None:
        """The best that CP-SAT finds, starting from a hint."""
        if hint is not None:
            for numbers, values in zip(self._numbers, hint, strict=True):
                for option, number in numbers.items():
                    self._model.add_hint(number, values[option])
        solver = mb.Solver("sat")
        solver.set_solver_specific_parameters(SAT)
        if solver.solve(self._model) not in (mb.SolveStatus.OPTIMAL, mb.SolveStatus.FEASIBLE):
            return None
        counts = [[0] * len(group.options) for group in self._groups]
        for values, numbers in zip(counts, self._numbers, strict=True):
            for option, number in numbers.items():
                values[option] = round(solver.value(number))
        return counts


class _Rounding:
    """Whole numbers close to a relaxed solution, for an assumed number of vCPUs of the whole fleet."""

    def __init__(
        self, groups: Sequence[Group], relaxed: _Relaxed, *, fixed: Exposure, shares: Shares, vcpus: int
    ) -> None:
        self._groups, self._relaxed = groups, relaxed
        self._load = dict(fixed.spot)
        self._spot = sum(fixed.spot.values())
        self._most_of_pool = math.floor(shares.fed * vcpus)
        self._most_spot = math.floor(shares.spot * vcpus)
        self._counts = [[0] * len(group.options) for group in groups]

    def counts(self) -> Counts | None:
        """Whole parts first, as far as they fit, then each launch that is left where it adds least."""
        for g, numbers in enumerate(self._relaxed.number):
            for option, number in numbers.items():
                self._take(g, option, math.floor(number + WHOLE))
        for g, group in enumerate(self._groups):
            reduced = self._relaxed.reduced[g]
            left = len(group.members) - sum(self._counts[g])
            for option in sorted(reduced, key=lambda o: (reduced[o], group.options[o].cost_usd_per_h, o)):
                left -= self._take(g, option, left)
            if left:
                return None
        return self._counts

    def _take(self, g: int, o: int, number: int) -> int:
        """Take an option for some launches, for fewer where its pool has no room for all; returns how many."""
        option = self._groups[g].options[o]
        if option.spot:
            load = self._load.get(option.pool, 0)
            room = min(self._most_of_pool - load, self._most_spot - self._spot)
            number = min(number, max(0, room) // option.vcpu)
            self._load[option.pool] = load + number * option.vcpu
            self._spot += number * option.vcpu
        self._counts[g][o] += number
        return number


def _useful(options: Sequence[Option]) -> list[int]:
    """Options that no on-demand one beats in both cost and size: more vCPUs that cannot be lost loosen every limit."""
    order = sorted(range(len(options)), key=lambda o: (options[o].cost_usd_per_h, options[o].spot, -options[o].vcpu, o))
    kept, largest = [], 0
    for o in order:
        if options[o].vcpu > largest:
            kept.append(o)
            largest = largest if options[o].spot else options[o].vcpu
    return kept


def _sum(terms: Iterable[tuple[float, mb.Variable]], *, plus: float = 0) -> mb.LinearExpr:
    factors, variables = [], []
    for factor, variable in terms:
        factors.append(factor)
        variables.append(variable)
    return mb.LinearExpr.weighted_sum(variables, factors, constant=plus)
