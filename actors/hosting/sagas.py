"""Plans of a host's clusters while they are carried out: begun, taken up again, stopped, and what is told of them.

What survives the host's death: all of it. A saga is a row with its steps, the state machine's wish to have it begun is
in its stored state; both are asked for again when the cluster is woken.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import orjson
import structlog

from actors.cluster.inputs import SagaEnded
from actors.cluster.records import Execution, Going
from actors.execution.agents import ConfigPermit, Objects, QueuedActions
from actors.execution.backoff import PoolBackoff
from actors.execution.hands import Hands
from actors.execution.orders import Frame, RemovedNode, of_decision
from actors.execution.outcome import outcome_of
from actors.execution.ports import Ec2, Membership, Registry, Where
from actors.execution.runner import Runner
from actors.hosting.briefs import DECISION
from actors.planning.codec import decision_from_json
from actors.services import Services
from adapters.redis import keys
from adapters.redis.ports.bus import Message
from domain.errors import RejectedError, TransientError
from domain.market import CapacityType, Pool
from domain.proposal import Concern
from domain.saga import OPEN_SAGAS, SagaSpec, SagaStatus, SagaStep, StoredSaga
from solvers.decision import Decision

BEGUN_WITHIN = timedelta(minutes=5)
"""A plan that could not be begun for so long after it was accepted is not begun any more: the cluster has moved on."""

PAUSE_S = 5.0
"""Between two tries to begin."""

log = structlog.get_logger(__name__)

Told = Callable[[UUID, SagaEnded], Awaitable[None]]
"""Hands the end of a saga to the state machine of its cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """A plan to be begun: whose it is, which nodes go or are there, and how many are worked on at once."""

    where: Where
    execution: Execution
    going: Mapping[str, Going]
    present: Collection[str]
    width: int


class Sagas:
    """The sagas of one host.

    Parameters
    ----------
    ec2, registry
        What sagas ask of AWS, and who hears which pools had no room.
    objects
        What the agents have sent last.
    told
        Is told of each end.
    """

    def __init__(self, services: Services, *, ec2: Ec2, registry: Registry, objects: Objects, told: Told) -> None:
        self._services = services
        self._ec2 = ec2
        self._told = told
        self._backoff = PoolBackoff()
        self._stopped: dict[UUID, str] = {}
        hands = Hands(
            ec2=ec2,
            kubernetes=QueuedActions(services, objects),
            permit=ConfigPermit(services),
            registry=registry,
            backoff=self._backoff,
            clock=services.clock,
        )
        self._runner = Runner(services.database, hands, services.clock, watcher=self)

    def resting(self) -> frozenset[Pool]:
        """Pools that had no room for Spot nodes a short while ago."""
        resting = self._backoff.resting(self._services.clock.now())
        return frozenset(pool for pool, market in resting if market is CapacityType.SPOT)

    async def begin(self, beginning: Beginning) -> None:
        """Begin a plan, or go on with it; one that cannot be begun has ended, and says why."""
        until = self._services.clock.now() + BEGUN_WITHIN
        while True:
            try:
                await self._begin(beginning)
            except RejectedError as err:
                await self._refuse(beginning, str(err))
            except TransientError as err:
                if self._services.clock.now() < until:
                    await self._services.clock.sleep(PAUSE_S)
                    continue
                await self._refuse(beginning, f"it could not be begun: {err}")
            return

    def abort(self, saga: str, reason: str) -> None:
        """Stop one; it goes on to undo what it has begun. One that has not begun yet never will."""
        self._stopped[UUID(saga)] = reason
        self._runner.abort(UUID(saga), reason)

    def abort_all(self, cluster_id: UUID, reason: str) -> None:
        """Stop all of a cluster."""
        self._runner.abort_all(cluster_id, reason)

    def poke(self, cluster_id: UUID) -> None:
        """Something has changed in a cluster."""
        self._runner.poke(cluster_id)

    async def resume(self, mine: Callable[[UUID], bool]) -> tuple[UUID, ...]:
        """Take up what has not ended; gives the clusters whose state machines wait for it."""
        async with self._services.database.platform() as tx:
            clusters = tuple(one for one in await tx.sagas.open_clusters() if mine(one))
        if clusters:
            await self._runner.resume(clusters)
        return clusters

    async def close(self) -> None:
        """Let go of all; whoever hosts the clusters next goes on."""
        await self._runner.close()

    async def heard(self, saga: StoredSaga, steps: Sequence[SagaStep]) -> None:
        """Tell whoever watches the cluster, and its state machine at the end."""
        try:
            if steps:
                await self._services.hub.bus.publish_many([_progress(saga, step) for step in steps])
        except TransientError as err:
            # A portal that misses something reads the plan anew.
            log.warning("steps of a saga could not be told", saga=str(saga.id), error=str(err))
        if saga.status not in OPEN_SAGAS:
            await self._tell_end(saga)

    async def _begin(self, beginning: Beginning) -> None:
        where, saga_id = beginning.where, UUID(beginning.execution.saga)
        async with self._services.database.tenant(where.organization_id) as tx:
            stored = await tx.sagas.get(saga_id)
            plan = await tx.plans.by_generation(where.cluster_id, beginning.execution.brief.generation)
        if stored is not None:
            await self._go_on(stored)
            return
        if saga_id in self._stopped:
            raise RejectedError(self._stopped[saga_id])
        decision = plan.body.get(DECISION) if plan is not None else None
        if not isinstance(decision, dict):
            raise RejectedError(f"plan {beginning.execution.brief.generation} was kept without its decision")
        await self._runner.start(await self._specify(beginning, decision_from_json(decision)))
        self._stop_if_wanted(saga_id)

    async def _go_on(self, stored: StoredSaga) -> None:
        if stored.status in OPEN_SAGAS:
            await self._runner.resume([stored.cluster_id])
            self._stop_if_wanted(stored.id)
        else:
            await self._tell_end(stored)

    def _stop_if_wanted(self, saga_id: UUID) -> None:
        """What was to be stopped while it was being begun is stopped now."""
        if saga_id in self._stopped:
            self._runner.abort(saga_id, self._stopped[saga_id])

    async def _tell_end(self, saga: StoredSaga) -> None:
        """Tell the state machine of an end until it has heard of it, or its cluster is gone."""
        while True:
            try:
                await self._told(saga.cluster_id, await self._outcome(saga))
            except TransientError as err:
                log.warning("the end of a saga could not be told", saga=str(saga.id), error=str(err))
                await self._services.clock.sleep(PAUSE_S)
                continue
            except RejectedError as err:
                log.info("the cluster of a saga is gone", saga=str(saga.id), error=str(err))
            self._stopped.pop(saga.id, None)
            return

    async def _specify(self, beginning: Beginning, decision: Decision) -> SagaSpec:
        run, where, now = beginning.execution, beginning.where, self._services.clock.now()
        leaving = {one.node: one for one in run.brief.removes}
        instances = [one.instance_id for one in leaving.values() if one.instance_id]
        groups = await self._ec2.memberships(where, instances)
        frame = Frame(
            saga_id=UUID(run.saga),
            organization_id=where.organization_id,
            cluster_id=where.cluster_id,
            observed_at=run.brief.observed_at,
            lifetime=now + BEGUN_WITHIN - run.brief.observed_at,
            width=beginning.width,
            plan_generation=run.brief.generation,
        )
        nodes = {
            name: _removed(groups, instance_id=one.instance_id, cordoned=one.cordoned, going=beginning.going.get(name))
            for name, one in leaving.items()
        }
        return of_decision(_without_lost(decision, beginning.present), frame, nodes=nodes)

    async def _refuse(self, beginning: Beginning, reason: str) -> None:
        saga = beginning.execution.saga
        ended = SagaEnded(
            id=f"end of {saga}", at=self._services.clock.now(), saga=saga, status=SagaStatus.UNDONE, reason=reason
        )
        await self._told(beginning.where.cluster_id, ended)
        self._stopped.pop(UUID(saga), None)

    async def _outcome(self, saga: StoredSaga) -> SagaEnded:
        async with self._services.database.tenant(saga.organization_id) as tx:
            return outcome_of(saga, await tx.sagas.steps(saga.id))


def _removed(groups: Mapping[str, Membership], *, instance_id: str, cordoned: bool, going: Going | None) -> RemovedNode:
    """A node with its group, whose minimum is lowered where it would not let the node go."""
    member = groups.get(instance_id)
    lower = None
    if member is not None:
        size = member.desired - sum(one.group == member.group for one in groups.values())
        lower = max(0, size) if size < member.minimum else None
    return RemovedNode(
        instance_id=instance_id,
        asg=member.group if member is not None else "",
        lower_min_to=lower,
        cordoned=cordoned or (going is not None and going.acted),
        drained=going is not None and going.drained,
    )


def _without_lost(decision: Decision, present: Collection[str]) -> Decision:
    """What AWS has taken by now needs no removal; its replacement is launched all the same."""
    chosen = []
    for one in decision.chosen:
        proposal = one.proposal
        if proposal.concern is Concern.LOSS:
            removes = tuple(name for name in proposal.removes if name in present)
            proposal = replace(proposal, removes=removes)
        chosen.append(replace(one, proposal=proposal))
    return replace(decision, chosen=tuple(chosen))


def _progress(saga: StoredSaga, step: SagaStep) -> Message:
    """One step for the portal; whoever wants all of them reads the plan."""
    body = {
        "topic": "plan_progress",
        "cluster_id": str(saga.cluster_id),
        "at": saga.updated_at,
        "data": {
            "plan": saga.plan_generation or 0,
            "saga": str(saga.status),
            "step": step.step_id,
            "kind": str(step.kind),
            "subject": step.subject,
            "status": str(step.status),
            "error": step.error,
        },
    }
    return Message(channel=keys.cluster_events(str(saga.cluster_id)), body=orjson.dumps(body))
