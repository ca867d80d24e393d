"""The result of planning as tables, readable at 80 columns."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from domain.node import Node
from domain.plan import Action, ActionKind, Plan, PlannedNode
from domain.snapshot import Snapshot
from serve import words

ROWS_SHOWN = 12
"""Rows of a list before it is cut; the report and the JSON hold all."""
ACTIONS_SHOWN = 24
"""Lines of actions: they are what a person came for."""
NODES_SHOWN = 4
"""Nodes of one step and kind that get a line each; more are told together."""

Group = tuple[str, str]


def print_result(console: Console, plan: Plan, *, snapshot: Snapshot, loss_share: float, prices_as_of: str) -> None:
    """Print everything a person wants to know of a plan."""
    console.print(_title(snapshot, prices_as_of=prices_as_of))
    console.print(_money(plan))
    console.print(Padding(Text(words.proof_sentence(plan)), (0, 1, 1, 1)))
    _print(console, _risk(plan, loss_share=loss_share))
    _print(console, _fleet(plan, snapshot))
    _print_actions(console, plan)
    _print_kept(console, plan)
    _print_unschedulable(console, plan)
    _print_notes(console, plan)
    console.print(Text(f" Planned in {words.duration(plan.seconds)}, seed {plan.seed}.", style="dim"))


def _title(snapshot: Snapshot, *, prices_as_of: str) -> Text:
    pods = words.plural(len(snapshot.pods), "pod")
    text = Text(f"\n {words.plural(len(snapshot.nodes), 'node')}, {pods} in {snapshot.region}", style="bold")
    return text.append(f" · prices as of {prices_as_of}\n", style="not bold dim")


def _table(title: str, *columns: tuple[str, bool]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=True, padding=(0, 1))
    for name, is_number in columns:
        table.add_column(name, justify="right" if is_number else "left", header_style="dim", no_wrap=is_number)
    return table


def _money(plan: Plan) -> Table:
    table = _table("Cost", ("", False), ("per hour", True), ("per month", True), ("", True))
    share = words.saving_share(plan)
    rows = (
        ("now", plan.cost_usd_per_h, "", ""),
        ("planned", plan.planned_cost_usd_per_h, "", ""),
        ("saving", plan.saving_usd_per_h, words.percent(share) if share else "", _colour(plan.saving_usd_per_h)),
        ("proven lower bound", plan.lower_bound_usd_per_h, f"gap {words.gap_text(plan.gap)}", "cyan"),
    )
    for name, rate, remark, style in rows:
        table.add_row(name, words.usd_per_h(rate), words.usd_per_month(rate), remark, style=style)
    return table


def _colour(saving: float) -> str:
    return "bold green" if saving > 0 else "bold yellow" if saving < 0 else "bold"


def _risk(plan: Plan, *, loss_share: float) -> Table:
    table = _table("Risk", ("", False), ("now", False), ("planned", False))
    for row in words.risk_rows(plan, loss_share=loss_share):
        table.add_row(*row)
    return table


def _fleet(plan: Plan, snapshot: Snapshot) -> Table:
    before, after = Counter(map(_group, snapshot.nodes)), Counter(map(_group, plan.nodes))
    costs = _cost_by_group(snapshot.nodes), _cost_by_group(plan.nodes)
    columns = (("type", False), ("bought", False), ("nodes now", True), ("planned", True))
    table = _table("Fleet", *columns, ("$/h now", True), ("planned", True))
    groups = sorted(before.keys() | after.keys(), key=lambda g: (-costs[0][g] - costs[1][g], g))
    for group in groups[:ROWS_SHOWN]:
        counts = [f"{count[group]:,}" if count[group] else "·" for count in (before, after)]
        money = [f"{cost[group]:,.3f}" if cost[group] else "·" for cost in costs]
        table.add_row(*group, *counts, *money, style="" if after[group] else "dim")
    _add_more(table, len(groups) - ROWS_SHOWN, noun="type")
    totals = [f"{count.total():,}" for count in (before, after)]
    table.add_row("all", "", *totals, f"{sum(costs[0].values()):,.3f}", f"{sum(costs[1].values()):,.3f}", style="bold")
    return table


def _group(node: Node | PlannedNode) -> Group:
    return node.instance_type or "unknown type", words.bought(node.capacity_type)


def _cost_by_group(nodes: Iterable[Node | PlannedNode]) -> dict[Group, float]:
    costs: defaultdict[Group, float] = defaultdict(float)
    for node in nodes:
        costs[_group(node)] += node.price_usd_per_h or 0.0
    return costs


def _print_actions(console: Console, plan: Plan) -> None:
    if not plan.actions:
        console.print(Text(" Nothing to do: what runs is left as it is.\n", style="bold"))
        return
    steps = plan.actions[-1].step - plan.actions[0].step + 1
    evictions = sum(action.kind == ActionKind.EVICT for action in plan.actions)
    title = f"What to do: {words.plural(steps, 'step')}, {words.plural(evictions, 'eviction')}"
    table = _table(title, ("step", True), ("what", False), ("why", False))
    types = {node.name: f"{node.instance_type} {words.bought(node.capacity_type)}" for node in plan.nodes}
    steps_of = groupby(plan.actions, key=lambda a: a.step)
    rows = [row for step, actions in steps_of for row in _step(step, list(actions), types=types)]
    for row in rows[:ACTIONS_SHOWN]:
        table.add_row(*(Text(cell) for cell in row))
    _add_more(table, len(rows) - ACTIONS_SHOWN, noun="line")
    _print(console, table)


def _step(step: int, actions: Sequence[Action], *, types: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Lines of one step: each node that is acted upon, or one line for a kind when they are many."""
    lines: list[tuple[str, str]] = []
    by_kind: defaultdict[ActionKind, defaultdict[str, list[Action]]] = defaultdict(lambda: defaultdict(list))
    for action in actions:
        by_kind[action.kind][action.node].append(action)
    for kind, by_node in by_kind.items():
        if len(by_node) > NODES_SHOWN:
            lines.append(_together(kind, [action for group in by_node.values() for action in group], types=types))
        else:
            lines += [_one(group, types) for group in by_node.values()]
    return [("" if number else str(step), what, why) for number, (what, why) in enumerate(lines)]


def _one(actions: Sequence[Action], types: Mapping[str, str]) -> tuple[str, str]:
    first = actions[0]
    what = f"{first.kind} {first.node}"
    if first.kind == ActionKind.LAUNCH:
        what += f", {types.get(first.node, '')}"
    if first.kind == ActionKind.EVICT:
        what = f"evict {first.pod}" if len(actions) == 1 else f"evict {len(actions)} pods from {first.node}"
    return what, first.reason.text


def _together(kind: ActionKind, actions: Sequence[Action], *, types: Mapping[str, str]) -> tuple[str, str]:
    nodes = dict.fromkeys(action.node for action in actions)
    what = f"{kind} {words.plural(len(nodes), 'node')}"
    if kind == ActionKind.EVICT:
        what = f"evict {words.plural(len(actions), 'pod')} from {words.plural(len(nodes), 'node')}"
    if kind == ActionKind.LAUNCH:
        return what, ", ".join(f"{n} × {name}" for name, n in Counter(types[node] for node in nodes).most_common())
    reasons = Counter(action.reason.text for action in actions)
    others = f" (and {words.plural(len(reasons) - 1, 'other reason')})" if len(reasons) > 1 else ""
    return what, reasons.most_common(1)[0][0] + others


def _print_kept(console: Console, plan: Plan) -> None:
    by_reason: defaultdict[str, list[str]] = defaultdict(list)
    for kept in plan.kept:
        by_reason[kept.reason.text].append(kept.node)
    ranked = sorted(by_reason.items(), key=lambda item: -len(item[1]))
    rows = [(_some(nodes), why) for why, nodes in ranked]
    title = f"Left alone: {words.plural(len(plan.kept), 'node')}"
    _print_list(console, rows, title=title, columns=("node", "why"), noun="reason")


def _some(nodes: Sequence[str]) -> str:
    return nodes[0] if len(nodes) == 1 else f"{nodes[0]} and {words.plural(len(nodes) - 1, 'more', nouns='more')}"


def _print_unschedulable(console: Console, plan: Plan) -> None:
    rows = [(pod.pod, f"{pod.constraint}: {pod.detail}") for pod in plan.unschedulable]
    title = f"Fits nowhere: {words.plural(len(rows), 'pod')}"
    _print_list(console, rows, title=title, columns=("pod", "what binds"), noun="pod", style="yellow")


def _print_notes(console: Console, plan: Plan) -> None:
    _print_list(console, [(note,) for note in plan.notes], title="Notes", columns=("",), noun="note", style="dim")


def _print_list(
    console: Console,
    rows: Sequence[tuple[str, ...]],
    *,
    title: str,
    columns: tuple[str, ...],
    noun: str,
    style: str = "",
) -> None:
    if not rows:
        return
    table = _table(title, *((name, False) for name in columns))
    table.show_header = any(columns)
    for row in rows[:ROWS_SHOWN]:
        table.add_row(*(Text(cell) for cell in row), style=style)
    _add_more(table, len(rows) - ROWS_SHOWN, noun=noun)
    _print(console, table)


def _print(console: Console, table: Table) -> None:
    console.print(table)
    console.print()


def _add_more(table: Table, hidden: int, *, noun: str) -> None:
    if hidden > 0:
        table.caption = f" … {words.plural(hidden, f'more {noun}')}; --json or --report has all"
        table.caption_justify, table.caption_style = "left", "dim"
