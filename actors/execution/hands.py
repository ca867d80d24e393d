"""Carries out what sagas ask, through the ports: the one place where anything is changed.

Every change asks for its permit directly before it. What was asked before without an answer is looked for first.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from actors.execution.asks import (
    Ask,
    AskAgent,
    AskDetach,
    AskLaunch,
    AskResize,
    AskTerminate,
    CheckAgent,
    Command,
    Look,
    Withdraw,
)
from actors.execution.backoff import PoolBackoff
from actors.execution.inputs import (
    AgentStands,
    Answered,
    AskFailed,
    Failure,
    Input,
    LaunchAnswered,
    LookFailed,
    Seen,
)
from actors.execution.ports import Ec2, Kubernetes, Order, Permit, Registry, Ruling, Where
from adapters.clock import Clock
from domain.commands import EvidenceKind, ReportEvidence
from domain.errors import CapacityError, InvariantError, RejectedError, TransientError
from domain.market import CapacityType, Pool
from domain.saga import (
    TAG_STEP,
    InstanceState,
    InstanceView,
    LaunchAnswer,
    Launched,
    LaunchFailure,
    LaunchRequest,
    PoolFailure,
    SagaSpec,
)

CALL_S = 330
"""Longest any one call may take; above the adapters' own limits, so that no call goes on after it was given up."""

_ENDED = (InstanceState.ENDING, InstanceState.ENDED)
_log = structlog.get_logger(__name__)


class _ForbiddenError(RejectedError):
    """A permit was refused."""


class Hands:
    """Does what sagas ask and says how it went, never raising: each command gives one event, or none."""

    def __init__(
        self,
        *,
        ec2: Ec2,
        kubernetes: Kubernetes,
        permit: Permit,
        registry: Registry,
        backoff: PoolBackoff,
        clock: Clock,
    ) -> None:
        self._ec2 = ec2
        self._kubernetes = kubernetes
        self._permit = permit
        self._registry = registry
        self._backoff = backoff
        self._clock = clock

    async def ruling(self, spec: SagaSpec) -> Ruling:
        """Whether a saga may change anything at all.

        Raises
        ------
        TransientError
            Nobody can say now.
        """
        try:
            async with asyncio.timeout(CALL_S):
                return await self._permit.ask(_where(spec), "begin a saga")
        except TimeoutError as err:
            raise TransientError("no permit came in time") from err

    async def carry_out(self, spec: SagaSpec, command: Command) -> Input | None:
        """Do what one command asks."""
        match command:
            case Ask():
                return await self._heeding_errors(command, lambda: self._ask(spec, command))
            case Withdraw(action_ids=ids, reason=reason):
                await self._quietly(lambda: self._kubernetes.withdraw(_where(spec), ids, reason=reason))
                return None
            case CheckAgent(action_ids=ids):
                return await self._looking(lambda: self._check(spec, command))
            case Look():
                return await self._looking(lambda: self._look(spec, command))
            case _:
                return None

    async def _heeding_errors(self, ask: Ask, do: Callable[[], Awaitable[Input]]) -> Input:
        failure, text = Failure.TRANSIENT, ""
        try:
            async with asyncio.timeout(CALL_S):
                return await do()
        except TimeoutError:
            text = f"no answer within {CALL_S} s"
        except (TransientError, CapacityError) as err:
            text = str(err)
        except _ForbiddenError as err:
            failure, text = Failure.FORBIDDEN, str(err)
        except RejectedError as err:
            failure, text = Failure.REJECTED, str(err)
        except InvariantError as err:
            failure, text = Failure.BUG, str(err)
        except Exception as err:  # noqa: BLE001  one command: whatever an adapter lets through must not end the saga unsaid
            _log.exception("a call of a saga failed in an unknown way", step=ask.step_id)
            failure, text = Failure.BUG, f"{type(err).__name__}"
        return AskFailed(at=self._clock.now(), step_id=ask.step_id, failure=failure, text=text)

    async def _looking(self, do: Callable[[], Awaitable[Input]]) -> Input:
        try:
            async with asyncio.timeout(CALL_S):
                return await do()
        except (TimeoutError, TransientError, RejectedError) as err:
            return LookFailed(at=self._clock.now(), text=str(err))

    async def _quietly(self, do: Callable[[], Awaitable[None]]) -> None:
        """What need not succeed: actions that are not withdrawn expire, evidence that is lost comes again."""
        try:
            async with asyncio.timeout(CALL_S):
                await do()
        except (TimeoutError, TransientError, RejectedError) as err:
            _log.warning("left undone", error=str(err))

    async def _ask(self, spec: SagaSpec, ask: Ask) -> Input:
        match ask:
            case AskLaunch():
                return LaunchAnswered(at=self._clock.now(), step_id=ask.step_id, answer=await self._launch(spec, ask))
            case AskTerminate():
                await self._terminate(spec, ask)
            case AskResize(asg=asg, minimum=minimum):
                await self._permitted(spec, f"set the minimum of {asg} to {minimum}")
                await self._ec2.update_asg(_where(spec), asg, minimum=minimum)
            case AskDetach(volume_id=volume, instance_id=instance_id):
                await self._permitted(spec, f"detach {volume} from {instance_id}")
                await self._ec2.detach_volume(_where(spec), volume, instance_id=instance_id)
                return Answered(at=self._clock.now(), step_id=ask.step_id, result={"volume_id": volume})
            case AskAgent():
                await self._order(spec, ask)
            case _:
                raise InvariantError(f"nobody knows how to {type(ask).__name__}")
        return Answered(at=self._clock.now(), step_id=ask.step_id)

    async def _launch(self, spec: SagaSpec, ask: AskLaunch) -> LaunchAnswer:
        if ask.again or ask.find_only:
            found = await self._ec2.find(_where(spec), tags={TAG_STEP: ask.token})
            if found or ask.find_only:
                return LaunchAnswer(launched=tuple(_launched(view, ask) for view in found[: ask.count]))
        resting = () if ask.again else self._backoff.try_all(ask.pools, ask.capacity_type, self._clock.now())
        if resting:
            # Asked without them under another token: one token stands for one list of pools.
            return LaunchAnswer(launched=(), failures=tuple(_resting(pool) for pool in resting))
        await self._permitted(spec, f"launch {ask.count} for {ask.template}")
        answer = await self._ec2.launch(_request(spec, ask))
        await self._learn(spec, ask.capacity_type, answer)
        return answer

    async def _learn(self, spec: SagaSpec, market: CapacityType, answer: LaunchAnswer) -> None:
        """Only a lack of capacity says something about a pool: quotas are the customer's own."""
        now = self._clock.now()
        for pool in {one.pool for one in answer.launched}:
            self._backoff.gave(pool, market)
        for pool in {one.pool for one in answer.failures if one.failure is LaunchFailure.CAPACITY}:
            self._backoff.refused(pool, market, now)
            if market is CapacityType.SPOT:
                await self._report(spec, pool)

    async def _report(self, spec: SagaSpec, pool: Pool) -> None:
        evidence = ReportEvidence(
            cause=str(spec.id), pool=pool, kind=EvidenceKind.CAPACITY, instance_id="", known=True, at=self._clock.now()
        )
        await self._quietly(lambda: self._registry.report(spec.cluster_id, spec.organization_id, evidence))

    async def _terminate(self, spec: SagaSpec, ask: AskTerminate) -> None:
        where = _where(spec)
        if ask.again or ask.asg:
            # A group would shrink by one for each time that it is asked.
            (view,) = await self._ec2.describe(where, (ask.instance_id,))
            if view.state in _ENDED or (view.state is InstanceState.ABSENT and ask.again):
                return
        await self._permitted(spec, f"terminate {ask.instance_id}")
        if ask.asg:
            await self._ec2.terminate_in_asg(where, ask.instance_id, asg=ask.asg)
        else:
            await self._ec2.terminate(where, ask.instance_id)

    async def _order(self, spec: SagaSpec, ask: AskAgent) -> None:
        await self._permitted(spec, f"{ask.kind} {ask.payload.get('node', '')}")
        order = Order(
            action_id=ask.action_id,
            kind=ask.kind,
            payload=ask.payload,
            expires_at=ask.expires_at,
            reason=ask.reason,
            plan_generation=spec.plan_generation,
        )
        await self._kubernetes.order(_where(spec), order)

    async def _check(self, spec: SagaSpec, check: CheckAgent) -> Input:
        standings = await self._kubernetes.standings(_where(spec), check.action_ids)
        return AgentStands(at=self._clock.now(), checked=check.action_ids, standings=standings)

    async def _look(self, spec: SagaSpec, look: Look) -> Input:
        where = _where(spec)
        seen = await self._kubernetes.look(where, nodes=look.nodes, instance_ids=look.instance_ids)
        instances = await self._ec2.describe(where, look.instance_ids) if look.instance_ids else ()
        return Seen(at=self._clock.now(), look=seen, instances=instances)

    async def _permitted(self, spec: SagaSpec, act: str) -> None:
        ruling = await self._permit.ask(_where(spec), act)
        if ruling is not Ruling.GO:
            raise _ForbiddenError(f"{ruling}: would {act}")


def _where(spec: SagaSpec) -> Where:
    return Where(organization_id=spec.organization_id, cluster_id=spec.cluster_id)


def _request(spec: SagaSpec, ask: AskLaunch) -> LaunchRequest:
    return LaunchRequest(
        cluster_id=spec.cluster_id,
        organization_id=spec.organization_id,
        template=ask.template,
        capacity_type=ask.capacity_type,
        pools=ask.pools,
        count=ask.count,
        token=ask.token,
        tags=ask.tags,
    )


def _launched(view: InstanceView, ask: AskLaunch) -> Launched:
    return Launched(
        instance_id=view.instance_id,
        pool=view.pool or ask.pools[0],
        capacity_type=view.capacity_type or ask.capacity_type,
    )


def _resting(pool: Pool) -> PoolFailure:
    return PoolFailure(pool=pool, failure=LaunchFailure.CAPACITY, text="had no room a short while ago")
