"""What the report's scripts draw from: columns of small values, because ten thousand pods must stay a small file."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from domain.market import Catalog
from domain.node import Node
from domain.plan import Action, Plan, PlannedNode
from domain.resources import Resources
from domain.snapshot import Snapshot
from domain.units import MCPU_PER_CPU, MIB
from serve.report.waterfall import units
from serve.words import bought

Json = dict[str, Any]


class _Texts:
    """Every sentence once; rows hold its number."""

    def __init__(self) -> None:
        self.all: dict[str, int] = {}

    def number(self, text: str) -> int:
        return self.all.setdefault(text, len(self.all))


def report_data(plan: Plan, *, snapshot: Snapshot, catalog: Catalog) -> Json:
    """The report's data as JSON values."""
    texts = _Texts()
    names = _pod_order(plan, snapshot)
    index = {key: number for number, key in enumerate(names)}
    requests = {pod.key: pod.requests for pod in snapshot.pods}
    amounts = [requests.get(key, Resources()) for key in names]
    namespaces = {name: number for number, name in enumerate(_namespaces(names, amounts))}
    before, after = _before(plan, snapshot, catalog=catalog, texts=texts), _after(plan, catalog=catalog)
    where_before = {pod.key: pod.node_name for pod in snapshot.pods}
    where_after = {key: node.name for node in plan.nodes for key in node.pods}
    return {
        "namespaces": list(namespaces),
        "pods": {
            "name": [key.partition("/")[2] for key in names],
            "ns": [namespaces[key.partition("/")[0]] for key in names],
            "cpu": [amount.cpu_mcpu for amount in amounts],
            "mem": [round(amount.memory_bytes / MIB) for amount in amounts],
            "ext": {str(n): dict(amount.extended) for n, amount in enumerate(amounts) if amount.extended},
        },
        "before": {"nodes": before, "at": _places(names, where_before, before)},
        "after": {"nodes": after, "at": _places(names, where_after, after)},
        "actions": _actions(plan, texts=texts, pods=index),
        "kept": [[kept.node, texts.number(kept.reason.text)] for kept in plan.kept],
        "unschedulable": [[pod.pod, pod.constraint, texts.number(pod.detail)] for pod in plan.unschedulable],
        "texts": list(texts.all),
    }


def vcpus(instance_type: str, allocatable: Resources, *, catalog: Catalog) -> int:
    """Count the vCPUs of a node, from what it can allocate when its type is unknown."""
    known = catalog.types.get(instance_type)
    return known.vcpu if known else max(1, -(-allocatable.cpu_mcpu // 1000))


def _pod_order(plan: Plan, snapshot: Snapshot) -> list[str]:
    keys = dict.fromkeys(pod.key for pod in snapshot.pods)
    keys |= dict.fromkeys(key for node in plan.nodes for key in node.pods)
    return list(keys)


def _namespaces(keys: Sequence[str], amounts: Sequence[Resources]) -> list[str]:
    """The largest first: the first ones get a colour of their own."""
    sizes: defaultdict[str, float] = defaultdict(float)
    for key, amount in zip(keys, amounts, strict=True):
        sizes[key.partition("/")[0]] += units(amount.cpu_mcpu / MCPU_PER_CPU, memory_bytes=amount.memory_bytes)
    return sorted(sizes, key=lambda name: (-sizes[name], name))


def _before(plan: Plan, snapshot: Snapshot, *, catalog: Catalog, texts: _Texts) -> list[Json]:
    stays = {node.name for node in plan.nodes if node.existing}
    why = {kept.node: kept.reason.text for kept in plan.kept}
    return [
        _node(node, catalog=catalog)
        | {"state": "stays" if node.name in stays else "goes"}
        | _why(why.get(node.name), texts)
        for node in snapshot.nodes
    ]


def _why(text: str | None, texts: _Texts) -> Json:
    return {"why": texts.number(text)} if text else {}


def _after(plan: Plan, *, catalog: Catalog) -> list[Json]:
    return [_node(node, catalog=catalog) | {"state": "stays" if node.existing else "new"} for node in plan.nodes]


def _node(node: Node | PlannedNode, *, catalog: Catalog) -> Json:
    room = node.allocatable
    price = node.price_usd_per_h
    data: Json = {
        "name": node.name,
        "type": node.instance_type or "unknown type",
        "zone": node.zone.name or node.zone.id,
        "zoneId": node.zone.id,
        "bought": bought(node.capacity_type),
        "pool": node.template,
        "price": None if price is None else round(price, 6),
        "vcpu": vcpus(node.instance_type, room, catalog=catalog),
        "cpu": room.cpu_mcpu,
        "mem": round(room.memory_bytes / MIB),
    }
    return data | ({"ext": dict(room.extended)} if room.extended else {})


def _places(keys: Sequence[str], where: dict[str, str], nodes: Sequence[Json]) -> list[int]:
    """For each pod the number of its node, -1 for none."""
    number = {node["name"]: place for place, node in enumerate(nodes)}

    return [number.get(where.get(key, ""), -1) for key in keys]


def _actions(plan: Plan, *, texts: _Texts, pods: dict[str, int]) -> list[list[Any]]:
    """Rows of step, kind, node, reason and details; evictions of one node in one step for one reason make one row."""
    together: dict[Any, list[Action]] = {}
    for action in plan.actions:
        alike = (action.reason.text, action.binding, action.alternatives) if action.pod else action.id
        together.setdefault((action.step, action.kind, action.node, alike), []).append(action)
    rows = []
    for first, *others in together.values():
        row = [first.step, str(first.kind), first.node, texts.number(first.reason.text)]
        details = _details(first, texts=texts)
        if first.pod:
            details["moves"] = [[pods.get(each.pod, each.pod), each.target] for each in (first, *others)]
        rows.append([*row, details] if details else row)
    return rows


def _details(action: Action, *, texts: _Texts) -> Json:
    details: Json = {}
    if action.binding:
        details["binding"] = texts.number(action.binding)
    if action.alternatives:
        details["others"] = [
            [other.choice, round(other.extra_usd_per_h, 6), texts.number(other.verdict)]
            for other in action.alternatives
        ]
    return details
