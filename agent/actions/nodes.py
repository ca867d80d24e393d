"""Actions on nodes: cordon, uncordon, label, drain."""

from datetime import datetime

from agent.actions.outcome import ActionFailedError, gone, listed, would
from agent.clock import Clock
from agent.drains.facts import condition_of, read_budget, read_pod
from agent.drains.marks import DrainOrder, cordon, drain_of, is_cordoned, is_cordoned_by_us, uncordon
from agent.drains.mode import Mode
from agent.drains.order import Drive, plan_drain
from agent.drains.registry import Drains
from agent.drains.report import DrainReport, Ending
from agent.kubernetes.api import JsonObject, KubernetesApi, PatchKind, path_of
from agent.kubernetes.errors import NotFoundError
from domain.wire.actions import DrainPayload, LabelPayload, NodePayload

COMMANDED = "the service asked for it"


class NodeActions:
    """What is done to nodes. A node that has gone needs nothing; another instance under its name is left alone."""

    def __init__(self, api: KubernetesApi, clock: Clock, *, drains: Drains) -> None:
        self._api, self._clock, self._drains = api, clock, drains

    async def cordon(self, payload: NodePayload, mode: Mode) -> JsonObject:
        """Keep new pods away."""
        node = await self._find(payload.node, payload.instance_id)
        if node is None:
            return gone(f"node {payload.node}")
        if mode is Mode.REHEARSE:
            return would(f"cordon node {payload.node}", changes=not is_cordoned(node))
        return {"changed": await cordon(self._api, node, why=COMMANDED, now=self._clock.now())}

    async def uncordon(self, payload: NodePayload, mode: Mode) -> JsonObject:
        """Let pods come again, if it was us who kept them away, and call off a drain of our own choice."""
        node = await self._find(payload.node, payload.instance_id)
        if node is None:
            return gone(f"node {payload.node}")
        if self._is_interrupted(node):
            raise ActionFailedError(f"node {payload.node} is interrupted: it stays cordoned")
        ours = is_cordoned_by_us(node)
        note = {"note": "somebody else has cordoned it"} if is_cordoned(node) and not ours else {}
        if mode is Mode.REHEARSE:
            return would(f"uncordon node {payload.node}", changes=ours, **note)
        self._drains.call_off(payload.node, "the service has the node uncordoned")
        return {"changed": await uncordon(self._api, node)} | note

    async def label(self, payload: LabelPayload, mode: Mode) -> JsonObject:
        """Set labels, and remove those with ``null``."""
        node = await self._find(payload.node, "")
        if node is None:
            return gone(f"node {payload.node}")
        have = node["metadata"].get("labels") or {}
        changes = {key: value for key, value in payload.labels.items() if have.get(key) != value}
        if mode is Mode.REHEARSE:
            return would(f"label node {payload.node}", labels=changes)
        if changes:
            patch = {"metadata": {"labels": changes}}
            await self._api.patch(path_of("nodes", payload.node), patch, kind=PatchKind.MERGE)
        return {"changed": bool(changes)}

    async def drain(self, payload: DrainPayload, mode: Mode) -> JsonObject:
        """Empty a node; with a deadline, or when it is lost anyway, even of what must not be disrupted."""
        node = await self._find(payload.node, payload.instance_id)
        if node is None:
            return gone(f"node {payload.node}")
        order = self._order(node, payload.deadline_at)
        if mode is Mode.REHEARSE:
            return await self._rehearse_drain(order)
        report = await self._drains.drain(order)
        if report.ending in (Ending.EMPTY, Ending.GONE):
            return report.to_json()
        raise ActionFailedError(_shortfall(report), report.to_json())

    def _order(self, node: JsonObject, deadline: datetime | None) -> DrainOrder:
        is_lost = condition_of(node, "Ready").get("status") not in ("True", None)
        interrupted = deadline is not None or is_lost or self._is_interrupted(node)
        drive = Drive.INTERRUPTED if interrupted else Drive.VOLUNTARY
        return DrainOrder(node=node["metadata"]["name"], why=COMMANDED, drive=drive, deadline=deadline)

    async def _rehearse_drain(self, order: DrainOrder) -> JsonObject:
        found = await self._api.get(path_of("pods"), params={"fieldSelector": f"spec.nodeName={order.node}"})
        budgets = await self._api.get(path_of("poddisruptionbudgets", group="policy"))
        plan = plan_drain(
            map(read_pod, found["items"]),
            [read_budget(one) for one in budgets["items"]],
            now=self._clock.now(),
            deadline=order.deadline,
            drive=order.drive,
            singles=(),
        )
        kept = [{"pod": one.pod.key, "why": one.why} for one in plan.kept]
        return would(f"drain node {order.node}", evict=[ask.pod.key for ask in plan.asks], keep=kept)

    def _is_interrupted(self, node: JsonObject) -> bool:
        marked = drain_of(node)
        return self._drains.is_interrupted(node["metadata"]["name"]) or (
            marked is not None and marked.drive is Drive.INTERRUPTED
        )

    async def _find(self, name: str, instance_id: str) -> JsonObject | None:
        try:
            node = await self._api.get(path_of("nodes", name))
        except NotFoundError:
            return None
        here = str((node.get("spec") or {}).get("providerID") or "")
        if instance_id and here.rpartition("/")[2] != instance_id:
            raise ActionFailedError(f"node {name} is {here or 'no instance that is known'}, not {instance_id}")
        return node


def _shortfall(report: DrainReport) -> str:
    node, count = report.order.node, len(report.unsaved)
    if report.ending is Ending.ABORTED:
        return f"the drain of node {node} was called off: {report.why}; {count} pods are left"
    names = listed([f"{pod} ({why})" for pod, why in report.unsaved])
    return f"{count} pods are left on node {node}: {names}" if count else f"node {node} could not be looked at in time"
