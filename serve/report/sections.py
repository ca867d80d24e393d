"""Figures of the report that need some arithmetic: the headline, bars, waterfall rows."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from domain.node import Node
from domain.plan import Plan, PlannedNode
from domain.snapshot import Snapshot
from domain.units import monthly
from serve import words
from serve.report.waterfall import Term

BARS_SHOWN = 14
"""Bars of a list; the rest becomes one bar."""

_WHOLE_DOLLARS_FROM_USD = 100
_REST = "all others"
AnyNode = Node | PlannedNode


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Nodes and cost of one group now and planned. Shares are of the longest bar."""

    name: str
    nodes_now: int
    nodes_planned: int
    usd_per_h_now: float
    usd_per_h_planned: float
    share_now: float = 0.0
    share_planned: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A row of the waterfall. ``start`` and ``width`` are shares of the track; ``kind`` total, less or more.

    ``text`` is the amount per month, rounded so that the amounts shown add up as well.
    """

    name: str
    meaning: str
    text: str
    kind: str
    start: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CostBar:
    """Planned cost, saving and bound as shares of the longer of both costs."""

    planned: float
    now: float
    bound: float


def headline(plan: Plan, snapshot: Snapshot) -> str:
    """The report in one sentence."""
    now, planned = len(snapshot.nodes), len(plan.nodes)
    saving = plan.saving_usd_per_h
    if not snapshot.nodes:
        return f"{words.plural(planned, 'node')} for {words.usd_per_month(plan.planned_cost_usd_per_h)} a month"
    if not plan.actions and abs(monthly(saving)) < 1:
        return f"Nothing worth changing: {words.plural(now, 'node')} stay as they are"
    change = f"{words.plural(now, 'node')} → {planned:,}"
    if saving >= 0:
        return f"Save {words.usd_per_month(saving)} a month: {change}"
    return f"Room for every pod costs {words.usd_per_month(-saving)} a month more: {change}"


def cost_bar(plan: Plan) -> CostBar:
    """Shares for the bar under the headline."""
    longest = max(plan.cost_usd_per_h, plan.planned_cost_usd_per_h) or 1.0
    return CostBar(
        planned=plan.planned_cost_usd_per_h / longest,
        now=plan.cost_usd_per_h / longest,
        bound=min(1.0, plan.lower_bound_usd_per_h / longest),
    )


def bars(before: Sequence[Node], after: Sequence[PlannedNode], *, key: Callable[[AnyNode], str]) -> tuple[Bar, ...]:
    """Cost by group, the dearest first, a long tail taken together."""
    costs = _costs(before, key=key), _costs(after, key=key)
    names = sorted(costs[0].keys() | costs[1].keys(), key=lambda n: (-max(costs[0][n], costs[1][n]), n))
    tail = set(names[BARS_SHOWN:]) if len(names) > BARS_SHOWN + 1 else set()
    if tail:
        return bars(before, after, key=lambda node: _REST if key(node) in tail else key(node))
    counts = Counter(map(key, before)), Counter(map(key, after))
    longest = max((max(costs[0][n], costs[1][n]) for n in names), default=0.0) or 1.0
    shown = [
        Bar(
            name=name,
            nodes_now=counts[0][name],
            nodes_planned=counts[1][name],
            usd_per_h_now=costs[0][name],
            usd_per_h_planned=costs[1][name],
            share_now=costs[0][name] / longest,
            share_planned=costs[1][name] / longest,
        )
        for name in names
    ]
    return tuple(sorted(shown, key=lambda bar: bar.name == _REST))


def waterfall_rows(plan: Plan, terms: Sequence[Term]) -> tuple[Step, ...]:
    """Rows from now to planned, each beginning where the one before it ended; none when nothing runs now."""
    if plan.cost_usd_per_h <= 0:
        return ()
    levels = list(accumulate((term.usd_per_h for term in terms), initial=plan.cost_usd_per_h))
    longest = max(levels)
    digits = 0 if monthly(longest) >= _WHOLE_DOLLARS_FROM_USD else 2
    rows = [_total("Now", "The nodes that run today.", levels[0], longest=longest, digits=digits)]
    for term, (before, after) in zip(terms, pairwise(levels), strict=True):
        change = round(monthly(after), digits) - round(monthly(before), digits)
        step = Step(
            name=term.name,
            meaning=term.meaning,
            text=words.usd(change, digits=digits),
            kind="less" if term.usd_per_h < 0 else "more",
            start=max(0.0, min(before, after) / longest),
            width=abs(term.usd_per_h) / longest,
        )
        rows.append(step)
    rows.append(_total("Planned", "The nodes of this plan.", levels[-1], longest=longest, digits=digits))
    return tuple(rows)


def _total(name: str, meaning: str, usd_per_h: float, *, longest: float, digits: int) -> Step:
    text = words.usd(monthly(usd_per_h), digits=digits)
    return Step(name=name, meaning=meaning, text=text, kind="total", start=0.0, width=usd_per_h / longest)


def _costs(nodes: Iterable[AnyNode], *, key: Callable[[AnyNode], str]) -> defaultdict[str, float]:
    costs: defaultdict[str, float] = defaultdict(float)
    for node in nodes:
        costs[key(node)] += node.price_usd_per_h or 0.0
    return costs
