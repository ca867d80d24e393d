"""Which offering each launch takes, so that no Spot pool holds too much and losing much at once stays improbable.

The cheapest choice is taken at once where it keeps the limits. Else launches with equal options are counted together
and CP-SAT finds the cheapest counts under the limit on one pool. The probability of a large loss is no linear limit:
the share that a pool may hold is tightened to the loss share over 1, 2, 3 … (that many pools at once are then no
large loss) until the exact probability holds; of this, Spot within the loss share altogether, and no new Spot, the
cheapest is taken. The choice is always within the limits; with a limit on the probability it need not be the cheapest.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import heapify, heapreplace
from itertools import chain

from ortools.linear_solver.python import model_builder as mb

from domain.policy import Policy
from domain.units import to_micro_usd
from solvers.placement.risk import Exposure, RiskNode, exposure

SCIP = "numerics/feastol = 1e-9\nlimits/gap = 1e-6\nlimits/nodes = 200"
"""Limits of one solve that need no clock: the same launches, the same choice. Nearly all end at the first node."""

SHARE_DENOMINATOR = 1_000_000
"""Shares count as fractions of at most this denominator: a third is a third, and no coefficient overflows."""

LOSS_STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""How many pools lost at once shall be no large loss, tried in this order."""

PROBABILITY_ROUNDING = 1e-9
"""What sums of products of probabilities may be off by."""

OfferingKey = tuple[str, bool]
"""Pool and whether it is Spot."""

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

    @property
    def key(self) -> OfferingKey:
        """Pool and whether it is Spot."""
        return self.pool, self.spot


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A node to launch, and the offerings that would do for it."""

    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Launches with the same options, by their place in the list of launches."""

    options: tuple[Option, ...]
    members: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    """What a choice must keep.

    ``allowed`` is the share that a pool may hold when nothing is launched into it: the limit, or what it holds before
    where that is more.
    """

    share: Fraction
    allowed: Mapping[str, Fraction]
    loss_share: float
    probability: float
    probability_before: float

    def without_new(self, pool: str) -> Fraction:
        """The share that a pool may hold when nothing is launched into it."""
        return self.allowed.get(pool, self.share)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """Grouped launches, the nodes that stay, and the limits."""

    groups: list[_Group]
    fixed: tuple[RiskNode, ...]
    limits: _Limits

    def spot_pools(self) -> list[str]:
        """Every Spot pool that holds or may hold a node, sorted."""
        pools = {node.pool for node in self.fixed if node.spot}
        return sorted(pools | {o.pool for group in self.groups for o in group.options if o.spot})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tightening:
    """Limits of one solve: ``share`` of a pool that is launched into, ``spot`` share of all Spot together."""

    share: Fraction
    spot: Fraction | None = None
    new_spot: bool = True


def choose_offerings(
    launches: Sequence[Launch],
    *,
    fixed: Iterable[RiskNode],
    policy: Policy,
    before: Iterable[RiskNode] | None = None,
) -> tuple[int, ...] | None:
    """An option for each launch, for the least total cost under the policy's limits on Spot pools.

    Parameters
    ----------
    launches
        Nodes to launch with their options.
    fixed
        Nodes that run and stay.
    policy
        Its ``max_pool_share``, ``max_loss_share`` and ``max_loss_probability``.
    before
        Nodes that run now, those that will go included; the fixed ones unless given. A pool that holds more than the
        limit already may keep its share but gets nothing more; so may the probability of a large loss while no Spot
        node is launched.

    Returns
    -------
    tuple of int or None
        For each launch the index of its option; ``None`` when no choice was found that keeps the limits, which
        `why_impossible` explains.

    Notes
    -----
    Deterministic. Options of equal cost and size are filled evenly, and launches next to each other in the list with
    equal options get different ones in turn.
    """
    if any(not launch.options for launch in launches):
        return None
    task = _task(launches, fixed=tuple(fixed), policy=policy, before=before)
    counts = _even(task, _cheapest(task)) or _tightened(task)
    return None if counts is None else _dealt(task.groups, counts)


def why_impossible(
    launches: Sequence[Launch],
    *,
    fixed: Iterable[RiskNode],
    policy: Policy,
    before: Iterable[RiskNode] | None = None,
) -> str:
    """The limit because of which `choose_offerings` found no choice, in a sentence without a full stop."""
    optionless = sum(not launch.options for launch in launches)
    if optionless:
        return f"{optionless} of {len(launches)} launches have no offering at all"
    task = _task(launches, fixed=tuple(fixed), policy=policy, before=before)
    pools = {option.pool for launch in launches for option in launch.options if option.spot}
    bound = sum(all(option.spot for option in launch.options) for launch in launches)
    scene = f"{bound} of {len(launches)} launches can be Spot only, all launches together in {len(pools)} Spot pools"
    if _solve(task, _Tightening(share=task.limits.share)) is None:
        return f"no choice keeps each Spot pool within {policy.max_pool_share:.4g} of the vCPUs: {scene}"
    return (
        f"no choice was found that keeps the probability of losing more than {policy.max_loss_share:.4g} of the vCPUs "
        f"in a month within {policy.max_loss_probability:.4g}: {scene}"
    )


def _task(
    launches: Sequence[Launch], *, fixed: tuple[RiskNode, ...], policy: Policy, before: Iterable[RiskNode] | None
) -> _Task:
    was = exposure((node, 1) for node in (fixed if before is None else before))
    share = _fraction(policy.max_pool_share)
    limits = _Limits(
        share=share,
        allowed={pool: max(share, Fraction(vcpu, was.vcpus)) for pool, vcpu in was.spot.items() if was.vcpus},
        loss_share=policy.max_loss_share,
        probability=policy.max_loss_probability,
        probability_before=was.loss_probability(policy.max_loss_share),
    )
    return _Task(groups=_grouped(launches), fixed=fixed, limits=limits)


def _fraction(share: float) -> Fraction:
    return Fraction(share).limit_denominator(SHARE_DENOMINATOR)


def _grouped(launches: Sequence[Launch]) -> list[_Group]:
    groups: dict[tuple[Option, ...], _Group] = {}
    known: dict[int, _Group] = {}  # launches mostly share the very tuple, which is quicker to see than equal ones
    for place, launch in enumerate(launches):
        group = known.get(id(launch.options))
        if group is None:
            group = groups.setdefault(launch.options, _Group(options=launch.options, members=[]))
            known[id(launch.options)] = group
        group.members.append(place)
    return list(groups.values())


def _cheapest(task: _Task) -> Counts:
    """Every launch takes its cheapest option; on-demand before Spot of the same cost."""
    counts = [[0] * len(group.options) for group in task.groups]
    for group, taken in zip(task.groups, counts, strict=True):
        best = min(range(len(taken)), key=lambda o: (group.options[o].cost_usd_per_h, group.options[o].spot, o))
        taken[best] = len(group.members)
    return counts


def _even(task: _Task, counts: Counts) -> Counts | None:
    """The counts spread over options of equal cost and size, or as they are; ``None`` when they break a limit."""
    spread = _spread(task, counts)
    if _holds(task, spread):
        return spread
    return counts if _holds(task, counts) else None


def _spread(task: _Task, counts: Counts) -> Counts:
    """Fill options of one group with equal cost, size and capacity type so that the fullest is as empty as can be."""
    load = Counter[OfferingKey]()
    for node in task.fixed:
        load[node.pool, node.spot] += node.vcpu
    for option, number in _taken(task, counts):
        load[option.key] += number * option.vcpu
    spread = [list(taken) for taken in counts]
    for group, taken in zip(task.groups, spread, strict=True):
        for twins in _twins(group.options):
            _fill(group.options, twins=twins, taken=taken, load=load)
    return spread


def _twins(options: Sequence[Option]) -> list[list[int]]:
    same: dict[tuple[int, int, bool], list[int]] = {}
    for index, option in enumerate(options):
        same.setdefault((to_micro_usd(option.cost_usd_per_h), option.vcpu, option.spot), []).append(index)
    return [twins for twins in same.values() if len(twins) > 1]


def _fill(options: Sequence[Option], *, twins: list[int], taken: list[int], load: Counter[OfferingKey]) -> None:
    """Deal what some equal options hold anew, always to the one whose pool holds least; changes both in place."""
    units = sum(taken[o] for o in twins)
    for o in twins:
        load[options[o].key] -= taken[o] * options[o].vcpu
        taken[o] = 0
    levels = [(load[options[o].key], o) for o in twins]
    heapify(levels)
    for _ in range(units):
        level, o = levels[0]
        taken[o] += 1
        heapreplace(levels, (level + options[o].vcpu, o))
    for o in twins:
        load[options[o].key] += taken[o] * options[o].vcpu


def _taken(task: _Task, counts: Counts) -> Iterator[tuple[Option, int]]:
    for group, taken in zip(task.groups, counts, strict=True):
        for option, number in zip(group.options, taken, strict=True):
            if number:
                yield option, number


def _holds(task: _Task, counts: Counts) -> bool:
    fed = {option.pool for option, _ in _taken(task, counts) if option.spot}
    return _shares_hold(task, counts, fed=fed) and _loss_holds(task, counts, fed=fed)


def _shares_hold(task: _Task, counts: Counts, *, fed: set[str]) -> bool:
    after, limits = _after(task, counts), task.limits
    most = {pool: limits.share if pool in fed else limits.without_new(pool) for pool in after.spot}
    return all(vcpu <= most[pool] * after.vcpus for pool, vcpu in after.spot.items())


def _loss_holds(task: _Task, counts: Counts, *, fed: set[str]) -> bool:
    limits = task.limits
    if limits.probability >= 1:
        return True
    most = limits.probability if fed else max(limits.probability, limits.probability_before)
    return _after(task, counts).loss_probability(limits.loss_share) <= most + PROBABILITY_ROUNDING


def _after(task: _Task, counts: Counts) -> Exposure:
    """The fleet once the launches are done."""
    return exposure(chain(((node, 1) for node in task.fixed), _taken(task, counts)))


def _tightened(task: _Task) -> Counts | None:
    """The cheapest counts found that keep the limits."""
    limits = task.limits
    plain = _solve(task, _Tightening(share=limits.share))
    if plain is None:
        return None
    held = _even(task, plain)
    if held is not None:
        return held
    loss = _fraction(limits.loss_share)
    others = (_Tightening(share=limits.share, spot=loss), _Tightening(share=limits.share, new_spot=False))
    solved = (_solve(task, other) for other in others)
    found = [_stepwise(task), *(_even(task, counts) for counts in solved if counts is not None)]
    return min((counts for counts in found if counts is not None), key=lambda c: _cost(task, c), default=None)


def _stepwise(task: _Task) -> Counts | None:
    """Let pools hold less and less until losing much at once is improbable enough; bisected, since less loses less."""
    loss, best = _fraction(task.limits.loss_share), None
    shares = list(dict.fromkeys(min(task.limits.share, loss / pools) for pools in LOSS_STEPS))
    low, high = 0, len(shares)
    while low < high:
        middle = (low + high) // 2
        counts = _solve(task, _Tightening(share=shares[middle]))
        held = None if counts is None else _even(task, counts)
        if held is not None:
            best = held
        if held is not None or counts is None:
            high = middle
        else:
            low = middle + 1
    return best


def _cost(task: _Task, counts: Counts) -> int:
    return sum(to_micro_usd(option.cost_usd_per_h) * number for option, number in _taken(task, counts))


def _solve(task: _Task, tight: _Tightening) -> Counts | None:
    """Counts of least cost within shares of the vCPUs; ``None`` when there are none (or none found in time)."""
    return _Model(task, tight).solved()


class _Model:
    """The integer program of one solve."""

    def __init__(self, task: _Task, tight: _Tightening) -> None:
        self._task, self._tight = task, tight
        self._model = mb.Model()
        self._numbers = [self._group(group) for group in task.groups]
        self._by_pool: dict[str, list[tuple[int, mb.Variable]]] = {pool: [] for pool in task.spot_pools()}
        for option, number in self._variables():
            if option.spot:
                self._by_pool[option.pool].append((option.vcpu, number))
        self._fixed = exposure((node, 1) for node in task.fixed)
        self._total = self._model.new_num_var(0, math.inf, "")
        sizes = ((option.vcpu, number) for option, number in self._variables())
        self._model.add(self._total == _sum(sizes, plus=self._fixed.vcpus))
        for pool in self._by_pool:
            self._limit(pool)
        if tight.spot is not None:
            load = _sum(chain(*self._by_pool.values()), plus=sum(self._fixed.spot.values()))
            self._within(load, share=tight.spot)
        self._model.minimize(_sum((option.cost_usd_per_h, number) for option, number in self._variables()))

    def solved(self) -> Counts | None:
        """Counts of least cost."""
        solver = mb.Solver("scip")
        solver.set_solver_specific_parameters(SCIP)
        if solver.solve(self._model) not in (mb.SolveStatus.OPTIMAL, mb.SolveStatus.FEASIBLE):
            return None
        counts = [[0] * len(group.options) for group in self._task.groups]
        for taken, numbers in zip(counts, self._numbers, strict=True):
            for option, number in numbers.items():
                taken[option] = round(solver.value(number))
        return counts

    def _group(self, group: _Group) -> dict[int, mb.Variable]:
        most = len(group.members)
        useful = _useful(group.options, spot=self._tight.new_spot)
        numbers = {option: self._model.new_int_var(0, most, "") for option in useful}
        self._model.add(_sum((1, number) for number in numbers.values()) == most)
        return numbers

    def _variables(self) -> Iterator[tuple[Option, mb.Variable]]:
        for group, numbers in zip(self._task.groups, self._numbers, strict=True):
            for option, number in numbers.items():
                yield group.options[option], number

    def _limit(self, pool: str) -> None:
        """Keep a pool within one share when it is launched into, within another when it is not."""
        load = _sum(self._by_pool[pool], plus=self._fixed.spot.get(pool, 0))
        fed_share, share = self._tight.share, self._task.limits.without_new(pool)
        if not self._fixed.spot.get(pool) or fed_share == share:
            self._within(load, share=fed_share)
            return
        fed = self._model.new_bool_var("")
        nodes = sum(len(group.members) for group in self._task.groups)
        self._model.add(_sum((1, number) for _, number in self._by_pool[pool]) <= nodes * fed)
        self._within(load, share=share)
        most = self._fixed.spot[pool] + nodes * max((vcpu for vcpu, _ in self._by_pool[pool]), default=0)
        self._within(load - most * (1 - fed), share=fed_share)

    def _within(self, load: mb.LinearExpr, *, share: Fraction) -> None:
        self._model.add(load <= float(share) * self._total)


def _sum(terms: Iterable[tuple[float, mb.Variable]], *, plus: float = 0) -> mb.LinearExpr:
    factors, variables = [], []
    for factor, variable in terms:
        factors.append(factor)
        variables.append(variable)
    return mb.LinearExpr.weighted_sum(variables, factors, constant=plus)


def _useful(options: Sequence[Option], *, spot: bool) -> list[int]:
    """Options that no on-demand one beats in both cost and size: more vCPUs that cannot be lost loosen every limit."""
    order = sorted(range(len(options)), key=lambda o: (options[o].cost_usd_per_h, options[o].spot, -options[o].vcpu, o))
    kept, largest = [], 0
    for o in order:
        if options[o].vcpu <= largest:
            continue
        if not options[o].spot:
            largest = options[o].vcpu
        if spot or not options[o].spot:
            kept.append(o)
    return kept


def _dealt(groups: Sequence[_Group], counts: Counts) -> tuple[int, ...]:
    """The option of each launch; those of one group take turns, in proportion."""
    chosen = [0] * sum(len(group.members) for group in groups)
    for group, taken in zip(groups, counts, strict=True):
        turns = sorted(((2 * k + 1) / number, o) for o, number in enumerate(taken) for k in range(number))
        for place, (_, option) in zip(group.members, turns, strict=True):
            chosen[place] = option
    return tuple(chosen)
