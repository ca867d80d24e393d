"""Which offering each launch takes, so that no Spot pool holds too much and losing much at once stays improbable.

The cheapest choice is taken at once where it keeps the limits. Else launches with equal options are counted together,
and an integer program finds the cheapest counts under the limit on one pool. The probability of a large loss is no
linear limit: the share that a pool may hold is tightened to the loss share over 1, 2, 3 … (that many pools lost at
once are then no large loss) until the exact probability holds; or the options that are interrupted most often are left
out, one after the other down to no Spot at all; or Spot altogether keeps within the loss share; whichever is cheapest.
What is chosen always keeps the limits; with a limit on the probability it need not be the cheapest that does.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from heapq import heapify, heapreplace

from domain.policy import Policy
from domain.units import to_micro_usd
from solvers.placement.pool_program import (
    Counts,
    Group,
    Option,
    Shares,
    cost_micro_usd_per_h,
    shares_hold,
    solve_counts,
    taken,
)
from solvers.placement.risk import RiskNode, exposure

__all__ = ["Launch", "Option", "choose_offerings", "why_impossible"]

SHARE_DENOMINATOR = 1_000_000
"""Shares count as fractions of at most this denominator: a third is a third, and no coefficient overflows."""

LOSS_STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""How many pools lost at once shall be no large loss, from loose to tight."""

NO_SPOT = -1.0
"""Below every interruption probability: no Spot node is launched."""

PROBABILITY_ROUNDING = 1e-9
"""What sums of products of probabilities may be off by."""

OfferingKey = tuple[str, bool]
"""Pool and whether it is Spot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A node to launch, and the offerings that would do for it."""

    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """Grouped launches, the nodes that stay, and the limits; the probabilities are per month, 0..1."""

    groups: list[Group]
    fixed: tuple[RiskNode, ...]
    shares: Shares
    loss_share: float
    probability: float
    probability_before: float


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
    Deterministic. Options of equal cost and size are filled evenly, and launches with equal options get different ones
    in turn.
    """
    if not all(launch.options for launch in launches):
        return None
    task = _task(launches, fixed=tuple(fixed), policy=policy, before=before)
    counts = _within_limits(task, _cheapest(task.groups))
    if counts is None:
        counts = _searched(task)
    return None if counts is None else _dealt(task.groups, counts)


def why_impossible(
    launches: Sequence[Launch],
    *,
    fixed: Iterable[RiskNode],
    policy: Policy,
    before: Iterable[RiskNode] | None = None,
) -> str:
    """The limit because of which `choose_offerings` found no choice, in words that can follow a colon."""
    if without := sum(not launch.options for launch in launches):
        return f"{without} of {len(launches)} launches have no offering at all"
    task = _task(launches, fixed=tuple(fixed), policy=policy, before=before)
    only_spot = sum(len(group.members) for group in task.groups if all(option.spot for option in group.options))
    pools = {option.pool for group in task.groups for option in group.options if option.spot}
    scene = f"{only_spot} of {len(launches)} launches can be Spot only, in all there are {len(pools)} Spot pools"
    if _solved(task, task.shares, thorough=False) is None:
        return (
            f"no choice was found that keeps each Spot pool within {policy.max_pool_share:.4g} of the vCPUs ({scene})"
        )
    return (
        f"no choice was found that keeps the probability of losing more than {policy.max_loss_share:.4g} of the vCPUs "
        f"in a month within {policy.max_loss_probability:.4g} ({scene})"
    )


def _task(
    launches: Sequence[Launch], *, fixed: tuple[RiskNode, ...], policy: Policy, before: Iterable[RiskNode] | None
) -> _Task:
    was = exposure((node, 1) for node in (fixed if before is None else before))
    limit = _fraction(policy.max_pool_share)
    stays = {node.pool for node in fixed if node.spot}
    held = {pool: Fraction(was.spot.get(pool, 0), was.vcpus or 1) for pool in stays}
    return _Task(
        groups=_grouped(launches),
        fixed=fixed,
        shares=Shares(fed=limit, unfed={pool: max(limit, share) for pool, share in held.items()}),
        loss_share=policy.max_loss_share,
        probability=policy.max_loss_probability,
        probability_before=was.loss_probability(policy.max_loss_share),
    )


def _fraction(share: float) -> Fraction:
    return Fraction(share).limit_denominator(SHARE_DENOMINATOR)


def _grouped(launches: Sequence[Launch]) -> list[Group]:
    groups: dict[tuple[Option, ...], Group] = {}
    known: dict[int, Group] = {}  # launches mostly share the very tuple, which is quicker to see than equal ones
    for place, launch in enumerate(launches):
        group = known.get(id(launch.options))
        if group is None:
            group = groups.setdefault(launch.options, Group(options=launch.options, members=[]))
            known[id(launch.options)] = group
        group.members.append(place)
    return list(groups.values())


def _cheapest(groups: Sequence[Group]) -> Counts:
    """Every launch takes its cheapest option; on-demand before Spot of the same cost."""
    counts = [[0] * len(group.options) for group in groups]
    for group, numbers in zip(groups, counts, strict=True):
        options = group.options
        best = min(range(len(options)), key=lambda o: (options[o].cost_usd_per_h, options[o].spot, o))
        numbers[best] = len(group.members)
    return counts


def _searched(task: _Task) -> Counts | None:
    """The cheapest counts found that keep the limits: of several ways to limit shares, the best one thoroughly."""
    held: list[tuple[Shares, Counts]] = []
    for steps in _families(task):
        way = _loosest(task, steps)
        held += [] if way is None else [way]
        if way is not None and way[0] is task.shares:
            break  # nothing tighter is cheaper
    if not held:
        return None
    shares, quick = min(held, key=lambda way: cost_micro_usd_per_h(task.groups, way[1]))
    better = _within_limits(task, _solved(task, shares, thorough=True))
    found = (counts for counts in (quick, better) if counts is not None)
    return min(found, key=lambda counts: cost_micro_usd_per_h(task.groups, counts))


def _families(task: _Task) -> Iterator[list[Shares]]:
    """Limits from loose to tight that may keep the limit on the probability; the policy's own when there is none."""
    yield [task.shares]
    if task.probability < 1:
        loss = _fraction(task.loss_share)
        shares = dict.fromkeys(min(task.shares.fed, loss / pools) for pools in LOSS_STEPS)
        yield [replace(task.shares, fed=share) for share in shares]
        yield [replace(task.shares, interruption=most) for most in (*_interruptions(task), NO_SPOT)]
        yield [replace(task.shares, spot=loss)]


def _interruptions(task: _Task) -> list[float]:
    """Interruption probabilities of Spot options, falling; the largest is no limit."""
    options = {option for group in task.groups for option in group.options if option.spot}
    return sorted({option.interruption_per_month for option in options}, reverse=True)[1:]


def _loosest(task: _Task, steps: list[Shares]) -> tuple[Shares, Counts] | None:
    """The loosest step at which losing much is improbable enough, found by halving: the tighter, the less is lost."""
    best, low, high = None, 0, len(steps)
    while low < high:
        middle = (low + high) // 2
        counts = _solved(task, steps[middle], thorough=False)
        held = _within_limits(task, counts)
        if held is not None:
            best = steps[middle], held
        if held is not None or counts is None:
            high = middle
        else:
            low = middle + 1
    return best


def _solved(task: _Task, shares: Shares, *, thorough: bool) -> Counts | None:
    fixed = exposure((node, 1) for node in task.fixed)
    return solve_counts(task.groups, fixed=fixed, shares=shares, thorough=thorough)


def _within_limits(task: _Task, counts: Counts | None) -> Counts | None:
    """The counts spread over options of equal cost and size, or as they are; ``None`` when they break a limit."""
    if counts is None:
        return None
    spread = _spread(task, counts)
    return next((each for each in (spread, counts) if _holds(task, each)), None)


def _holds(task: _Task, counts: Counts) -> bool:
    fixed = exposure((node, 1) for node in task.fixed)
    if not shares_hold(task.groups, counts, fixed=fixed, shares=task.shares):
        return False
    if task.probability >= 1:
        return True
    launched = list(taken(task.groups, counts))
    no_worse = 0.0 if any(option.spot for option, _ in launched) else task.probability_before
    after = exposure([*((node, 1) for node in task.fixed), *launched])
    return after.loss_probability(task.loss_share) <= max(task.probability, no_worse) + PROBABILITY_ROUNDING


def _spread(task: _Task, counts: Counts) -> Counts:
    """Fill options of one group with equal cost, size and capacity type so that the fullest is as empty as can be."""
    load = Counter[OfferingKey]()
    for node in task.fixed:
        load[node.pool, node.spot] += node.vcpu
    for option, number in taken(task.groups, counts):
        load[option.pool, option.spot] += number * option.vcpu
    spread = [list(numbers) for numbers in counts]
    for group, numbers in zip(task.groups, spread, strict=True):
        for twins in _twins(group.options):
            _fill(group.options, twins=twins, numbers=numbers, load=load)
    return spread


def _twins(options: Sequence[Option]) -> list[list[int]]:
    same: dict[tuple[int, int, bool], list[int]] = {}
    for index, option in enumerate(options):
        same.setdefault((to_micro_usd(option.cost_usd_per_h), option.vcpu, option.spot), []).append(index)
    return [twins for twins in same.values() if len(twins) > 1]


def _fill(options: Sequence[Option], *, twins: list[int], numbers: list[int], load: Counter[OfferingKey]) -> None:
    """Deal what some equal options hold anew, always to the one whose pool holds least; changes both in place."""
    units = sum(numbers[o] for o in twins)
    for o in twins:
        load[options[o].pool, options[o].spot] -= numbers[o] * options[o].vcpu
        numbers[o] = 0
    levels = [(load[options[o].pool, options[o].spot], o) for o in twins]
    heapify(levels)
    for _ in range(units):
        level, o = levels[0]
        numbers[o] += 1
        heapreplace(levels, (level + options[o].vcpu, o))
    for o in twins:
        load[options[o].pool, options[o].spot] += numbers[o] * options[o].vcpu


def _dealt(groups: Sequence[Group], counts: Counts) -> tuple[int, ...]:
    """The option of each launch; those of one group take turns, in proportion."""
    chosen = [0] * sum(len(group.members) for group in groups)
    for group, numbers in zip(groups, counts, strict=True):
        turns = sorted(((2 * k + 1) / number, o) for o, number in enumerate(numbers) for k in range(number))
        for place, (_, option) in zip(group.members, turns, strict=True):
            chosen[place] = option
    return tuple(chosen)
