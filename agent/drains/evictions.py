"""Evictions: one call of the Eviction API and what its answer means, and the worker that makes them in their order."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

import structlog

from agent.clock import Clock
from agent.drains.facts import PodFacts
from agent.drains.lanes import Lanes, Stand, Ticket
from agent.drains.order import Ask
from agent.kubernetes.api import JsonObject, KubernetesApi, path_of
from agent.kubernetes.errors import (
    ConflictError,
    ForbiddenError,
    KubernetesError,
    NotFoundError,
    UnavailableError,
)
from agent.telemetry import Telemetry

PARALLEL = 32
"""Eviction calls in flight at once: a node's pods leave within a few round trips, the API server is not flooded."""

CALL_S = 10.0
"""An eviction that is not answered in this time is asked for again, which does no harm: a node has two minutes."""

_TOO_MANY_REQUESTS, _SERVER_ERROR = 429, 500

log = structlog.get_logger(__name__)


class Verdict(Enum):
    """What an answer of the Eviction API means for the caller."""

    ASKED = "asked"
    LEAVING = "leaving"
    GONE = "gone"
    REFUSED = "refused"
    STUMBLED = "stumbled"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer of the Eviction API. ``problem`` is a sentence, ``retry_after_s`` what the server asks to wait."""

    verdict: Verdict
    problem: str = ""
    retry_after_s: float | None = None


async def evict(api: KubernetesApi, pod: PodFacts, *, budgets: tuple[str, ...]) -> Answer:
    """Ask one pod to leave, that very one: another under its name is left alone.

    Parameters
    ----------
    budgets
        Keys of the budgets that count it, as far as they are known: named when they contradict each other.
    """
    body: JsonObject = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"namespace": pod.namespace, "name": pod.name},
    }
    if pod.uid:
        body["deleteOptions"] = {"preconditions": {"uid": pod.uid}}
    try:
        async with asyncio.timeout(CALL_S):
            await api.post(path_of("pods", f"{pod.name}/eviction", namespace=pod.namespace), body)
    except TimeoutError:
        return Answer(verdict=Verdict.STUMBLED, problem=f"the Kubernetes API has not answered within {CALL_S:g} s")
    except KubernetesError as err:
        return _read(err, budgets)
    return Answer(verdict=Verdict.ASKED)


class Evictions:
    """Asks pods to leave, the most urgent first, a bounded number at once, over all drains.

    A worker runs while there is work. Nothing survives a crash.
    """

    def __init__(self, api: KubernetesApi, clock: Clock, *, telemetry: Telemetry, parallel: int = PARALLEL) -> None:
        self._api, self._clock, self._telemetry = api, clock, telemetry
        self._lanes = Lanes(parallel=parallel)
        self._changed = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._calls: set[asyncio.Task[None]] = set()
        for verdict in Verdict:  # a counter that is there from the start shows its first increase
            telemetry.evictions.labels(verdict.value)

    def submit(self, ask: Ask) -> Ticket:
        """Have a pod asked when its turn comes; the ticket tells how it stands."""
        ticket = self._lanes.add(ask)
        self._wake()
        return ticket

    def drop(self, ticket: Ticket) -> None:
        """Take an eviction back, if it has not been asked."""
        self._lanes.drop(ticket)
        self._changed.set()

    def clear(self, problem: str) -> None:
        """Take all evictions back that have not been asked; their tickets say why."""
        self._lanes.clear(problem)
        self._changed.set()

    async def close(self) -> None:
        """Stop asking."""
        tasks = [*self._calls, *([self._worker] if self._worker else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._worker = None

    def _wake(self) -> None:
        self._changed.set()
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work(), name="evictions")

    async def _work(self) -> None:
        while not self._lanes.is_empty:
            self._changed.clear()
            while (ticket := self._lanes.next(self._clock.now())) is not None:
                call = asyncio.create_task(self._call(ticket), name=f"evict {ticket.ask.pod.key}")
                self._calls.add(call)
                call.add_done_callback(self._calls.discard)
            await self._idle()

    async def _idle(self) -> None:
        now = self._clock.now()
        at = self._lanes.wakes_at(now)
        try:
            async with asyncio.timeout(None if at is None else _seconds(at, now)):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _call(self, ticket: Ticket) -> None:
        ask = ticket.ask
        answer = await evict(self._api, ask.pod, budgets=ask.budgets)
        now = self._clock.now()
        self._telemetry.evictions.labels(answer.verdict.value).inc()
        if answer.verdict is not Verdict.REFUSED or ticket.tries == 1:
            log.info("a pod was asked to leave", pod=ask.pod.key, answer=answer.verdict.value, problem=answer.problem)
        match answer.verdict:
            case Verdict.ASKED:
                self._lanes.asked(ticket)
            case Verdict.LEAVING:
                self._lanes.ended(ticket, Stand.ASKED, problem=answer.problem)
            case Verdict.GONE:
                self._lanes.ended(ticket, Stand.GONE)
            case Verdict.IMPOSSIBLE:
                self._lanes.ended(ticket, Stand.FAILED, problem=answer.problem)
            case Verdict.REFUSED:
                self._lanes.refused(ticket, now, problem=answer.problem, retry_after_s=answer.retry_after_s)
            case Verdict.STUMBLED:
                self._lanes.stumbled(ticket, now, problem=answer.problem, retry_after_s=answer.retry_after_s)
        self._changed.set()


def _read(err: KubernetesError, budgets: tuple[str, ...]) -> Answer:
    """429 heals by itself, two budgets on one pod do not; a pod that has gone, or goes anyway, is what was wanted."""
    if isinstance(err, NotFoundError):
        return Answer(verdict=Verdict.GONE)
    if isinstance(err, ForbiddenError) and err.is_terminating:
        return Answer(verdict=Verdict.LEAVING, problem="its namespace is being deleted, and it with it")
    if err.status == _TOO_MANY_REQUESTS:
        return Answer(verdict=Verdict.REFUSED, problem=_refusal(err, budgets), retry_after_s=err.retry_after_s)
    if err.status == _SERVER_ERROR and (len(budgets) > 1 or "more than one PodDisruptionBudget" in err.message):
        return Answer(verdict=Verdict.IMPOSSIBLE, problem=_misconfigured(budgets))
    if isinstance(err, UnavailableError | ConflictError):
        return Answer(verdict=Verdict.STUMBLED, problem=str(err), retry_after_s=err.retry_after_s)
    return Answer(verdict=Verdict.IMPOSSIBLE, problem=str(err))


def _refusal(err: KubernetesError, budgets: tuple[str, ...]) -> str:
    causes = [cause.message for cause in err.causes if cause.reason == "DisruptionBudget"]
    if causes:
        return "; ".join(causes)
    return f"budget {', '.join(budgets)} forbids it now" if budgets else str(err)


def _misconfigured(budgets: tuple[str, ...]) -> str:
    named = ", ".join(sorted(budgets)) or "their names are not known here"
    return f"misconfigured: more than one PodDisruptionBudget counts it ({named}), so Kubernetes never evicts it"


def _seconds(at: datetime, now: datetime) -> float:
    return max(0.0, (at - now).total_seconds())
