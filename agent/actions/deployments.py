"""Changing a Deployment's resources: by server-side apply, where nobody else would undo it, and undone if it fails.

What was before is stored before anything is changed, so that an agent that dies in the middle of a rollout finds it and
can still go back.
"""

import asyncio
import sys
from dataclasses import dataclass
from datetime import datetime

import structlog

from agent.actions.conflicts import why_not_beside_hpa, why_not_beside_vpa, why_not_ours
from agent.actions.outcome import ActionFailedError, would
from agent.actions.resources import (
    MANAGER,
    Amounts,
    amounts_of,
    body_of,
    changes_of,
    from_json,
    intent,
    intent_before,
    names_of,
    to_json,
    wanted_of,
)
from agent.actions.rollout import STANDSTILL_S, Progress, Rollout, judge
from agent.clock import Clock
from agent.drains.mode import Mode
from agent.kubernetes.api import JsonObject, KubernetesApi, PatchKind, path_of
from agent.kubernetes.errors import KubernetesError, NotFoundError, RefusedError, UnavailableError
from agent.store import Store
from domain.wire.actions import UpdateDeploymentPayload

DOCUMENT = "rollouts"
"""Name of the document in the store: what was before, of each rollout that is under way."""

TRIES = 5
"""Times that a change is sent where no answer comes."""

POLL_S = 3.0
"""Between two looks at a rollout."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """One update: of what, and the way back."""

    namespace: str
    name: str
    before: Amounts

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"


class DeploymentActions:
    """What is done to Deployments, one change of each at a time."""

    def __init__(self, api: KubernetesApi, clock: Clock, *, store: Store) -> None:
        self._api, self._clock, self._store = api, clock, store
        self._gates: dict[str, asyncio.Lock] = {}
        self._writing = asyncio.Lock()

    async def update(self, payload: UpdateDeploymentPayload, mode: Mode, *, until: datetime) -> JsonObject:
        """Set requests and limits, and see the rollout through; what was is put back when it fails.

        Parameters
        ----------
        until
            When the order expires (UTC): behind another rollout it may have to wait for longer than that.
        """
        key = f"{payload.namespace}/{payload.name}"
        async with self._gates.setdefault(key, asyncio.Lock()):
            was_left = mode is Mode.DO and await self._see_earlier(key)
            if self._clock.now() >= until:
                raise ActionFailedError(f"deployment {key} was busy with another rollout until the order had expired")
            deployment = await self._find(payload.namespace, payload.name)
            unknown = sorted({one.name for one in payload.containers} - names_of(deployment))
            if unknown:
                raise ActionFailedError(f"deployment {key} has no container {', '.join(unknown)}")
            changes = changes_of(wanted_of(payload.containers), amounts_of(deployment))
            if changes:
                await self._refuse(deployment, payload, changes)
            if mode is Mode.REHEARSE:
                return await self._rehearse(deployment, payload, changes)
            return await self._change(deployment, payload, changes) if changes else {"changed": was_left}

    async def resume(self) -> None:
        """See to rollouts that an agent before us has left.

        Raises
        ------
        KubernetesError
            When the store or the API server fails; what is left then is seen to by the next try.
        """
        await asyncio.gather(*map(self._resume_one, await self._load()))

    async def _resume_one(self, key: str) -> None:
        async with self._gates.setdefault(key, asyncio.Lock()):
            try:
                await self._see_earlier(key)
            except ActionFailedError as err:
                log.warning("a rollout that was left behind has failed", deployment=key, error=str(err))

    async def _rehearse(self, deployment: JsonObject, payload: UpdateDeploymentPayload, changes: Amounts) -> JsonObject:
        """The API server is asked whether it would take the change."""
        if changes:
            await self._apply(payload, intent(deployment, changes), dry_run="All")
        return would(f"change the resources of deployment {payload.namespace}/{payload.name}", changes=to_json(changes))

    async def _change(self, deployment: JsonObject, payload: UpdateDeploymentPayload, changes: Amounts) -> JsonObject:
        before = intent_before(deployment, changes)
        change = _Change(namespace=payload.namespace, name=payload.name, before=before)
        await self._remember(change)
        try:
            applied = await self._apply_surely(payload, intent(deployment, changes))
        except RefusedError:
            await self._forget(change)
            raise
        await self._see_through(change)
        generation = applied["metadata"].get("generation", 0)
        return {"changed": True, "generation": generation, "changes": to_json(changes)}

    async def _apply_surely(self, payload: UpdateDeploymentPayload, amounts: Amounts) -> JsonObject:
        """Apply, again where no answer came: the same intent twice is the same as once."""
        for _ in range(TRIES - 1):
            try:
                return await self._apply(payload, amounts)
            except UnavailableError as err:
                log.warning("a change was not answered", deployment=payload.name, error=str(err))
                await self._clock.sleep(max(POLL_S, err.retry_after_s or 0.0))
        return await self._apply(payload, amounts)

    async def _see_earlier(self, key: str) -> bool:
        """See a rollout through that an earlier try has left under way; whether there was one."""
        left = (await self._load()).get(key)
        if left is None:
            return False
        namespace, _, name = key.partition("/")
        await self._see_through(_Change(namespace=namespace, name=name, before=from_json(left)))
        return True

    async def _see_through(self, change: _Change) -> None:
        """Wait for a rollout to end, and go back when it fails."""
        try:
            rollout = await self._watch(change)
        except NotFoundError:
            rollout = Rollout(progress=Progress.DONE)
        if rollout.progress is not Progress.DONE:
            await self._roll_back(change, rollout.why)
        await self._forget(change)

    async def _watch(self, change: _Change) -> Rollout:
        rollout, furthest = Rollout(progress=Progress.GOING, why="it could not be looked at"), -sys.maxsize
        gives_up_at = self._clock.monotonic() + STANDSTILL_S
        while self._clock.monotonic() < gives_up_at:
            try:
                rollout = judge(await self._find(change.namespace, change.name))
            except UnavailableError as err:
                log.warning("a rollout cannot be looked at", deployment=change.key, error=str(err))
            if rollout.progress is not Progress.GOING:
                return rollout
            if rollout.reached > furthest:
                furthest, gives_up_at = rollout.reached, self._clock.monotonic() + STANDSTILL_S
            await self._clock.sleep(POLL_S)
        return Rollout(progress=Progress.FAILED, why=f"no progress for {STANDSTILL_S} s: {rollout.why}")

    async def _roll_back(self, change: _Change, why: str) -> None:
        body = body_of(change.namespace, change.name, change.before)
        try:
            await self._patch(change.namespace, change.name, body)
        except KubernetesError as err:
            problem = f"the rollout of deployment {change.key} failed ({why}) and could not be undone: {err}"
            raise ActionFailedError(problem, {"rolled_back": False}) from err
        await self._forget(change)
        problem = f"the rollout of deployment {change.key} failed and was undone: {why}"
        raise ActionFailedError(problem, {"rolled_back": True, "before": to_json(change.before)})

    async def _refuse(self, deployment: JsonObject, payload: UpdateDeploymentPayload, changes: Amounts) -> None:
        metadata, key = deployment["metadata"], f"{payload.namespace}/{payload.name}"
        if payload.generation and metadata.get("generation") != payload.generation:
            text = f"deployment {key} has generation {metadata.get('generation')}, not {payload.generation}"
            raise ActionFailedError(f"{text}: it has changed meanwhile")
        if (deployment.get("spec") or {}).get("paused"):
            raise ActionFailedError(f"deployment {key} is paused: no rollout would follow")
        touched = {(container, resource) for container, _, resource in changes}
        why = (
            why_not_ours(deployment)
            or why_not_beside_hpa(await self._autoscalers("autoscaling", "v2", payload), payload.name, touched)
            or why_not_beside_vpa(
                await self._autoscalers("autoscaling.k8s.io", "v1", payload),
                payload.name,
                {container for container, _ in touched},
            )
        )
        if why:
            raise ActionFailedError(f"deployment {key} is left as it is: {why}")

    async def _autoscalers(self, group: str, version: str, payload: UpdateDeploymentPayload) -> list[JsonObject]:
        """All of one kind in the namespace; none where the kind is not installed."""
        plural = "horizontalpodautoscalers" if group == "autoscaling" else "verticalpodautoscalers"
        try:
            found = await self._api.get(path_of(plural, group=group, version=version, namespace=payload.namespace))
        except NotFoundError:
            return []
        return list(found.get("items") or ())

    async def _apply(self, payload: UpdateDeploymentPayload, amounts: Amounts, *, dry_run: str = "") -> JsonObject:
        body = body_of(payload.namespace, payload.name, amounts)
        return await self._patch(payload.namespace, payload.name, body, dry_run=dry_run)

    async def _patch(self, namespace: str, name: str, body: JsonObject, *, dry_run: str = "") -> JsonObject:
        """Who set the fields before (kubectl, Helm) gives them up; those who would not were refused before."""
        params = {"fieldManager": MANAGER, "force": "true"} | ({"dryRun": dry_run} if dry_run else {})
        path = path_of("deployments", name, group="apps", namespace=namespace)
        return await self._api.patch(path, body, kind=PatchKind.APPLY, params=params)

    async def _find(self, namespace: str, name: str) -> JsonObject:
        return await self._api.get(path_of("deployments", name, group="apps", namespace=namespace))

    async def _load(self) -> JsonObject:
        return await self._store.load(DOCUMENT) or {}

    async def _remember(self, change: _Change) -> None:
        async with self._writing:
            await self._store.save(DOCUMENT, await self._load() | {change.key: to_json(change.before)})

    async def _forget(self, change: _Change) -> None:
        async with self._writing:
            kept = await self._load()
            if kept.pop(change.key, None) is not None:
                await self._store.save(DOCUMENT, kept)
