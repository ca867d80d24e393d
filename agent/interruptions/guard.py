"""Watches over interruptions: cordons and drains at once, by itself, whether or not the service can be reached.

What survives a crash: cordons and drains that are under way, marked on their nodes. The rest is read anew.
"""

import asyncio
from datetime import datetime, timedelta

import structlog

from agent.clock import Clock
from agent.drains.marks import DrainOrder, uncordon
from agent.drains.mode import Mode
from agent.drains.registry import Drains
from agent.drains.report import DrainReport, Ending
from agent.interruptions.events import event_of
from agent.interruptions.notices import Kind, NodeFacts, read_node
from agent.interruptions.verdicts import Memory, Verdict, judge
from agent.kubernetes.api import JsonObject, KubernetesApi, path_of
from agent.kubernetes.errors import KubernetesError, NotFoundError
from agent.ports import EventSink
from domain.wire.messages import AgentConfig

AGAIN_S = 5.0
"""After a drain that RBAC or the API server refused."""

log = structlog.get_logger(__name__)


class _Watched:
    """A node and what is remembered of it."""

    __slots__ = ("done", "facts", "first_seen", "from_start", "said", "told", "was_ready")

    def __init__(self, facts: NodeFacts) -> None:
        self.facts = facts
        self.from_start = {notice.kind for notice in facts.notices}
        self.was_ready = False
        self.first_seen: dict[Kind, datetime] = {}
        self.told: set[Kind] = set()
        self.done: DrainOrder | None = None
        self.said = ""


class InterruptionGuard:
    """Handles nodes that go (`agent.ports.Guard`).

    Parameters
    ----------
    drains
        Shared with the actions.
    events
        Where the service is told.
    mode
        `Mode.REHEARSE` when this agent is told by its own settings to change nothing.
    """

    def __init__(
        self, api: KubernetesApi, clock: Clock, *, drains: Drains, events: EventSink, mode: Mode = Mode.DO
    ) -> None:
        self._api, self._clock, self._drains, self._events = api, clock, drains, events
        self._own_mode = self._mode = mode
        self._nodes: dict[str, _Watched] = {}
        self._waiting: set[str] = set()
        self._again: dict[str, datetime] = {}
        self._giving_back: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    def configure(self, config: AgentConfig) -> None:
        """Go on with a new configuration; what was only said is done once it may be."""
        rehearses = config.dry_run or config.safe_mode or self._own_mode is Mode.REHEARSE
        self._mode = Mode.REHEARSE if rehearses else Mode.DO
        if self._mode is Mode.REHEARSE:
            self._drains.freeze("safe mode" if config.safe_mode else "dry run")
        for name, node in self._nodes.items():
            node.done = None
            self._look_at(name)

    def on_node(self, node: JsonObject) -> None:
        """A node that is new or has changed."""
        facts = read_node(node)
        known = self._nodes.get(facts.name)
        if known is None or known.facts.uid != facts.uid:
            known = self._nodes[facts.name] = _Watched(facts)
        known.facts = facts
        known.was_ready = known.was_ready or facts.is_ready
        self._look_at(facts.name)

    def on_node_gone(self, name: str) -> None:
        """A node is no longer there; a drain of it ends by itself."""
        self._nodes.pop(name, None)
        self._again.pop(name, None)

    async def run(self) -> None:
        """Until cancelled. Drains go on without it."""
        while True:
            self._changed.clear()
            now = self._clock.now()
            due = {name for name, at in self._again.items() if at <= now}
            names, self._waiting = self._waiting | due, set()
            lost = self._lost()
            for name in sorted(names):
                self._again.pop(name, None)
                self._consider(name, lost=lost)
            await self._idle()

    async def _idle(self) -> None:
        next_at = min(self._again.values(), default=None)
        left_s = max(0.0, (next_at - self._clock.now()).total_seconds()) if next_at is not None else None
        try:
            async with asyncio.timeout(left_s):
                await self._changed.wait()
        except TimeoutError:
            return

    def _look_at(self, name: str) -> None:
        self._waiting.add(name)
        self._changed.set()

    def _consider(self, name: str, *, lost: int) -> None:
        node = self._nodes.get(name)
        if node is None:
            return
        now = self._clock.now()
        verdict = judge(node.facts, self._memory(node, now), now=now, lost=lost, nodes=len(self._nodes))
        if verdict.again_at is not None:
            self._again[name] = verdict.again_at
        self._carry_out(node, verdict)
        self._tell(node, now)

    def _memory(self, node: _Watched, now: datetime) -> Memory:
        kinds = {notice.kind for notice in node.facts.notices}
        node.first_seen = {kind: node.first_seen.get(kind, now) for kind in kinds}
        node.from_start &= kinds
        node.told &= kinds
        name = node.facts.name
        return Memory(
            first_seen=node.first_seen,
            fresh=kinds - node.from_start,
            was_ready=node.was_ready,
            own_drain=self._drains.order_of(name),
            is_shared=self._drains.is_shared(name),
        )

    def _carry_out(self, node: _Watched, verdict: Verdict) -> None:
        name = node.facts.name
        if verdict.why_not:
            self._say(node, f"left alone: {verdict.why_not}")
        if verdict.drain is not None and verdict.drain != node.done:
            if self._mode is Mode.REHEARSE:
                self._say(node, f"would be drained: {verdict.drain.why}")
                return
            self._say(node, f"is drained: {verdict.drain.why}")
            node.done = verdict.drain
            self._begin(node, verdict.drain)
        elif verdict.call_off and self._mode is Mode.DO:
            self._say(node, f"is given back: {verdict.call_off}")
            if not self._drains.call_off(name, verdict.call_off):
                task = asyncio.create_task(self._give_back(name), name=f"give back {name}")
                self._giving_back.add(task)
                task.add_done_callback(self._giving_back.discard)

    def _begin(self, node: _Watched, order: DrainOrder) -> None:
        if self._drains.order_of(order.node) == order:
            return
        task = self._drains.begin(order)
        task.add_done_callback(lambda done: self._on_end(node, done))

    def _on_end(self, node: _Watched, task: "asyncio.Task[DrainReport]") -> None:
        if task.cancelled():
            return
        name = node.facts.name
        if (problem := task.exception()) is not None:
            log.error("a drain has failed, it is tried again", node=name, problem=str(problem))
            node.done = None
            self._again[name] = self._clock.now() + timedelta(seconds=AGAIN_S)
            self._changed.set()
            return
        report = task.result()
        if report.ending is Ending.ABORTED:
            node.done = None
        for pod, why in report.unsaved:
            log.warning("a pod was not saved", node=name, pod=pod, why=why)

    async def _give_back(self, name: str) -> None:
        """Nobody drains the node any more, but the mark of somebody who did is there."""
        try:
            await uncordon(self._api, await self._api.get(path_of("nodes", name)))
        except NotFoundError:
            return
        except KubernetesError as err:
            log.warning("a node cannot be given back", node=name, error=str(err))
            self._again[name] = self._clock.now() + timedelta(seconds=AGAIN_S)
            self._changed.set()

    def _tell(self, node: _Watched, now: datetime) -> None:
        """Each notice once; the service counts an id once, too."""
        for notice in node.facts.notices:
            if notice.kind in node.told:
                continue
            node.told.add(notice.kind)
            event = event_of(node.facts, notice, now=now)
            if event is not None:
                self._events.put(event)
            elif notice.kind is not Kind.NOT_READY:
                self._say(node, "goes, but it is no instance that the service could know")

    def _say(self, node: _Watched, text: str) -> None:
        """Nodes change often; the same is not said again."""
        if text != node.said:
            node.said = text
            log.info("a node that goes", node=node.facts.name, what=text)

    def _lost(self) -> int:
        return sum(node.facts.is_spot and not node.facts.is_ready and node.was_ready for node in self._nodes.values())
