"""A host of clusters: wakes them, gives each one turn at a time, carries out what their state machines command.

What survives its death: everything that a caller got an answer for. PostgreSQL is the truth, the memory of the host a
copy that is thrown away whenever storing fails. Commands that leave no row (plans asked for, wake-ups) are repeated
when the cluster is woken again.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from uuid import UUID, uuid4

import structlog

from actors.cluster.inputs import (
    ActionFinished,
    AgentConnected,
    Input,
    OptimiseRequested,
    PlanApproved,
    PlanFailed,
    PlanReady,
    PolicyChanged,
    Restored,
    SafeModeSwitched,
    SnapshotReceived,
    Tick,
)
from actors.cluster.notices import evidence_of
from actors.execution.ports import Ec2, Where
from actors.hosting.background import Alarms, Background, give_memory_back
from actors.hosting.briefs import brief_of
from actors.hosting.carrying import FreshPlan, store
from actors.hosting.circumstances import circumstances_of
from actors.hosting.hosted import Hosted, adopt, ended_meanwhile, read_terms, view_of, wake
from actors.hosting.messages import messages_of
from actors.hosting.objects import SNAPSHOT_EVERY_S, store_objects, take_over
from actors.hosting.ports import ClusterView, Planner, Registry, Report, ReportAnswer
from actors.hosting.sagas import Beginning, Sagas
from actors.planning.order import PlanOrder
from actors.services import Services
from domain.commands import (
    AbortSaga,
    BeginSaga,
    CancelPlan,
    Command,
    Persist,
    Priority,
    QueueAction,
    ReportEvidence,
    RequestPlan,
    Schedule,
)
from domain.delta import BaseMismatchError, ObjectSet
from domain.errors import InputError, RejectedError, SpotOptimizerError, TransientError
from domain.events import SpotInterruption

SWEEP_EVERY_S = 15.0
"""How often clusters are looked through for objects to store and sleepers to put to bed."""

log = structlog.get_logger(__name__)


class Host:
    """The clusters of one host.

    Parameters
    ----------
    ec2
        Launches and ends instances.
    mine
        Which clusters live here.
    """

    def __init__(
        self,
        services: Services,
        *,
        planner: Planner,
        registry: Registry,
        ec2: Ec2,
        mine: Callable[[UUID], bool] = lambda _: True,
    ) -> None:
        self._services = services
        self._planner = planner
        self._registry = registry
        self._mine = mine
        self._sagas = Sagas(services, ec2=ec2, registry=registry, objects=self._objects, told=self.tell)
        self._awake: dict[UUID, Hosted] = {}
        self._waking: dict[UUID, asyncio.Lock] = {}
        self._alarms = Alarms(services.clock)
        self._background = Background()

    def start(self) -> None:
        """Begin to tick, to store objects and put idle clusters to sleep; go on with plans that are carried out."""
        self._background.spawn(self._resume())
        self._background.spawn(self._alarms.run(self._tick))
        self._background.spawn(self._sweep_forever())

    async def close(self) -> None:
        """Store what is not stored yet and stop."""
        await store_objects(self._services, list(self._awake.values()))
        await self._background.close()
        await self._sagas.close()

    # What others ask

    async def report(self, report: Report) -> ReportAnswer:
        """Take over what an agent has collected."""
        async with self._turn(report.cluster_id) as hosted:
            try:
                if not await take_over(hosted, report):
                    return ReportAnswer(need_full=True)
            except BaseMismatchError:
                return ReportAnswer(need_full=True)
            now = self._now()
            if not hosted.state.connected:
                await self._handle(hosted, AgentConnected(id=_new_id(), at=now))
            seen = SnapshotReceived(id=_new_id(), at=now, observed_at=report.at, nodes=hosted.nodes)
            await self._handle(hosted, seen)
            self._sagas.poke(hosted.id)
            return ReportAnswer(need_full=False, nodes=len(hosted.nodes))

    async def tell(self, cluster_id: UUID, event: Input) -> None:
        """Have the state machine handle something; returns when all it led to is stored."""
        async with self._turn(cluster_id) as hosted:
            if isinstance(event, OptimiseRequested | PlanApproved):
                await self._renew(hosted)
            await self._handle(hosted, event)
        if isinstance(event, ActionFinished):
            self._sagas.poke(cluster_id)

    async def warn(self, cluster_id: UUID, event: SpotInterruption) -> None:
        """Tell the registry of a notice that is still on its way here: it changes nothing, so it waits for no turn."""
        hosted = self._awake.get(cluster_id) or await self._wake(cluster_id)
        evidence = evidence_of(hosted.state, event, now=self._now())
        await self._registry.warn(hosted.id, hosted.organization_id, evidence)

    async def view(self, cluster_id: UUID) -> ClusterView:
        """How the cluster stands."""
        was_awake = cluster_id in self._awake
        async with self._turn(cluster_id) as hosted:
            return view_of(hosted, awake=was_awake)

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
        """Drop a cluster from memory, and stop what is carried out there."""
        self._sagas.abort_all(cluster_id, "the cluster was disconnected")
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
                ended = await ended_meanwhile(tx, hosted)
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

    async def _renew(self, hosted: Hosted) -> None:
        """Policy and account as they are now, before a plan is asked for, shown or begun."""
        max_age_s = self._services.settings.snapshot_max_age_s
        async with self._services.database.platform() as tx:
            terms = await read_terms(tx, hosted.id, config=await tx.config.all(), max_snapshot_age_s=max_age_s)
        adopt(hosted, terms)
        if hosted.state.settings != hosted.settings:
            await self._handle(hosted, PolicyChanged(id=_new_id(), at=self._now(), settings=hosted.settings))

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
        messages = [message for command in commands for message in messages_of(str(hosted.id), command, self._now())]
        if messages:
            await self._services.hub.bus.publish_many(messages)
        for command in commands:
            match command:
                case RequestPlan():
                    self._background.spawn(self._plan(hosted.id, self._order(hosted, command), command))
                case CancelPlan(request=request):
                    self._background.spawn(self._planner.cancel(request))
                case BeginSaga(saga=saga):
                    self._background.spawn(self._sagas.begin(_beginning(hosted, saga)))
                case AbortSaga(saga=saga, reason=reason):
                    self._sagas.abort(saga, reason)
                case Schedule(at=at):
                    self._alarms.add(at, hosted.id)

    # Plans

    def _order(self, hosted: Hosted, command: RequestPlan) -> PlanOrder | None:
        if hosted.observed_at is None:
            return None
        settings = self._services.settings
        flagged = self._registry.flagged(hosted.record.region, hosted.organization_id)
        resting = self._sagas.resting()
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
            circumstances=circumstances_of(hosted.state, hosted.policy, resting=resting, karpenter=hosted.karpenter),
            excluded_pools=tuple(sorted({*command.excluded_pools, *flagged, *resting})),
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
            await self._renew(hosted)
            generation = answer.plan.generation
            hosted.fresh[generation] = FreshPlan(answer=answer, observed_at=order.observed_at)
            brief = brief_of(answer, answer.plan, observed_at=order.observed_at)
            await self._handle(hosted, PlanReady(id=f"plan {order.request}", at=self._now(), plan=brief))
            hosted.fresh.pop(generation, None)

    def _failed(self, request: str, reason: str) -> PlanFailed:
        return PlanFailed(id=f"plan {request}", at=self._now(), request=request, reason=reason)

    # Sagas

    async def _resume(self) -> None:
        """Go on with sagas of this host's clusters, and wake those whose state machines wait for their ends."""
        while True:
            try:
                for cluster_id in await self._sagas.resume(self._mine):
                    with contextlib.suppress(RejectedError):
                        async with self._turn(cluster_id):
                            pass
            except TransientError as err:
                log.warning("plans that were under way could not be taken up", error=str(err))
                await self._services.clock.sleep(SWEEP_EVERY_S)
            else:
                return

    async def _objects(self, where: Where) -> tuple[ObjectSet, datetime] | None:
        async with self._turn(where.cluster_id) as hosted:
            return (hosted.objects, hosted.observed_at) if hosted.observed_at is not None else None

    # Time

    def _tick(self, cluster_id: UUID, now: datetime) -> None:
        self._background.spawn(self.tell(cluster_id, Tick(id=_new_id(), at=now)))

    async def _sweep_forever(self) -> None:
        while True:
            await self._services.clock.sleep(SWEEP_EVERY_S)
            try:
                await self.sweep()
            except SpotOptimizerError as err:
                log.warning("clusters could not be swept", error=str(err))

    async def sweep(self) -> int:
        """Store objects that have changed, put idle clusters to sleep and give their memory back; says how many."""
        await store_objects(self._services, list(self._awake.values()), every_s=SNAPSHOT_EVERY_S)
        before_s = self._services.clock.monotonic() - self._services.settings.cluster_idle_s
        idle = [hosted for hosted in self._awake.values() if hosted.used_at_s < before_s and not hosted.is_busy]
        for hosted in idle:
            async with hosted.turn:
                await self._doze_off(hosted)
        if idle:
            give_memory_back()
        return len(idle)

    async def _doze_off(self, hosted: Hosted) -> None:
        await store_objects(self._services, [hosted])
        if self._awake.get(hosted.id) is hosted:
            del self._awake[hosted.id]

    def _now(self) -> datetime:
        return self._services.clock.now()


def _beginning(hosted: Hosted, saga: str) -> Beginning:
    state = hosted.state
    return Beginning(
        where=Where(organization_id=hosted.organization_id, cluster_id=hosted.id),
        execution=state.executions[saga],
        going=dict(state.going),
        present=frozenset(state.nodes),
        width=state.settings.max_concurrent_actions,
    )


def _new_id() -> str:
    return str(uuid4())
