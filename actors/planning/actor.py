"""The planner on Ray: one actor that keeps the queue, one task for each plan.

Survives everything: the actor is restarted for ever, and calls that were open when it died are made again by Ray; a
task that dies is begun anew by the desk.
"""

import asyncio
import os
import time

import ray
from ray.exceptions import RayError, TaskCancelledError
from ray.util.metrics import Gauge, Histogram

from actors.planning.desk import PlanDesk
from actors.planning.make import make_plan
from actors.planning.order import PlanAnswer, PlanOrder
from actors.prices.client import ask_figures
from actors.scoring.client import ask, find_scorer
from domain.errors import TransientError
from solvers.placement import warm_up

NICENESS = 5
"""How far planning steps back behind what answers requests on the same machine (19 is the furthest)."""

LATENCY_BOUNDARIES_S = [0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64]


@ray.remote(num_cpus=1, max_retries=0)
def plan_task(order: PlanOrder) -> PlanAnswer:
    """Compute one plan."""
    _step_back()
    return make_plan(order, ask_risk=ask, ask_market=ask_figures)


@ray.remote(num_cpus=1, max_retries=2)
def warm_up_task(hold_s: float) -> int:
    """Load solver and kernels into a worker process, and hold it so long that the others warm up beside it."""
    _step_back()
    warm_up()
    find_scorer()
    time.sleep(hold_s)
    return os.getpid()


def _step_back() -> None:
    os.setpriority(os.PRIO_PROCESS, 0, max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))


class RayRun:
    """A plan being computed by a task."""

    def __init__(self, order: PlanOrder) -> None:
        self._ref = plan_task.options(name=f"plan {order.priority.name.lower()} {order.cluster}").remote(order)

    async def answer(self) -> PlanAnswer:
        """Wait for the answer."""
        try:
            answer: PlanAnswer = await self._ref
        except TaskCancelledError as err:
            raise asyncio.CancelledError from err
        except RayError as err:
            raise TransientError(f"the process of a plan has died: {type(err).__name__}") from err
        return answer

    def stop(self) -> None:
        """Interrupt the task."""
        ray.cancel(self._ref, force=False)


class RayRunner:
    """Starts plans as tasks of Ray."""

    def start(self, order: PlanOrder) -> RayRun:
        """Begin to compute."""
        return RayRun(order)


class Planner:
    """The desk as an actor; see `actors.planning.desk`. `actors.runtime` makes it one."""

    def __init__(self, slots: int) -> None:
        self._desk = PlanDesk(RayRunner(), slots=slots)
        self._waiting = Gauge("spotopt_plans_waiting", description="Plans that wait for a slot")
        self._seconds = Histogram(
            "spotopt_plan_seconds",
            description="From the request of a plan to its answer",
            boundaries=LATENCY_BOUNDARIES_S,
            tag_keys=("priority",),
        )

    async def plan(self, order: PlanOrder) -> PlanAnswer:
        """The answer to an order."""
        started = time.monotonic()
        answer = await self._desk.plan(order)
        self._seconds.observe(time.monotonic() - started, tags={"priority": order.priority.name.lower()})
        self._waiting.set(len(self._desk.queue))
        return answer

    async def cancel(self, request: str) -> None:
        """Stop planning."""
        self._desk.cancel(request)

    async def depth(self) -> dict[str, int]:
        """Plans that wait and that are computed now."""
        return {"waiting": len(self._desk.queue), "running": len(self._desk.queue.running)}

    async def ping(self) -> int:
        """Answer with the process id."""
        return os.getpid()
