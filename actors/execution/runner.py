"""Runs sagas: stores what each turn has changed, then asks; takes up after a crash what was not ended.

What survives: the specification and every step, in PostgreSQL. What does not: who asked what in this process; after a
restart each open step is asked again, which first looks whether it has happened.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Protocol
from uuid import UUID, uuid5

import structlog

from actors.execution.asks import Command, Tell
from actors.execution.codec import from_body, to_body
from actors.execution.hands import Hands
from actors.execution.inputs import AbortAsked, Begun, Input, Resumed, Ticked
from actors.execution.saga import Saga
from adapters.clock import Clock
from adapters.postgres.ports import Database
from domain.audit import AuditEntry
from domain.errors import InvariantError, RejectedError, TransientError
from domain.saga import OPEN_SAGAS, SagaSpec, SagaStatus, SagaStep, StoredSaga

LOOK_EVERY_S = 5.0
"""A node takes a minute or more to join, and an agent tells of its actions by itself: a look is the second way."""

MAX_PAUSE_S = 60.0
_log = structlog.get_logger(__name__)


class Watcher(Protocol):
    """Hears of everything that sagas store."""

    async def heard(self, saga: StoredSaga, steps: Sequence[SagaStep]) -> None:
        """How a saga stands now, and which steps have changed. Must not raise: a saga goes on whoever listens."""


class Runner:
    """Sagas of some clusters, one task for each.

    Parameters
    ----------
    database, hands, clock
        Where sagas are kept, what carries their questions out, the time.
    watcher
        Is told of each change once it is stored, and of ends that were stored before.
    look_every_s
        Between two looks at what nobody tells us of by itself; `poke` looks at once.
    """

    def __init__(
        self,
        database: Database,
        hands: Hands,
        clock: Clock,
        *,
        watcher: Watcher | None = None,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._database = database
        self._hands = hands
        self._clock = clock
        self._watcher = watcher
        self._look_every_s = look_every_s
        self._tasks: dict[UUID, asyncio.Task[StoredSaga]] = {}
        self._inboxes: dict[UUID, asyncio.Queue[Input]] = {}
        self._clusters: dict[UUID, UUID] = {}

    async def start(self, spec: SagaSpec) -> None:
        """Store a saga and begin it; one that is there already goes on, one that has ended stays as it ended.

        Raises
        ------
        RejectedError
            Another saga that has not ended removes one of its nodes.
        TransientError
            The database is away: nothing has begun.
        """
        now = self._clock.now()
        saga = StoredSaga(
            id=spec.id,
            organization_id=spec.organization_id,
            cluster_id=spec.cluster_id,
            status=SagaStatus.RUNNING,
            version=1,
            body=to_body(spec),
            created_at=now,
            updated_at=now,
            plan_generation=spec.plan_generation,
        )
        async with self._database.tenant(spec.organization_id) as tx:
            others = await tx.sagas.open_of_cluster(spec.cluster_id)
            _refuse_shared_nodes(spec, [from_body(one.body) for one in others if one.id != spec.id])
            await tx.sagas.create(saga)
        self._go(saga)

    async def run(self, spec: SagaSpec) -> StoredSaga:
        """Start a saga and wait for its end; a caller that is cut off leaves it running."""
        await self.start(spec)
        return await self.wait(spec.id)

    async def wait(self, saga_id: UUID) -> StoredSaga:
        """The end of a saga that runs here.

        Raises
        ------
        RejectedError
            It does not.
        """
        task = self._tasks.get(saga_id)
        if task is None:
            raise RejectedError(f"saga {saga_id} does not run here")
        return await asyncio.shield(task)

    async def resume(self, cluster_ids: Sequence[UUID]) -> tuple[UUID, ...]:
        """Take up what has not ended of these clusters; ids of what was taken up."""
        async with self._database.platform() as tx:
            sagas = await tx.sagas.open_of_clusters(cluster_ids)
        for saga in sagas:
            self._go(saga)
        return tuple(saga.id for saga in sagas)

    def poke(self, cluster_id: UUID) -> None:
        """Something may have changed in a cluster (an action has ended, a snapshot has come): look at once."""
        for saga_id, inbox in self._inboxes.items():
            if self._clusters[saga_id] == cluster_id:
                inbox.put_nowait(Ticked(at=self._clock.now()))

    def abort(self, saga_id: UUID, reason: str) -> bool:
        """Stop a saga and undo it where it can be; false when it does not run here."""
        inbox = self._inboxes.get(saga_id)
        if inbox is not None:
            inbox.put_nowait(AbortAsked(at=self._clock.now(), reason=reason))
        return inbox is not None

    def abort_all(self, cluster_id: UUID, reason: str) -> None:
        """Stop all sagas of a cluster that run here."""
        for saga_id in [one for one, cluster in self._clusters.items() if cluster == cluster_id]:
            self.abort(saga_id, reason)

    def running(self) -> tuple[UUID, ...]:
        """Sagas that run here."""
        return tuple(self._inboxes)

    async def close(self) -> None:
        """Let go of all; what has not ended is taken up by whoever resumes it."""
        tasks = [task for task in self._tasks.values() if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _go(self, saga: StoredSaga) -> None:
        if saga.id in self._tasks:
            return
        self._inboxes[saga.id] = asyncio.Queue()
        self._clusters[saga.id] = saga.cluster_id
        task = asyncio.create_task(self._drive(saga.id, saga.organization_id))
        self._tasks[saga.id] = task
        task.add_done_callback(partial(self._let_go, saga.id))

    def _let_go(self, saga_id: UUID, task: "asyncio.Task[StoredSaga]") -> None:
        for kept in (self._tasks, self._inboxes, self._clusters):
            kept.pop(saga_id, None)
        if not task.cancelled() and (err := task.exception()) is not None:
            _log.error("a saga cannot go on", saga=str(saga_id), error=str(err))

    async def _drive(self, saga_id: UUID, organization_id: UUID) -> StoredSaga:
        """Run one saga to its end, read anew whenever the database has failed it."""
        pause_s = 1.0
        while True:
            try:
                return await self._live(await self._load(saga_id, organization_id))
            except TransientError as err:
                _log.warning("a saga waits for the database", saga=str(saga_id), error=str(err))
            await self._clock.sleep(pause_s)
            pause_s = min(MAX_PAUSE_S, 2 * pause_s)

    async def _load(self, saga_id: UUID, organization_id: UUID) -> "_Running":
        async with self._database.tenant(organization_id) as tx:
            stored = await tx.sagas.get(saga_id)
            steps = await tx.sagas.steps(saga_id)
        if stored is None:
            raise InvariantError(f"saga {saga_id} is not there")
        spec = from_body(stored.body)
        saga = Saga(spec, now=stored.updated_at, status=stored.status, reason=stored.reason, steps=steps)
        return _Running(saga, stored)

    async def _live(self, run: "_Running") -> StoredSaga:
        inbox = self._inboxes[run.stored.id]
        if run.stored.ended_at is not None:
            await self._tell(run, ())
            return run.stored
        event: Input = Resumed(at=self._clock.now())
        if run.stored.version == 1:
            event = Begun(at=self._clock.now(), ruling=await self._hands.ruling(run.saga.spec))
        asks: set[asyncio.Task[None]] = set()
        try:
            while True:
                commands = _heed(run.saga, event)
                while not inbox.empty() and not run.saga.ended:
                    commands += _heed(run.saga, inbox.get_nowait())  # stored together: one transaction for many answers
                await self._store(run, commands)
                if run.saga.ended:
                    return run.stored
                for command in commands:
                    ask = asyncio.create_task(self._ask(run.saga.spec, command, inbox))
                    asks.add(ask)
                    ask.add_done_callback(asks.discard)
                event = await self._next(run.saga, inbox)
        finally:
            for ask in asks:
                ask.cancel()
            await asyncio.gather(*asks, return_exceptions=True)

    async def _ask(self, spec: SagaSpec, command: Command, inbox: "asyncio.Queue[Input]") -> None:
        answer = await self._hands.carry_out(spec, command)
        if answer is not None:
            inbox.put_nowait(answer)

    async def _next(self, saga: Saga, inbox: "asyncio.Queue[Input]") -> Input:
        """The next event: what comes first, or a tick."""
        if not inbox.empty():
            return inbox.get_nowait()
        retry_s = self._look_every_s
        if saga.retry_at is not None:
            retry_s = max(0.05, min(retry_s, (saga.retry_at - self._clock.now()).total_seconds()))
        get = asyncio.ensure_future(inbox.get())
        tick = asyncio.ensure_future(self._clock.sleep(retry_s))
        try:
            await asyncio.wait((get, tick), return_when=asyncio.FIRST_COMPLETED)
            return get.result() if get.done() else Ticked(at=self._clock.now())
        finally:
            get.cancel()
            tick.cancel()

    async def _store(self, run: "_Running", commands: Sequence[Command]) -> None:
        """Keep what has changed before anything is asked.

        Raises
        ------
        TransientError
            The database is away, or another runner has this saga: this copy is of no use any more.
        """
        saga, stored = run.saga, run.stored
        steps = saga.ledger.changed()
        notes = [command for command in commands if isinstance(command, Tell)]
        if not steps and not notes and saga.status is stored.status and stored.version > 1:
            return
        now = max(self._clock.now(), stored.updated_at)
        ended_at = None if saga.status in OPEN_SAGAS else now
        version = stored.version + 1
        new = StoredSaga(
            id=stored.id,
            organization_id=stored.organization_id,
            cluster_id=stored.cluster_id,
            status=saga.status,
            version=version,
            body=stored.body,
            created_at=stored.created_at,
            updated_at=now,
            plan_generation=stored.plan_generation,
            reason=saga.reason,
            ended_at=ended_at,
        )
        async with self._database.tenant(stored.organization_id) as tx:
            if not await tx.sagas.advance(new):
                raise TransientError(f"saga {stored.id} is run by somebody else")
            await tx.sagas.put_steps(steps)
            if notes:
                entries = [_entry(saga.spec, note, version=version, number=n, new=new) for n, note in enumerate(notes)]
                await tx.audit.append(entries)
        run.stored = new
        await self._tell(run, steps)

    async def _tell(self, run: "_Running", steps: Sequence[SagaStep]) -> None:
        if self._watcher is not None:
            await self._watcher.heard(run.stored, steps)


def _refuse_shared_nodes(spec: SagaSpec, others: Sequence[SagaSpec]) -> None:
    """Never two plans on one node."""
    mine = {removal.node for removal in spec.removals}
    for other in others:
        shared = sorted(mine & {removal.node for removal in other.removals})
        if shared:
            raise RejectedError(f"node {shared[0]} is being removed by saga {other.id} already")


def _heed(saga: Saga, event: Input) -> list[Command]:
    """One turn. A bug stops this saga where it is, and is told; it must not end the task that runs it unsaid."""
    try:
        return saga.handle(event)
    except Exception as err:  # noqa: BLE001  one turn
        _log.exception("a saga has a bug", saga=str(saga.spec.id), event=type(event).__name__)
        return saga.freeze(str(err) if isinstance(err, InvariantError) else type(err).__name__)


class _Running:
    """A saga in memory and as it was last stored."""

    __slots__ = ("saga", "stored")

    def __init__(self, saga: Saga, stored: StoredSaga) -> None:
        self.saga = saga
        self.stored = stored


def _entry(spec: SagaSpec, note: Tell, *, version: int, number: int, new: StoredSaga) -> AuditEntry:
    at = new.updated_at
    return AuditEntry(
        id=uuid5(spec.id, f"note {version} {number}"),
        organization_id=spec.organization_id,
        at=at - timedelta(microseconds=at.microsecond % 1000),
        actor=note.actor,
        event=note.event,
        resource_type="cluster",
        resource=note.resource,
        outcome=note.outcome,
        text=note.text,
    )
