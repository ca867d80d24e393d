"""Actions on NodePools of Karpenter: narrowed for a plan, set back after it, and by ourselves when nobody does.

What may be narrowed is judged here, against the NodePool as it is at that moment and in one patch with its version:
what the service has seen may be old, and a service that is wrong must not be able to loosen what the customer allows.
Entries are only ever added (`agent.actions.holds`), which by itself can allow nothing new; the verdict before it sees
to it that something is left to launch and that minValues, limits and disruption budgets are kept to. Weights stay.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import structlog

from agent.actions.conflicts import why_not_ours
from agent.actions.holds import Hold, before, hold_of, put_on, take_off, take_off_requirements
from agent.actions.outcome import ActionFailedError, would
from agent.clock import Clock
from agent.drains.mode import Mode
from agent.kubernetes.api import JsonObject, KubernetesApi, PatchKind, path_of
from agent.kubernetes.errors import ConflictError, ForbiddenError, KubernetesError, NotFoundError
from domain.karpenter.requirements import narrowing
from domain.karpenter.verdict import why_not
from domain.market import CapacityType
from domain.saga import NodePoolRequirement
from domain.wire.actions import NarrowNodePoolsPayload, NodePoolPart, RestoreNodePoolsPayload

MANAGER = "spot-optimizer-karpenter"
"""Our field manager on NodePools."""

TRIES = 5
"""Times that a change is made anew from what the NodePool has become."""

RETRY_S = 0.5
SETTLE_S = 20.0
"""Between the two halves of the way back. Karpenter looks at its nodes again within seconds of a change, and for nodes
to disrupt every ten."""

WATCH_S = 60.0
"""Between two looks for holds that nobody has taken off in time."""

log = structlog.get_logger(__name__)


class NodePoolActions:
    """What is done to NodePools."""

    def __init__(self, api: KubernetesApi, clock: Clock) -> None:
        self._api, self._clock = api, clock

    async def narrow(self, payload: NarrowNodePoolsPayload, mode: Mode) -> JsonObject:
        """Narrow all of them or none; done again for the same hold, nothing is changed."""
        names = [part.node_pool for part in payload.node_pools]
        try:
            told = [await self._narrow(part, payload, mode) for part in payload.node_pools]
        except (ActionFailedError, KubernetesError):
            if mode is Mode.DO:
                with suppress(KubernetesError):  # whoever asked asks to set them back, and so do we in the end
                    await self._back(names, payload.hold)
            raise
        if mode is Mode.REHEARSE:
            return would(f"narrow NodePools {', '.join(names)}", node_pools=told)
        return {"changed": any(one["changed"] for one in told), "node_pools": told}

    async def restore(self, payload: RestoreNodePoolsPayload, mode: Mode) -> JsonObject:
        """Take off what a hold has added. NodePools that have gone, or that it does not hold, need nothing."""
        if mode is Mode.REHEARSE:
            return would(f"set NodePools back: {', '.join(payload.node_pools)}")
        changed = await self._back(payload.node_pools, payload.hold)
        return {"changed": bool(changed), "node_pools": changed}

    async def release_forgotten(self, mode: Callable[[], Mode]) -> None:
        """Until cancelled: take off holds whose time is over, whoever has put them on."""
        while True:
            await self._clock.sleep(WATCH_S)
            if mode() is Mode.DO:
                await self._release_forgotten()

    async def _release_forgotten(self) -> None:
        try:
            found = await self._api.get(_path())
        except (NotFoundError, ForbiddenError):
            return
        except KubernetesError as err:
            log.warning("NodePools cannot be looked at", error=str(err))
            return
        for pool in found.get("items") or ():
            hold, name = hold_of(pool), pool["metadata"]["name"]
            if hold is None or hold.until > self._clock.now():
                continue
            try:
                await self._back([name], hold.key)
                log.warning("a NodePool was set back by the agent itself", node_pool=name, hold=hold.key)
            except KubernetesError as err:
                log.warning("a NodePool could not be set back", node_pool=name, error=str(err))

    async def _narrow(self, part: NodePoolPart, payload: NarrowNodePoolsPayload, mode: Mode) -> JsonObject:
        for left in reversed(range(TRIES)):
            pool = await self._find(part.node_pool)
            hold = hold_of(pool)
            if hold is not None and hold.key == payload.hold:
                return _told(pool, hold, changed=False)
            self._refuse(pool, hold, part)
            new = Hold(key=payload.hold, until=payload.until, requirements=tuple(narrowing(pool, requirement_of(part))))
            try:
                await self._patch(part.node_pool, put_on(pool, new), mode)
            except ConflictError:
                if not left:
                    raise
                await self._clock.sleep(RETRY_S)
                continue
            return _told(pool, new, changed=True)
        raise AssertionError("the last try returns or raises")

    def _refuse(self, pool: JsonObject, hold: Hold | None, part: NodePoolPart) -> None:
        now = self._clock.now()
        why = _why_held(hold, now) or why_not_ours(pool) or why_not(pool, requirement_of(part), now=now)
        if why:
            raise ActionFailedError(f"NodePool {part.node_pool} is left as it is: {why}")

    async def _back(self, names: list[str], key: str) -> list[str]:
        """Set back those that this hold is on, at once; their names."""
        were_held = await asyncio.gather(*(self._take_off_requirements(name, key) for name in names))
        held = [name for name, was_held in zip(names, were_held, strict=True) if was_held]
        if held:
            await self._clock.sleep(SETTLE_S)
        await asyncio.gather(*(self._change(name, key, take_off) for name in held))
        return held

    async def _take_off_requirements(self, name: str, key: str) -> bool:
        return await self._change(name, key, take_off_requirements)

    async def _change(self, name: str, key: str, make: Callable[[JsonObject], JsonObject | None]) -> bool:
        """Whether the hold was on it."""
        for left in reversed(range(TRIES)):
            try:
                pool = await self._api.get(_path(name))
            except NotFoundError:
                return False
            hold = hold_of(pool)
            if hold is None or hold.key != key:
                return False
            patch = make(pool)
            if patch is None:
                return True
            try:
                await self._patch(name, patch, Mode.DO)
            except ConflictError:
                if not left:
                    raise
                await self._clock.sleep(RETRY_S)
                continue
            return True
        raise AssertionError("the last try returns or raises")

    async def _find(self, name: str) -> JsonObject:
        try:
            return await self._api.get(_path(name))
        except NotFoundError as err:
            raise ActionFailedError(f"there is no NodePool {name} (karpenter.sh/v1)") from err

    async def _patch(self, name: str, body: JsonObject, mode: Mode) -> None:
        params = {"fieldManager": MANAGER} | ({"dryRun": "All"} if mode is Mode.REHEARSE else {})
        await self._api.patch(_path(name), body, kind=PatchKind.MERGE, params=params)


def requirement_of(part: NodePoolPart) -> NodePoolRequirement:
    """What is wanted of a NodePool, as a value."""
    return NodePoolRequirement(
        node_pool=part.node_pool,
        instance_types=tuple(part.instance_types),
        zones=tuple(part.zones),
        capacity_types=tuple(CapacityType(one) for one in part.capacity_types),
        nodes=part.nodes,
        vcpu=part.vcpu,
        memory_bytes=part.memory_bytes,
        at_once=part.at_once,
    )


def _why_held(hold: Hold | None, now: datetime) -> str:
    if hold is None:
        return ""
    over = ", which is over and will be taken off within a minute" if hold.until <= now else ""
    return f"another plan holds it until {hold.until:%Y-%m-%d %H:%M:%S} UTC{over}"


def _told(pool: JsonObject, hold: Hold, *, changed: bool) -> JsonObject:
    return {
        "node_pool": pool["metadata"]["name"],
        "changed": changed,
        "requires": [dict(one) for one in hold.requirements],
        "before": before(pool),
    }


def _path(name: str = "") -> str:
    return path_of("nodepools", name, group="karpenter.sh")
