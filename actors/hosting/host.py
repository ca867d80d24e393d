"""A host of clusters: wakes them, gives each one turn at a time, carries out what their state machines command.

What survives its death: everything that a caller got an answer for. PostgreSQL is the truth, the memory of the host a
copy that is thrown away whenever storing fails. Commands that leave no row (plans asked for, wake-ups) are repeated
when the cluster is woken again.
"""

import asyncio
import contextlib
import ctypes
import gc
import heapq
from collections.abc import AsyncIterator, Coroutine, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID, uuid4

import orjson
import structlog

from actors.cluster.inputs import (
    ActionFinished,
    AgentConnected,
    Ended,
    Input,
    PlanFailed,
    PlanReady,
    PolicyChanged,
    Restored,
    SafeModeSwitched,
    SnapshotReceived,
    Tick,
)
from actors.cluster.records import facts_of
from actors.hosting.briefs import brief_of
from actors.hosting.carrying import FreshPlan, store
from actors.hosting.hosted import Hosted, wake
from actors.hosting.ports import ClusterView, Report, ReportAnswer
from actors.planning.order import PlanAnswer, PlanOrder
from actors.services import Services
from adapters.kubernetes.snapshot import nodes_from_objects
from adapters.redis import keys as names
from adapters.redis.ports.bus import Message
from domain.commands import (
    AskAws,
    AskForSnapshot,
    CancelPlan,
    Command,
    Persist,
    Priority,
    QueueAction,
    ReportEvidence,
    RequestPlan,
    Schedule,
    TellPortal,
    WakeAgent,
)
from domain.delta import BaseMismatchError, ObjectSet, apply_delta
from domain.errors import InputError, RejectedError, SpotOptimizerError
from domain.market import Pool
from domain.wire.socket import CommandMessage, ResendMessage
from domain.work import ActionStatus, StoredSnapshot

SNAPSHOT_EVERY_S = 60.0
"""How often the objects of a cluster are stored at most: an agent sends them anew in a second when they are lost."""

SWEEP_EVERY_S = 15.0
"""How often clusters are looked through for objects to store and sleepers to put to bed."""

STORED_AT_ONCE = 8
"""Clusters whose objects are stored side by side."""

_ENDS = {
    ActionStatus.COMPLETED: Ended.COMPLETED,
    ActionStatus.FAILED: Ended.FAILED,
    ActionStatus.EXPIRED: Ended.EXPIRED,
}

log = structlog.get_logger(__name__)


class Planner(Protocol):
    """Makes plans; see `actors.planning`."""

    async def plan(self, order: PlanOrder) -> PlanAnswer:
        """The answer to an order."""

    async def cancel(self, request: str) -> None:
        """Stop planning."""


class Registry(Protocol):
    """Hears what was seen of pools, and knows which are flagged; see `actors.risk`."""

    async def report(self, cluster_id: UUID, organization_id: UUID, evidence: ReportEvidence) -> None:
        """Take note of evidence."""

    def flagged(self, region: str, organization_id: UUID) -> tuple[Pool, ...]:
        """Pools of a region that this organisation avoids now, from memory."""


class Aws(Protocol):
    """Launches and terminates instances."""

    async def carry_out(self, cluster_id: UUID, organization_id: UUID, command: AskAws) -> ActionFinished:
        """Do what is asked, and say how it ended."""


class Host:
    """The clusters of one host."""

    def __init__(self, services: Services, *, planner: Planner, registry: Registry, aws: Aws) -> None:
        self._services = services
        self._planner = planner
        self._registry = registry
        self._aws = aws
        self._awake: dict[UUID, Hosted] = {}
        self._waking: dict[UUID, asyncio.Lock] = {}
        self._ticks: list[tuple[datetime, str]] = []
        self._tick_added = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    def start(self) -> None:
        """Begin to tick, and to store objects and put idle clusters to sleep."""
        self._spawn(self._tick_forever())
        self._spawn(self._sweep_forever())

    async def close(self) -> None:
        """Store what is not stored yet and stop."""
        self._closing = True
        await self._store_objects(list(self._awake.values()), every_s=0.0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # What others ask

    async def report(self, report: Report) -> ReportAnswer:
        """Take over what an agent has collected."""
        async with self._turn(report.cluster_id) as hosted:
            try:
                changed = await _merged(hosted.objects, report)
            except BaseMismatchError:
                return ReportAnswer(need_full=True)
            if changed is not None:
                await self._take_over(hosted, changed, at=report.at)
            elif hosted.observed_at is None:
                return ReportAnswer(need_full=True)
            now = self._now()
            if not hosted.state.connected:
                await self._handle(hosted, AgentConnected(id=_new_id(), at=now))
            if changed is not None or report.at > (hosted.observed_at or report.at):
                hosted.observed_at = report.at
            seen = SnapshotReceived(id=_new_id(), at=now, observed_at=report.at, nodes=hosted.nodes)
            await self._handle(hosted, seen)
        return ReportAnswer(need_full=False)

    async def tell(self, cluster_id: UUID, event: Input) -> None:
        """Have the state machine handle something; returns when all it led to is stored."""
        async with self._turn(cluster_id) as hosted:
            await self._handle(hosted, event)

    async def view(self, cluster_id: UUID) -> ClusterView:
        """How the cluster stands."""
        was_awake = cluster_id in self._awake
        async with self._turn(cluster_id) as hosted:
            return _view_of(hosted, awake=was_awake)

    async def refresh(self, cluster_id: UUID) -> None:
        """Read policy, configuration and keys of a cluster anew, if it is awake."""
        if cluster_id in self._awake:
            async with self._turn(cluster_id) as hosted:
                await self._doze_off(hosted)
            async with self._turn(cluster_id):
                return

    async def refresh_all(self) -> None:
        """The configuration of all has changed."""
        for cluster_id in list(self._awake):
            with contextlib.suppress(SpotOptimizerError):
                await self.refresh(cluster_id)

    async def forget(self, cluster_id: UUID) -> None:
        """Drop a cluster from memory."""
        self._awake.pop(cluster_id, None)

    def counts(self) -> dict[str, int]:
        """Clusters awake, and those with something under way."""
        return {"awake": len(self._awake), "busy": sum(hosted.is_busy for hosted in self._awake.values())}

    # One turn

    @contextlib.asynccontextmanager
    async def _turn(self, cluster_id: UUID) -> AsyncIterator[Hosted]:
        """The cluster, awake, for one turn. What fails in it throws the copy in memory away."""
        while True:
            hosted = self._awake.get(cluster_id) or await self._wake(cluster_id)
            async with hosted.turn:
                if self._awake.get(cluster_id) is not hosted:
                    continue
                hosted.used_at_s = self._services.clock.monotonic()
                try:
                    yield hosted
                except InputError:
                    raise
                except BaseException:
                    self._awake.pop(cluster_id, None)
                    raise
                return

    async def _wake(self, cluster_id: UUID) -> Hosted:
        lock = self._waking.setdefault(cluster_id, asyncio.Lock())
        async with lock:
            if cluster_id in self._awake:
                return self._awake[cluster_id]
            services = self._services
            async with services.database.platform() as tx:
                config = await tx.config.all()
                hosted = await wake(
                    tx,
                    cluster_id,
                    keys=services.keys,
                    config=config,
                    now=self._now(),
                    max_snapshot_age_s=services.settings.snapshot_max_age_s,
                )
                ended = await _ended_meanwhile(tx, hosted)
            hosted.stored_at_s = services.clock.monotonic()
            async with hosted.turn:
                self._awake[cluster_id] = hosted
                try:
                    await self._catch_up(hosted, ended)
                except BaseException:
                    self._awake.pop(cluster_id, None)
                    raise
        self._waking.pop(cluster_id, None)
        return hosted

    async def _catch_up(self, hosted: Hosted, ended: Sequence[ActionFinished]) -> None:
        """Tell the state machine what has changed while nobody listened."""
        now = self._now()
        if hosted.version:
            await self._handle(hosted, Restored(id=_new_id(), at=now))
        if hosted.observed_at is not None:
            seen = SnapshotReceived(id=_new_id(), at=now, observed_at=hosted.observed_at, nodes=hosted.nodes)
            await self._handle(hosted, seen)
        if hosted.state.settings != hosted.settings:
            await self._handle(hosted, PolicyChanged(id=_new_id(), at=now, settings=hosted.settings))
        if hosted.state.safe_mode != hosted.safe_mode:
            await self._handle(hosted, SafeModeSwitched(id=_new_id(), at=now, on=hosted.safe_mode))
        for event in ended:
            await self._handle(hosted, event)

    async def _handle(self, hosted: Hosted, event: Input) -> None:
        """One event: state machine, storage, and then what leaves no row."""
        commands = hosted.state.handle(event)
        evidence = [command for command in commands if isinstance(command, ReportEvidence)]
        # The registry is told beside storage: others are protected earlier, and telling it twice is safe.
        told = [self._registry.report(hosted.id, hosted.organization_id, one) for one in evidence]
        if any(isinstance(command, Persist) for command in commands):
            told.append(self._store(hosted, commands))
        if told:
            await asyncio.gather(*told)
        await self._pass_on(hosted, commands)

    async def _store(self, hosted: Hosted, commands: Sequence[Command]) -> None:
        async with self._services.database.tenant(hosted.organization_id) as tx:
            await store(tx, hosted, commands, key=hosted.key, now=self._now())
        hosted.version += 1
        if hosted.key is None and any(isinstance(command, QueueAction) for command in commands):
            log.error("actions were not queued: the cluster has no valid key", cluster=str(hosted.id))

    async def _pass_on(self, hosted: Hosted, commands: Sequence[Command]) -> None:
        messages = [message for command in commands for message in _messages(hosted, command, self._now())]
        if messages:
            await self._services.hub.bus.publish_many(messages)
        for command in commands:
            match command:
                case RequestPlan():
                    self._spawn(self._plan(hosted.id, self._order(hosted, command), command))
                case CancelPlan(request=request):
                    self._spawn(self._planner.cancel(request))
                case AskAws():
                    self._spawn(self._ask_aws(hosted.id, hosted.organization_id, command))
                case Schedule(at=at):
                    heapq.heappush(self._ticks, (at, str(hosted.id)))
                    self._tick_added.set()

    # Plans and AWS

    def _order(self, hosted: Hosted, command: RequestPlan) -> PlanOrder | None:
        if hosted.observed_at is None:
            return None
        settings = self._services.settings
        flagged = self._registry.flagged(hosted.record.region, hosted.organization_id)
        urgent = command.priority is Priority.INTERRUPTION
        return PlanOrder(
            request=command.request,
            cluster=str(hosted.id),
            priority=command.priority,
            objects=hosted.objects.to_bytes(),
            observed_at=hosted.observed_at,
            policy=hosted.policy,
            generation=command.generation,
            parent=command.parent,
            time_limit_s=settings.interruption_plan_time_limit_s if urgent else settings.plan_time_limit_s,
            ordered_at=self._now(),
            excluded_nodes=command.excluded_nodes,
            excluded_pools=tuple(sorted({*command.excluded_pools, *flagged})),
        )

    async def _plan(self, cluster_id: UUID, order: PlanOrder | None, command: RequestPlan) -> None:
        if order is None:
            await self.tell(cluster_id, self._failed(command.request, "the agent has not sent a snapshot yet"))
            return
        answer = await self._planner.plan(order)
        async with self._turn(cluster_id) as hosted:
            if answer.plan is None:
                await self._handle(hosted, self._failed(order.request, answer.failure))
                return
            generation = answer.plan.generation
            hosted.fresh[generation] = FreshPlan(answer=answer, observed_at=order.observed_at)
            brief = brief_of(answer.plan, request=order.request, observed_at=order.observed_at)
            await self._handle(hosted, PlanReady(id=f"plan {order.request}", at=self._now(), plan=brief))
            hosted.fresh.pop(generation, None)

    def _failed(self, request: str, reason: str) -> PlanFailed:
        return PlanFailed(id=f"plan {request}", at=self._now(), request=request, reason=reason)

    async def _ask_aws(self, cluster_id: UUID, organization_id: UUID, command: AskAws) -> None:
        await self.tell(cluster_id, await self._aws.carry_out(cluster_id, organization_id, command))

    # Objects

    async def _take_over(self, hosted: Hosted, changed: ObjectSet, *, at: datetime) -> None:
        if hosted.observed_at is None or not changed.equals(hosted.objects, "Node"):
            nodes = await asyncio.to_thread(nodes_from_objects, changed.objects("Node"))
            hosted.nodes = facts_of(nodes, region=hosted.record.region)
        hosted.objects, hosted.observed_at = changed, at

    async def _store_objects(self, clusters: Sequence[Hosted], *, every_s: float) -> None:
        now_s = self._services.clock.monotonic()
        due = [
            hosted
            for hosted in clusters
            if hosted.observed_at is not None
            and hosted.objects.hash != hosted.stored_hash
            and now_s - hosted.stored_at_s >= every_s
        ]
        for first in range(0, len(due), STORED_AT_ONCE):
            await asyncio.gather(*(self._store_objects_of(hosted) for hosted in due[first : first + STORED_AT_ONCE]))

    async def _store_objects_of(self, hosted: Hosted) -> None:
        objects, observed_at = hosted.objects, hosted.observed_at
        if observed_at is None:
            return
        body = await asyncio.to_thread(objects.to_bytes)
        snapshot = StoredSnapshot(
            cluster_id=hosted.id,
            organization_id=hosted.organization_id,
            body=body,
            hash=objects.hash,
            observed_at=observed_at,
            stored_at=self._now(),
        )
        async with self._services.database.single() as tx:
            await tx.snapshots.put(snapshot)
        hosted.stored_hash, hosted.stored_at_s = objects.hash, self._services.clock.monotonic()

    # Time

    async def _tick_forever(self) -> None:
        while True:
            self._tick_added.clear()
            now = self._now()
            while self._ticks and self._ticks[0][0] <= now:
                _, cluster = heapq.heappop(self._ticks)
                self._spawn(self.tell(UUID(cluster), Tick(id=_new_id(), at=now)))
            wait_s = (self._ticks[0][0] - now).total_seconds() if self._ticks else SWEEP_EVERY_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._tick_added.wait(), timeout=max(0.05, min(wait_s, SWEEP_EVERY_S)))

    async def _sweep_forever(self) -> None:
        while True:
            await self._services.clock.sleep(SWEEP_EVERY_S)
            try:
                await self.sweep()
            except SpotOptimizerError as err:
                log.warning("clusters could not be swept", error=str(err))

    async def sweep(self) -> int:
        """Store objects that have changed, put idle clusters to sleep and give their memory back; says how many."""
        await self._store_objects(list(self._awake.values()), every_s=SNAPSHOT_EVERY_S)
        before_s = self._services.clock.monotonic() - self._services.settings.cluster_idle_s
        idle = [hosted for hosted in self._awake.values() if hosted.used_at_s < before_s and not hosted.is_busy]
        for hosted in idle:
            async with hosted.turn:
                await self._doze_off(hosted)
        if idle:
            _give_memory_back()
        return len(idle)

    async def _doze_off(self, hosted: Hosted) -> None:
        await self._store_objects([hosted], every_s=0.0)
        if self._awake.get(hosted.id) is hosted:
            del self._awake[hosted.id]

    def _now(self) -> datetime:
        return self._services.clock.now()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # A task that is cancelled before it begins would leave its work open.
        task.add_done_callback(lambda _: work.close())


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    """What runs by itself must not fail in silence; its cluster finds out when the answer it waits for is overdue."""
    try:
        await work
    except RejectedError as err:
        log.info("a cluster is gone", error=str(err))
    except SpotOptimizerError as err:
        log.warning("background work has failed", error=str(err), kind=type(err).__name__)


async def _merged(objects: ObjectSet, report: Report) -> ObjectSet | None:
    if report.full is not None:
        return await asyncio.to_thread(ObjectSet.from_bytes, report.full)
    if report.delta is not None:
        return apply_delta(objects, report.delta)
    return None


async def _ended_meanwhile(tx: Any, hosted: Hosted) -> list[ActionFinished]:
    """Actions that ended while the cluster was not listening."""
    waiting = [id_ for id_, command in hosted.state.in_flight.items() if isinstance(command, QueueAction)]
    if not waiting:
        return []
    open_ids = {str(action.id) for action in await tx.actions.open_of_cluster(hosted.id)}
    ended = []
    for action_id in (one for one in waiting if one not in open_ids):
        action = await tx.actions.get(UUID(action_id))
        if action is not None and action.status in _ENDS:
            at = action.completed_at or action.expires_at
            end = _ENDS[action.status]
            ended.append(
                ActionFinished(id=f"end of {action_id}", at=at, action_id=action_id, ended=end, error=action.error)
            )
    return ended


def _messages(hosted: Hosted, command: Command, now: datetime) -> list[Message]:
    """What a command tells others at once."""
    cluster = str(hosted.id)
    match command:
        case WakeAgent():
            return [Message(channel=names.agent_command(cluster), body=CommandMessage().model_dump_json().encode())]
        case AskForSnapshot():
            return [Message(channel=names.agent_command(cluster), body=ResendMessage().model_dump_json().encode())]
        case TellPortal(topic=topic, data=data):
            body = orjson.dumps({"topic": topic, "cluster_id": cluster, "at": now, "data": dict(data)})
            return [Message(channel=names.cluster_events(cluster), body=body)]
    return []


def _view_of(hosted: Hosted, *, awake: bool) -> ClusterView:
    state = hosted.state
    return ClusterView(
        awake=awake,
        snapshot_at=hosted.observed_at,
        snapshot_hash=hosted.objects.hash,
        nodes=len(state.nodes),
        pods=hosted.objects.count("Pod"),
        going=tuple(sorted(state.going)),
        mode=str(state.settings.mode),
        safe_mode=state.safe_mode,
        accepted_generation=state.accepted,
        planning=state.asked is not None,
        executing_generation=state.execution.generation if state.execution else None,
        proposed_generation=state.proposal.brief.generation if state.proposal else None,
        story=tuple(
            {"at": line.at.isoformat(), "cause": line.cause, "event": line.event, "text": line.text}
            for line in state.story_lines
        ),
    )


def _give_memory_back() -> None:
    """Free memory goes back to the system, not only to Python's allocator."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _new_id() -> str:
    return str(uuid4())
