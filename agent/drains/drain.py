"""One drain, carried out: cordon, look, ask, look again, until nothing is left, time is up, or somebody calls it off.

What a drain knows it reads again each time it looks, so that a crash loses nothing: the mark on the node says that a
drain is under way, and whoever goes on with it sees which pods are left.
"""

import asyncio
from collections.abc import Sequence

import structlog

from agent.clock import Clock
from agent.drains.evictions import Evictions
from agent.drains.facts import Budget, PodFacts, read_budget, read_pod
from agent.drains.lanes import Stand, Ticket
from agent.drains.marks import DrainOrder, cordon, is_cordoned_by_us, mark_drain, uncordon, unmark_drain
from agent.drains.order import Ask, DrainPlan, Drive, Kept, plan_drain
from agent.drains.owners import Owners
from agent.drains.report import DrainReport, Ending
from agent.kubernetes.api import KubernetesApi, path_of
from agent.kubernetes.errors import KubernetesError, NotFoundError, UnavailableError

POLL_S = 2.0
"""Between two looks at a node's pods: an end is seen at most this late, and 20 drains make 10 calls a second."""

LONGEST_S = 3_600
"""A drain without a deadline ends after this long, as no signed action lives longer."""

STEP_S = 15.0
"""A step whose calls are not answered in this time is begun again: a node has two minutes, and a call may hang."""

END_WAIT_S = 60
"""A pod that is still there this long after its grace will not end: its kubelet is gone, or a finalizer holds it."""

log = structlog.get_logger(__name__)


class Drain:
    """Empties one node. `run` is called once; the other methods may be called while it runs.

    Parameters
    ----------
    own_pod
        ``namespace/name`` of the agent itself: it leaves last, so that somebody sees to the others.
    """

    def __init__(
        self, api: KubernetesApi, clock: Clock, *, evictions: Evictions, owners: Owners, order: DrainOrder, own_pod: str
    ) -> None:
        self.order = order
        self.askers = 1
        self._api, self._clock, self._evictions, self._owners, self._own_pod = api, clock, evictions, owners, own_pod
        self._tickets: dict[str, Ticket] = {}
        self._kept: dict[str, Kept] = {}
        self._later: dict[str, Ask] = {}
        self._left: dict[str, str] = {}
        self._lone: set[str] = set()
        self._seen: dict[str, PodFacts] = {}
        self._cordoned = False
        self._marked: DrainOrder | None = None
        self._called_off = ""
        self._is_frozen = False
        self._changed = asyncio.Event()
        self._gives_up_at = clock.monotonic() + LONGEST_S

    def tighten(self, order: DrainOrder) -> bool:
        """Somebody else wants the node empty too; true when that changes anything."""
        self.askers += 1
        tightened = self.order.tightened(order)
        if tightened == self.order:
            return False
        self.order = tightened
        self._changed.set()
        return True

    def call_off(self, why: str) -> None:
        """Ask no further pods, and let the node take pods again if it was us who cordoned it."""
        self._called_off = self._called_off or why
        self._changed.set()

    def freeze(self, why: str) -> None:
        """Ask no further pods and change nothing else: the mark stays, so that the drain can go on later."""
        self._is_frozen = True
        self.call_off(why)

    async def run(self) -> DrainReport:
        """Empty the node.

        Raises
        ------
        KubernetesError
            When RBAC or validation refuses a call that every drain needs.
        """
        try:
            ending = await self._empty()
        except NotFoundError:
            ending = Ending.GONE
        finally:
            for ticket in self._tickets.values():
                self._evictions.drop(ticket)
        if ending is not Ending.GONE and not self._is_frozen:
            await self._clean_up(ending)
        report = self._report(ending)
        log.info("a drain is over", node=self.order.node, ending=ending.value, left=len(report.unsaved))
        return report

    async def _empty(self) -> Ending:
        while True:
            self._changed.clear()
            if self._called_off:
                return Ending.ABORTED
            if not await self._try_step():
                return Ending.INCOMPLETE if self._unsaved() else Ending.EMPTY
            if self._is_over():
                return Ending.INCOMPLETE
            await self._pause()

    async def _try_step(self) -> bool:
        """One step; whether there are more. A server in trouble is asked again, as long as there is time."""
        try:
            async with asyncio.timeout(STEP_S):
                return await self._step()
        except (UnavailableError, TimeoutError) as err:
            problem = str(err) or f"the Kubernetes API has not answered within {STEP_S:g} s"
            log.warning("a drain cannot go on for now", node=self.order.node, error=problem)
            return True

    async def _step(self) -> bool:
        """Look, and submit what is new; false when nothing is left to do."""
        if self._marked is None:
            await self._begin()
        elif self._marked != self.order:
            await self._retime()
        pods = await self._pods()
        if new := [pod for pod in pods if pod.uid not in self._seen]:
            await self._take_in(new)
        self._notice_gone(pods)
        self._submit_later()
        return any(self._is_awaited(pod) for pod in pods)

    async def _begin(self) -> None:
        order, now = self.order, self._clock.now()
        node = await self._api.get(path_of("nodes", order.node))
        is_new = await cordon(self._api, node, why=order.why, now=now, drain=order)
        self._cordoned = is_new or is_cordoned_by_us(node)
        self._marked = order

    async def _pods(self) -> list[PodFacts]:
        params = {"fieldSelector": f"spec.nodeName={self.order.node}"}
        found = await self._api.get(path_of("pods"), params=params)
        return [pod for pod in map(read_pod, found.get("items") or ()) if pod.stays is None]

    async def _take_in(self, new: Sequence[PodFacts]) -> None:
        budgets, singles = await asyncio.gather(self._budgets(), self._owners.singles(new))
        own = {pod.uid for pod in new if pod.key == self._own_pod}
        plan = self._plan(new, budgets=budgets, singles=singles | own)
        self._seen |= {pod.uid: pod for pod in new}
        self._kept |= {kept.pod.uid: kept for kept in plan.kept}
        self._lone |= {pod.key for pod in plan.lone}
        for ask in plan.asks:
            if ask.after_others:
                self._later[ask.pod.uid] = ask
            else:
                self._tickets[ask.pod.uid] = self._evictions.submit(ask)

    def _plan(self, pods: Sequence[PodFacts], *, budgets: Sequence[Budget], singles: frozenset[str]) -> DrainPlan:
        order = self.order
        return plan_drain(
            pods, budgets, now=self._clock.now(), deadline=order.deadline, drive=order.drive, singles=singles
        )

    async def _budgets(self) -> list[Budget]:
        found = await self._api.get(path_of("poddisruptionbudgets", group="policy"))
        return [read_budget(one) for one in found.get("items") or ()]

    def _notice_gone(self, pods: Sequence[PodFacts]) -> None:
        here = {pod.uid: pod for pod in pods}
        for uid, pod in list(self._seen.items()):
            if uid in here:
                self._seen[uid] = here[uid]
                continue
            del self._seen[uid]
            self._left[uid] = pod.key
            self._kept.pop(uid, None)
            self._later.pop(uid, None)
            if (ticket := self._tickets.pop(uid, None)) is not None:
                self._evictions.drop(ticket)

    def _submit_later(self) -> None:
        """Pods without replicas, once the others have been asked and have left."""
        if self._later and not any(self._is_awaited(pod) for uid, pod in self._seen.items() if uid not in self._later):
            for uid, ask in self._later.items():
                self._tickets[uid] = self._evictions.submit(ask)
            self._later.clear()

    def _is_awaited(self, pod: PodFacts) -> bool:
        """Whether something will still become of a pod."""
        if pod.uid in self._kept:
            return False
        if pod.leaves_by is not None:
            return (self._clock.now() - pod.leaves_by).total_seconds() < END_WAIT_S
        ticket = self._tickets.get(pod.uid)
        return ticket is None or ticket.stand is not Stand.FAILED

    async def _retime(self) -> None:
        """Go by another deadline: everything that has not been asked is planned anew."""
        order = self.order
        await mark_drain(self._api, order)
        self._marked = order
        self._kept.clear()
        again = [
            pod
            for uid, pod in self._seen.items()
            if (ticket := self._tickets.get(uid)) is None or ticket.stand is Stand.WAITING
        ]
        for pod in again:
            del self._seen[pod.uid]
            self._later.pop(pod.uid, None)
            if (ticket := self._tickets.pop(pod.uid, None)) is not None:
                self._evictions.drop(ticket)

    def _is_over(self) -> bool:
        deadline = self.order.deadline
        is_past = deadline is not None and deadline <= self._clock.now()
        return is_past or self._clock.monotonic() >= self._gives_up_at

    async def _pause(self) -> None:
        left_s = POLL_S
        if self.order.deadline is not None:
            left_s = min(POLL_S, max(0.0, (self.order.deadline - self._clock.now()).total_seconds()))
        try:
            async with asyncio.timeout(left_s):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _clean_up(self, ending: Ending) -> None:
        """A node that stays takes pods again; one that goes, or is empty now, does not. A crash here is harmless."""
        stays = ending is Ending.ABORTED or (ending is Ending.INCOMPLETE and self.order.drive is Drive.VOLUNTARY)
        try:
            if stays and self._cordoned:
                await uncordon(self._api, await self._api.get(path_of("nodes", self.order.node)))
                self._cordoned = False
            else:
                await unmark_drain(self._api, self.order.node)
        except NotFoundError:
            return
        except KubernetesError as err:
            log.warning("a drain's mark stays on its node", node=self.order.node, error=str(err))

    def _unsaved(self) -> list[tuple[str, str]]:
        return sorted((pod.key, self._why_here(pod)) for pod in self._seen.values())

    def _why_here(self, pod: PodFacts) -> str:
        if (kept := self._kept.get(pod.uid)) is not None:
            return kept.why
        if pod.leaves_by is not None:
            return f"was asked to leave and has not ended; its grace is {pod.grace_s} s"
        ticket = self._tickets.get(pod.uid)
        return (ticket.problem if ticket is not None else "") or "its turn did not come"

    def _report(self, ending: Ending) -> DrainReport:
        left = tuple(sorted(self._left.values()))
        return DrainReport(
            order=self.order,
            ending=ending,
            why=self._called_off,
            left_node=left,
            unsaved=tuple(self._unsaved()),
            lone=tuple(sorted(self._lone.intersection(left))),
            cordoned=self._cordoned,
        )
