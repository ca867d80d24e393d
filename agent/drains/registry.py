"""Drains by node: however many ask for one, it is carried out once, by the nearest deadline that anybody named."""

import asyncio

from agent.clock import Clock
from agent.drains.drain import Drain
from agent.drains.evictions import PARALLEL, Evictions
from agent.drains.marks import DrainOrder
from agent.drains.order import Drive
from agent.drains.owners import Owners
from agent.drains.report import DrainReport
from agent.kubernetes.api import KubernetesApi
from agent.telemetry import Telemetry


class Drains:
    """The drains that are under way. Actions and the guard share one of these.

    After a crash the marks on the nodes tell which were under way; the guard has them go on.

    Parameters
    ----------
    telemetry
        Counts how drains and evictions end.
    own_pod
        ``namespace/name`` of the agent, which leaves its node last; empty when it is not known.
    parallel
        Eviction calls in flight at once, over all drains.
    """

    def __init__(
        self,
        api: KubernetesApi,
        clock: Clock,
        *,
        telemetry: Telemetry,
        own_pod: str = "",
        parallel: int = PARALLEL,
    ) -> None:
        self.evictions = Evictions(api, clock, telemetry=telemetry, parallel=parallel)
        self._api, self._clock, self._own_pod, self._telemetry = api, clock, own_pod, telemetry
        self._owners = Owners(api, clock)
        self._running: dict[str, tuple[Drain, asyncio.Task[DrainReport]]] = {}
        for drive in Drive:
            telemetry.unsaved_pods.labels(drive.value)

    def order_of(self, node: str) -> DrainOrder | None:
        """The drain that is under way on a node, if one is."""
        found = self._running.get(node)
        return found[0].order if found is not None else None

    def is_interrupted(self, node: str) -> bool:
        """Whether a node is being emptied because it goes in any case."""
        order = self.order_of(node)
        return order is not None and order.drive is Drive.INTERRUPTED

    def is_shared(self, node: str) -> bool:
        """Whether more than one has asked for the drain that is under way on a node."""
        found = self._running.get(node)
        return found is not None and found[0].askers > 1

    async def drain(self, order: DrainOrder) -> DrainReport:
        """Empty a node, or join whoever does.

        A caller that is cancelled does not stop the drain: others may wait for it, and the node goes all the same.

        Raises
        ------
        KubernetesError
            When a call that every drain needs is refused.
        """
        return await asyncio.shield(self.begin(order))

    def begin(self, order: DrainOrder) -> "asyncio.Task[DrainReport]":
        """Like `drain`, without waiting."""
        found = self._running.get(order.node)
        if found is not None and not found[1].done():
            found[0].tighten(order)
            return found[1]
        drain = Drain(
            self._api,
            self._clock,
            evictions=self.evictions,
            owners=self._owners,
            order=order,
            own_pod=self._own_pod,
        )
        task = asyncio.create_task(drain.run(), name=f"drain {order.node}")
        self._running[order.node] = (drain, task)
        task.add_done_callback(lambda done: self._on_end(drain, done))
        return task

    def call_off(self, node: str, why: str) -> bool:
        """Stop a drain and let its node take pods again, if we cordoned it; false when none is under way."""
        found = self._running.get(node)
        if found is not None:
            found[0].call_off(why)
        return found is not None

    def freeze(self, why: str) -> None:
        """Stop all drains, and evictions that wait, and change nothing more. The marks stay on the nodes."""
        for drain, _ in self._running.values():
            drain.freeze(why)
        self.evictions.clear(why)

    async def run(self) -> None:
        """Until cancelled, which ends all drains: for as long as this process leads."""
        try:
            await asyncio.Event().wait()
        finally:
            await self.close()

    async def close(self) -> None:
        """Stop at once and leave everything as it is; the marks on the nodes let the next leader go on."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.evictions.close()

    def _on_end(self, drain: Drain, task: "asyncio.Task[DrainReport]") -> None:
        """Count how it ended, and forget it."""
        node, drive = drain.order.node, drain.order.drive.value
        if (found := self._running.get(node)) is not None and found[1] is task:
            del self._running[node]
        if task.cancelled():
            return
        if task.exception() is not None:
            self._telemetry.drains.labels(drive, "failed").inc()
            return
        report = task.result()
        self._telemetry.drains.labels(drive, report.ending.value).inc()
        self._telemetry.unsaved_pods.labels(drive).inc(len(report.unsaved))
