"""Evicting one pod, and waiting for its end."""

from datetime import datetime

from agent.actions.outcome import ActionFailedError, gone, would
from agent.clock import Clock
from agent.drains.drain import END_WAIT_S
from agent.drains.facts import Budget, PodFacts, Stays, covering, read_budget, read_pod
from agent.drains.lanes import Stand, Ticket
from agent.drains.mode import Mode
from agent.drains.order import Drive, ask_for, why_kept
from agent.drains.registry import Drains
from agent.kubernetes.api import JsonObject, KubernetesApi, path_of
from agent.kubernetes.errors import NotFoundError, UnavailableError
from domain.wire.actions import EvictPayload

GLANCE_S = 0.05
"""Between two looks at how an eviction of our own stands, which costs nothing."""

POLL_S = 1.0
"""Between two looks at a pod that was asked to leave."""


class PodActions:
    """What is done to pods. A pod that has gone needs nothing; one that has moved on is left alone."""

    def __init__(self, api: KubernetesApi, clock: Clock, *, drains: Drains) -> None:
        self._api, self._clock, self._drains = api, clock, drains

    async def evict(self, payload: EvictPayload, mode: Mode, *, until: datetime) -> JsonObject:
        """Evict a pod within its budget, and wait until it has ended.

        Parameters
        ----------
        until
            A budget that forbids it longer than that (UTC) is not waited for.
        """
        key = f"{payload.namespace}/{payload.pod}"
        pod = await self._find(payload)
        if pod is None:
            return gone(f"pod {key}")
        self._refuse(pod, payload)
        if pod.stays is Stays.FINISHED:
            return {"changed": False, "note": f"pod {key} has finished"}
        budgets = await self._budgets(pod)
        if mode is Mode.REHEARSE:
            allowed = {budget.key: budget.allowed for budget in budgets}
            return would(f"evict pod {key} from node {pod.node}", budgets=allowed)
        if pod.leaves_by is None:
            await self._ask(pod, budgets, until=until)
        await self._see_end(pod)
        return {"changed": True, "evicted": 1, "left": 0, "node": pod.node}

    def _refuse(self, pod: PodFacts, payload: EvictPayload) -> None:
        if payload.node and pod.node != payload.node:
            raise ActionFailedError(f"pod {pod.key} runs on node {pod.node or 'none'}, not on {payload.node}")
        if pod.stays in (Stays.DAEMON, Stays.MIRROR):
            raise ActionFailedError(f"pod {pod.key} cannot be moved: {pod.stays}")
        drive = Drive.INTERRUPTED if self._drains.is_interrupted(pod.node) else Drive.VOLUNTARY
        if why := why_kept(pod, drive):
            raise ActionFailedError(f"pod {pod.key} must not be disrupted: {why}")

    async def _ask(self, pod: PodFacts, budgets: tuple[Budget, ...], *, until: datetime) -> None:
        ask = ask_for(pod, budgets, now=self._clock.now(), deadline=None, is_single=False)
        ticket = self._drains.evictions.submit(ask)
        try:
            await self._see_asked(ticket, until=until)
        finally:
            self._drains.evictions.drop(ticket)
        if ticket.stand not in (Stand.ASKED, Stand.GONE):
            raise ActionFailedError(f"pod {pod.key} was not evicted: {ticket.problem or 'its turn did not come'}")

    async def _see_asked(self, ticket: Ticket, *, until: datetime) -> None:
        while ticket.is_open and self._clock.now() < until:
            await self._clock.sleep(GLANCE_S)

    async def _see_end(self, pod: PodFacts) -> None:
        """Wait for that very pod to end; its name may be taken by another at once."""
        ends_at = self._clock.monotonic() + pod.grace_s + END_WAIT_S
        while self._clock.monotonic() < ends_at:
            try:
                found = await self._api.get(path_of("pods", pod.name, namespace=pod.namespace))
            except NotFoundError:
                return
            except UnavailableError:
                found = None
            if found is not None and found["metadata"].get("uid") != pod.uid:
                return
            await self._clock.sleep(POLL_S)
        raise ActionFailedError(f"pod {pod.key} was asked to leave and has not ended; its grace is {pod.grace_s} s")

    async def _find(self, payload: EvictPayload) -> PodFacts | None:
        try:
            return read_pod(await self._api.get(path_of("pods", payload.pod, namespace=payload.namespace)))
        except NotFoundError:
            return None

    async def _budgets(self, pod: PodFacts) -> tuple[Budget, ...]:
        found = await self._api.get(path_of("poddisruptionbudgets", group="policy", namespace=pod.namespace))
        return covering(pod, [read_budget(one) for one in found.get("items") or ()])
