"""Carries out what the queue of plans says: starts, stops and awaits plans, and hands each caller its answer."""

import asyncio
import itertools
from collections.abc import Coroutine
from typing import Any, Protocol

import structlog

from actors.planning.order import PlanAnswer, PlanOrder
from actors.planning.queue import Drop, PlanQueue, Start, Step, Stop
from domain.errors import TransientError

TRIES = 2
"""Times that a plan is begun anew when the process that computes it dies."""

log = structlog.get_logger(__name__)


class Run(Protocol):
    """A plan being computed somewhere."""

    async def answer(self) -> PlanAnswer:
        """Wait for the answer.

        Raises
        ------
        TransientError
            When the process that computes it has died.
        asyncio.CancelledError
            When it was stopped.
        """

    def stop(self) -> None:
        """Stop computing; what has been found is not wanted."""


class Runner(Protocol):
    """Starts plans in other processes."""

    def start(self, order: PlanOrder) -> Run:
        """Begin to compute."""


class PlanDesk:
    """The queue with its runner, for one event loop.

    Survives the death of computing processes (the order is begun anew). Its own death loses the queue: callers that
    wait for an answer ask again, and asking twice with one request id computes once.
    """

    def __init__(self, runner: Runner, *, slots: int, capacity: int = 10_000) -> None:
        self.queue = PlanQueue(slots=slots, capacity=capacity)
        self._runner = runner
        self._answers: dict[str, asyncio.Future[PlanAnswer]] = {}
        self._runs: dict[str, tuple[int, Run]] = {}
        self._numbers = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()

    async def plan(self, order: PlanOrder) -> PlanAnswer:
        """The answer to an order, when its turn has come and it is done."""
        future = self._answers.get(order.request)
        if future is None:
            future = asyncio.get_running_loop().create_future()
            self._answers[order.request] = future
            self._follow(self.queue.submit(order))
        return await asyncio.shield(future)

    def cancel(self, request: str) -> None:
        """Stop planning; who waits for the answer is told so."""
        order = self.queue.running.get(request)
        self._follow(self.queue.cancel(request))
        self._tell(PlanAnswer(request=request, cluster=order.cluster if order else "", failure="was cancelled"))

    async def close(self) -> None:
        """Stop everything."""
        for _, run in self._runs.values():
            run.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _follow(self, steps: list[Step]) -> None:
        for step in steps:
            match step:
                case Start(order=order):
                    self._start(order)
                case Stop(request=request):
                    _, run = self._runs.pop(request)
                    run.stop()
                case Drop(order=order, reason=reason):
                    self._tell(PlanAnswer(request=order.request, cluster=order.cluster, failure=reason))

    def _start(self, order: PlanOrder) -> None:
        number, run = next(self._numbers), self._runner.start(order)
        self._runs[order.request] = (number, run)
        self._spawn(self._watch(order, run, number=number))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch(self, order: PlanOrder, run: Run, *, number: int) -> None:
        """Await one run. It may have been stopped meanwhile and even begun anew: then its end means nothing."""
        answer = await self._answered(order, run, number=number)
        if self._runs.get(order.request, (None,))[0] != number or answer is None:
            return
        del self._runs[order.request]
        self._tell(answer)
        self._follow(self.queue.finished(order.request))

    async def _answered(self, order: PlanOrder, run: Run, *, number: int) -> PlanAnswer | None:
        for left in reversed(range(TRIES)):
            try:
                return await run.answer()
            except asyncio.CancelledError:
                if self._runs.get(order.request, (None,))[0] == number:
                    return PlanAnswer(request=order.request, cluster=order.cluster, failure="was stopped from outside")
                return None
            except TransientError as err:
                log.warning("the process of a plan has died", cluster=order.cluster, request=order.request, left=left)
                if left and self._runs.get(order.request, (None,))[0] == number:
                    run = self._runner.start(order)
                    self._runs[order.request] = (number, run)
                    continue
                return PlanAnswer(request=order.request, cluster=order.cluster, failure=str(err))
        return None

    def _tell(self, answer: PlanAnswer) -> None:
        future = self._answers.pop(answer.request, None)
        if future is not None and not future.done():
            future.set_result(answer)
