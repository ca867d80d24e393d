"""``spotopt explain``: why a node, a pod or an action of a saved plan is as it is."""

import difflib
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from domain.documents.plan_json import plan_from_json
from domain.errors import InputError
from domain.plan import Action, ActionKind, Plan, PlannedNode, Reason
from serve import words

_EXAMPLES = "name a node (ip-10-0-1-2), a pod (web/api-7f9c) or an action by its number (17)"
_PODS_SHOWN = 20


@click.command()
@click.argument("file", metavar="PLAN.JSON|-")
@click.argument("names", nargs=-1, metavar="[NODE|POD|ACTION]…")
def explain(file: str, names: tuple[str, ...]) -> None:
    """Say why: the reason, the alternatives and the constraint that binds.

    PLAN.JSON is what 'spotopt plan --json' printed or --output wrote. Without a name, says what may be asked.
    """
    plan = plan_from_json(_read(file), source="standard input" if file == "-" else file)
    if not names:
        click.echo("\n".join(_overview(plan)))
    for number, name in enumerate(names):
        if number:
            click.echo()
        click.echo("\n".join(answer(plan, name)))


def answer(plan: Plan, name: str) -> list[str]:
    """Lines that explain one node, pod (by key, or by name when only one has it) or action number.

    Raises
    ------
    InputError
        When the plan has no such thing; names the nearest.
    """
    if name.removeprefix("#").isdecimal():
        return _action_by_number(plan, int(name.removeprefix("#")))
    nodes = {node.name: node for node in plan.nodes}
    touched = {action.node for action in plan.actions} | {kept.node for kept in plan.kept}
    if name in nodes or name in touched:
        return _node(plan, name, nodes.get(name))
    return _pod(plan, _pod_key(plan, name, others=nodes.keys() | touched))


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise InputError(file, "", f"cannot be read: {error.strerror}") from error


def _overview(plan: Plan) -> list[str]:
    actions, kept = words.plural(len(plan.actions), "action"), words.plural(len(plan.kept), "node")
    return [
        f"{actions}, {kept} left alone, {words.plural(len(plan.unschedulable), 'pod')} without a place.",
        words.proof_sentence(plan),
        f"To ask why, {_EXAMPLES}.",
    ]


def _action_by_number(plan: Plan, number: int) -> list[str]:
    for action in plan.actions:
        if action.id == number:
            return _action(action)
    raise InputError(
        f"action {number}", "", f"is not in the plan, which has {words.plural(len(plan.actions), 'action')}"
    )


def _node(plan: Plan, name: str, planned: PlannedNode | None) -> list[str]:
    lines = [_node_head(name, planned)]
    for kept in plan.kept:
        if kept.node == name:
            lines += ["left alone:", *_reason(kept.reason)]
    evicted = []
    for action in plan.actions:
        if action.node == name and action.kind == ActionKind.EVICT:
            evicted.append(action)
        elif action.node == name:
            lines += _action(action)
    if evicted:
        lines.append(f"evicted from it: {words.plural(len(evicted), 'pod')}")
        lines += _cut([f"  {action.pod} → {action.target}" for action in evicted])
    if planned is not None and planned.pods:
        lines.append(f"planned on it: {words.plural(len(planned.pods), 'pod')}")
        lines += _cut([f"  {pod}" for pod in planned.pods])
    return lines


def _node_head(name: str, planned: PlannedNode | None) -> str:
    if planned is None:
        return f"node {name}: goes"
    what = f"{planned.instance_type}, {words.bought(planned.capacity_type)}, {planned.zone.name} ({planned.zone.id})"
    state = "stays" if planned.existing else "new"
    return f"node {name}: {state}, {what}, {words.usd_per_h(planned.price_usd_per_h)} per hour, pool {planned.template}"


def _pod(plan: Plan, key: str) -> list[str]:
    lines = [f"pod {key}"]
    lines += [f"fits nowhere: {pod.constraint}: {pod.detail}" for pod in plan.unschedulable if pod.pod == key]
    for action in plan.actions:
        if action.pod == key:
            lines += _action(action)
    home = next((node for node in plan.nodes if key in node.pods), None)
    if home is not None:
        lines.append(f"planned on {_node_head(home.name, home).removeprefix('node ')}")
        reasons = [kept.reason for kept in plan.kept if kept.node == home.name]
        reasons += [a.reason for a in plan.actions if a.node == home.name and a.kind == ActionKind.LAUNCH]
        for reason in reasons:
            lines += _reason(reason)
    return lines


def _pod_key(plan: Plan, name: str, *, others: Iterable[str]) -> str:
    keys = {pod for node in plan.nodes for pod in node.pods}
    keys |= {action.pod for action in plan.actions if action.pod} | {pod.pod for pod in plan.unschedulable}
    if name in keys:
        return name
    found = sorted(key for key in keys if key.partition("/")[2] == name)
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"pod {name}", "", f"is in several namespaces; name one of {', '.join(found)}")
    near = difflib.get_close_matches(name, [*keys, *others], n=3)
    hint = f"did you mean {', '.join(near)}?" if near else _EXAMPLES
    raise InputError(name, "", f"is no node, pod or action of this plan; {hint}")


def _action(action: Action) -> list[str]:
    what = f"{action.pod} from {action.node} to {action.target}" if action.pod else action.node
    lines = [f"action {action.id}, step {action.step}: {action.kind} {what}", *_reason(action.reason)]
    if action.binding:
        lines.append(f"  binds: {action.binding}")
    if action.alternatives:
        lines.append("  instead of:")
    for other in action.alternatives:
        sign = "+" if other.extra_usd_per_h >= 0 else ""
        lines.append(f"    {other.choice}: {sign}{words.usd_per_h(other.extra_usd_per_h)} per hour, {other.verdict}")
    return lines


def _reason(reason: Reason) -> list[str]:
    figures = ", ".join(f"{name} {value:g}" for name, value in reason.figures.items())
    return [f"  why: {reason.text} [{reason.code}]"] + ([f"  figures: {figures}"] if figures else [])


def _cut(lines: list[str]) -> list[str]:
    hidden = len(lines) - _PODS_SHOWN
    return lines if hidden <= 1 else [*lines[:_PODS_SHOWN], f"  … {hidden:,} more"]
