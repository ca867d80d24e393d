"""The actuator: every action is verified, then carried out or rehearsed, and always answered.

What survives a crash: nonces that were accepted (see `memory`), drains (marked on their nodes) and rollouts (what was
before is stored). Actions themselves are handed out again by the service.
"""

import asyncio
from collections.abc import Mapping

import structlog

from agent.actions.deployments import DeploymentActions
from agent.actions.memory import Memory
from agent.actions.nodepools import NodePoolActions
from agent.actions.nodes import NodeActions
from agent.actions.outcome import ActionFailedError, text_for_people
from agent.actions.pods import PodActions
from agent.clock import Clock
from agent.drains.mode import Mode
from agent.drains.registry import Drains
from agent.kubernetes.api import JsonObject, KubernetesApi
from agent.store import Store
from domain.commands import AgentActionKind
from domain.errors import SpotOptimizerError
from domain.signing import ActionRefusedError, SignedAction, SigningKey, verify
from domain.wire.actions import (
    DrainPayload,
    EvictPayload,
    LabelPayload,
    NarrowNodePoolsPayload,
    NodePayload,
    Payload,
    RestoreNodePoolsPayload,
    UpdateDeploymentPayload,
    read_payload,
)
from domain.wire.messages import ActionModel, AgentConfig, ResultBody

MODE_LOOK_S = 30.0
"""Between two looks at whether anything may be changed again."""

log = structlog.get_logger(__name__)


class Actions:
    """Carries out signed actions (`agent.ports.Actuator`).

    Parameters
    ----------
    keys
        Signing keys by id; a token that is being changed has two.
    cluster
        Own cluster's id.
    drains
        Shared with the guard.
    mode
        `Mode.REHEARSE` when this agent is told by its own settings to change nothing.
    """

    def __init__(
        self,
        api: KubernetesApi,
        clock: Clock,
        *,
        store: Store,
        keys: Mapping[str, SigningKey],
        cluster: str,
        drains: Drains,
        mode: Mode = Mode.DO,
    ) -> None:
        self._clock, self._keys, self._cluster, self._drains = clock, keys, cluster, drains
        self._memory = Memory(store)
        self._own_mode = self._mode = mode
        self._nodes = NodeActions(api, clock, drains=drains)
        self._pods = PodActions(api, clock, drains=drains)
        self._deployments = DeploymentActions(api, clock, store=store)
        self._node_pools = NodePoolActions(api, clock)
        self._running: dict[str, asyncio.Task[ResultBody]] = {}

    def configure(self, config: AgentConfig) -> None:
        """Go on with a new configuration; drains that run are frozen when nothing may be changed any more."""
        rehearses = config.dry_run or config.safe_mode or self._own_mode is Mode.REHEARSE
        self._mode = Mode.REHEARSE if rehearses else Mode.DO
        if self._mode is Mode.REHEARSE:
            self._drains.freeze("safe mode" if config.safe_mode else "dry run")

    async def resume(self) -> None:
        """See to what an agent before this one has left: rollouts that nobody watches. Waits until it may."""
        while self._mode is Mode.REHEARSE:
            await self._clock.sleep(MODE_LOOK_S)
        await self._deployments.resume()

    async def release_node_pools(self) -> None:
        """Until cancelled: set NodePools back that somebody has forgotten, while anything may be changed."""
        await self._node_pools.release_forgotten(lambda: self._mode)

    async def carry_out(self, action: ActionModel) -> ResultBody:
        """Verify an action and do it, or say why not. Never raises but when it is cancelled."""
        began = self._clock.monotonic()
        body = await self._answer(action.to_signed())
        took_ms = max(0, round((self._clock.monotonic() - began) * 1000))
        log.info("an action has ended", action=action.action_id, type=action.type, status=body.status, ms=took_ms)
        return body.model_copy(update={"duration_ms": took_ms})

    async def _answer(self, action: SignedAction) -> ResultBody:
        try:
            await self._accept(action)
            return await self._once(action)
        except ActionRefusedError as err:
            return _failed(err.problem).model_copy(update={"refusal": err.refusal})
        except SpotOptimizerError as err:
            return _failed(str(err))
        except Exception as err:
            log.exception("an action met a bug", action=action.id)
            return _failed(f"a bug of the agent: {type(err).__name__}")

    async def _accept(self, action: SignedAction) -> None:
        """Accept an action for good, once, or raise why not."""
        await self._memory.load()
        now = self._clock.now()
        verify(action, self._keys, cluster=self._cluster, now=now, nonces=self._memory)
        await self._memory.commit(action.nonce, now)

    async def _once(self, action: SignedAction) -> ResultBody:
        """An action that is handed out again joins the first of its id, or has its result."""
        if (known := self._memory.result_of(action.id)) is not None:
            return known
        task = self._running.get(action.id)
        if task is None:
            task = asyncio.create_task(self._act(action, self._mode), name=f"action {action.id}")
            self._running[action.id] = task
            task.add_done_callback(lambda _: self._running.pop(action.id, None))
        return await task

    async def _act(self, action: SignedAction, mode: Mode) -> ResultBody:
        payload = read_payload(action.type, action.payload)
        try:
            result = await self._route(action, payload, mode)
            body = ResultBody(status="completed", result=result)
        except ActionFailedError as err:
            body = _failed(err.problem).model_copy(update={"result": err.result})
        if mode is Mode.REHEARSE:
            return body.model_copy(update={"dry_run": True})
        self._memory.keep_result(action.id, body, until=action.expires_at)
        return body

    async def _route(self, action: SignedAction, payload: Payload, mode: Mode) -> JsonObject:
        match payload:
            case UpdateDeploymentPayload():
                return await self._deployments.update(payload, mode, until=action.expires_at)
            case EvictPayload():
                return await self._pods.evict(payload, mode, until=action.expires_at)
            case DrainPayload():
                return await self._nodes.drain(payload, mode)
            case LabelPayload():
                return await self._nodes.label(payload, mode)
            case NarrowNodePoolsPayload():
                return await self._node_pools.narrow(payload, mode)
            case RestoreNodePoolsPayload():
                return await self._node_pools.restore(payload, mode)
            case NodePayload() if action.type == AgentActionKind.UNCORDON:
                return await self._nodes.uncordon(payload, mode)
            case NodePayload():
                return await self._nodes.cordon(payload, mode)


def _failed(problem: str) -> ResultBody:
    return ResultBody(status="failed", error_message=text_for_people(problem))
