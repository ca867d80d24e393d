"""What we write on nodes: that we cordoned one, and the drain that is under way on it.

The annotations survive the agent, so that whoever leads next uncordons only what we cordoned, and goes on with drains.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from agent.drains.facts import read_time
from agent.drains.order import Drive
from agent.kubernetes.api import JsonObject, KubernetesApi, PatchKind, path_of
from domain.signing import wire_time

CORDONED = "spot-optimizer/cordoned"
"""Why and since when we keep pods away from a node; absent on nodes that somebody else has cordoned."""

DRAINING = "spot-optimizer/draining"
"""A drain that is not over: its deadline and why it was begun, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainOrder:
    """A node is to be emptied.

    Parameters
    ----------
    node
        Its name.
    why
        A sentence for people.
    deadline
        When it goes (UTC), ``None`` when it goes once it is empty.
    """

    node: str
    why: str
    drive: Drive
    deadline: datetime | None = None

    def tightened(self, other: "DrainOrder") -> "DrainOrder":
        """Both orders at once: the nearer deadline, and an interruption outweighs a choice."""
        deadlines = [one for one in (self.deadline, other.deadline) if one is not None]
        interrupts = Drive.INTERRUPTED in (self.drive, other.drive)
        stronger = other if self.drive is Drive.VOLUNTARY and interrupts else self
        return DrainOrder(
            node=self.node,
            why=stronger.why,
            drive=Drive.INTERRUPTED if interrupts else Drive.VOLUNTARY,
            deadline=min(deadlines, default=None),
        )


def is_cordoned(node: JsonObject) -> bool:
    """Whether no new pods come to a node."""
    return bool((node.get("spec") or {}).get("unschedulable"))


def is_cordoned_by_us(node: JsonObject) -> bool:
    """Whether we keep pods away from a node."""
    return is_cordoned(node) and CORDONED in _annotations(node)


def drain_of(node: JsonObject) -> DrainOrder | None:
    """The drain that is under way on a node, if one is; ``None`` for a mark that somebody has damaged."""
    try:
        raw = json.loads(_annotations(node).get(DRAINING) or "null")
        if not isinstance(raw, dict):
            return None
        return DrainOrder(
            node=node["metadata"]["name"],
            why=str(raw.get("why", "")),
            drive=Drive(raw.get("drive")),
            deadline=read_time(raw.get("deadline_at")),
        )
    except ValueError:
        return None


async def cordon(
    api: KubernetesApi, node: JsonObject, *, why: str, now: datetime, drain: DrainOrder | None = None
) -> bool:
    """Keep new pods away from a node, and remember a drain that begins with it, in one call.

    False when pods are kept away already, by whomever: then who did it is not written over.
    """
    is_new = not is_cordoned(node)
    marks = {CORDONED: f"{wire_time(now)} {why}"} if is_new else {}
    marks |= {DRAINING: _text(drain)} if drain is not None else {}
    patch: JsonObject = {"metadata": {"annotations": marks}}
    if is_new:
        patch["spec"] = {"unschedulable": True}
    if marks:
        await _patch(api, node["metadata"]["name"], patch)
    return is_new


async def uncordon(api: KubernetesApi, node: JsonObject) -> bool:
    """Let pods come again, if it was us who kept them away; false when there is nothing of ours to undo."""
    gone: JsonObject = {"metadata": {"annotations": {CORDONED: None, DRAINING: None}}}
    ours = is_cordoned_by_us(node)
    if ours:
        gone["spec"] = {"unschedulable": None}
    if ours or _annotations(node).keys() & {CORDONED, DRAINING}:
        await _patch(api, node["metadata"]["name"], gone)
    return ours


async def mark_drain(api: KubernetesApi, order: DrainOrder) -> None:
    """Remember a drain on its node."""
    await _patch(api, order.node, {"metadata": {"annotations": {DRAINING: _text(order)}}})


async def unmark_drain(api: KubernetesApi, node: str) -> None:
    """The drain is over."""
    await _patch(api, node, {"metadata": {"annotations": {DRAINING: None}}})


async def _patch(api: KubernetesApi, node: str, patch: JsonObject) -> None:
    await api.patch(path_of("nodes", node), patch, kind=PatchKind.MERGE)


def _annotations(node: JsonObject) -> JsonObject:
    found = node["metadata"].get("annotations")
    return found if isinstance(found, dict) else {}


def _text(order: DrainOrder) -> str:
    mark = {
        "why": order.why,
        "drive": order.drive.value,
        "deadline_at": wire_time(order.deadline) if order.deadline is not None else None,
    }
    return json.dumps(mark, sort_keys=True, ensure_ascii=False)
