"""Takes the actions that wait at the service, has them carried out, and tells how they ended."""

import asyncio

import structlog

from agent.backoff import Backoff
from agent.clock import Clock
from agent.ports import Actuator
from agent.service.client import ServiceClient
from agent.service.errors import BodyRefusedError, ServiceAwayError, UnwelcomeError
from agent.service.outbox import Outbox
from agent.service.session import Session
from agent.telemetry import Telemetry
from agent.waiting import set_within
from domain.commands import AgentActionKind
from domain.signing import Refusal
from domain.wire.messages import MAX_ACTIONS, ActionModel, ResultBody

POLL_S = 30.0
"""Time between two polls that no wake-up asks for."""

MOST_AT_ONCE = 50
"""Actions under way; no more are taken before some have ended, so that what is taken is also begun."""

_TYPES = frozenset(AgentActionKind)

log = structlog.get_logger(__name__)


class Poller:
    """Polls after each wake-up and every 30 s. A crash or a new leader leaves actions without a result: the service
    hands them out again.
    """

    def __init__(
        self,
        client: ServiceClient,
        session: Session,
        clock: Clock,
        *,
        actuator: Actuator,
        outbox: Outbox,
        telemetry: Telemetry,
    ) -> None:
        self._client = client
        self._session = session
        self._clock = clock
        self._actuator = actuator
        self._outbox = outbox
        self._telemetry = telemetry
        self._woken = asyncio.Event()
        self._under_way: dict[str, asyncio.Task[None]] = {}
        for refusal in Refusal:
            telemetry.refused_actions.labels(refusal)

    def wake(self) -> None:
        """Actions wait: poll at once."""
        self._telemetry.wake_ups.inc()
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled, which cancels the actions under way."""
        backoff = Backoff(longest_s=POLL_S)
        try:
            while True:
                await self._session.ready()
                wait_s = await self._try(backoff)
                await set_within(self._woken, self._clock, wait_s)
        finally:
            await self._stop()

    async def _try(self, backoff: Backoff) -> float:
        """Poll; how long to wait for the next one, unless it is asked for."""
        try:
            taken = await self._poll()
        except UnwelcomeError as err:
            self._session.refused(err)
            return 0.0
        except (ServiceAwayError, BodyRefusedError) as err:
            self._telemetry.error("poll")
            log.debug("polling failed", problem=str(err))
            return backoff.next_s(at_least_s=err.retry_after_s if isinstance(err, ServiceAwayError) else None)
        backoff.reset()
        return 0.0 if taken == MAX_ACTIONS else POLL_S

    async def _poll(self) -> int:
        """Begin what waits; how many there were."""
        self._woken.clear()
        if len(self._under_way) >= MOST_AT_ONCE:
            return 0
        actions = (await self._client.pending()).actions
        for action in actions:
            self._begin(action)
        return len(actions)

    def _begin(self, action: ActionModel) -> None:
        """Begin an action, unless it is under way: it has been handed out again then, and its result will come."""
        if action.action_id not in self._under_way:
            task = asyncio.create_task(self._carry_out(action), name=f"action {action.action_id}")
            self._under_way[action.action_id] = task

    async def _carry_out(self, action: ActionModel) -> None:
        began_at = self._clock.monotonic()
        try:
            result = await self._actuator.carry_out(action)
        except Exception:
            log.exception("an action has failed unexpectedly", action=action.action_id, type=action.type)
            self._telemetry.error("actions")
            result = ResultBody(status="failed", error_message="the agent failed unexpectedly; its log says how")
        finally:
            if len(self._under_way) >= MOST_AT_ONCE:
                self._woken.set()  # there is room for more now
            del self._under_way[action.action_id]
        self._count(action, result, self._clock.monotonic() - began_at)
        self._outbox.put_result(action.action_id, result)

    def _count(self, action: ActionModel, result: ResultBody, took_s: float) -> None:
        """Types that are not known count as one: whoever forges actions must not fill the memory with names."""
        kind = action.type if action.type in _TYPES else "unknown"
        self._telemetry.actions.labels(kind, result.status).inc()
        self._telemetry.action_seconds.labels(kind).observe(took_s)
        if result.refusal is not None:
            self._telemetry.refused_actions.labels(result.refusal).inc()

    async def _stop(self) -> None:
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
