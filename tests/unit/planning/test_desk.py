"""The desk that carries out the queue: answers reach their callers, whatever dies or is stopped in between."""

import asyncio

from actors.planning.desk import PlanDesk
from actors.planning.order import PlanAnswer, PlanOrder
from domain.commands import Priority
from domain.errors import TransientError
from tests.unit.planning.test_queue import order


class HandRun:
    """A run that ends when the test says so."""

    def __init__(self, what: PlanOrder) -> None:
        self.order = what
        self.stopped = False
        self._end: asyncio.Future[PlanAnswer] = asyncio.get_running_loop().create_future()

    async def answer(self) -> PlanAnswer:
        return await self._end

    def stop(self) -> None:
        self.stopped = True
        self._end.cancel()

    def finish(self) -> None:
        self._end.set_result(PlanAnswer(request=self.order.request, cluster=self.order.cluster, document=b"plan"))

    def die(self) -> None:
        self._end.set_exception(TransientError("the process is gone"))


class HandRunner:
    def __init__(self) -> None:
        self.runs: list[HandRun] = []

    def start(self, what: PlanOrder) -> HandRun:
        self.runs.append(HandRun(what))
        return self.runs[-1]


async def settle() -> None:
    """Let everything that can go on go on."""
    for _ in range(10):
        await asyncio.sleep(0)


def desk(slots: int = 1) -> tuple[PlanDesk, HandRunner]:
    runner = HandRunner()
    return PlanDesk(runner, slots=slots), runner


async def test_two_callers_with_one_request_get_the_answer_of_one_computation() -> None:
    planner, runner = desk()
    callers = [asyncio.create_task(planner.plan(order("r"))) for _ in range(2)]
    await settle()
    (run,) = runner.runs
    run.finish()
    assert [answer.document for answer in await asyncio.gather(*callers)] == [b"plan", b"plan"]


async def test_a_plan_that_made_way_is_begun_again_and_its_caller_still_gets_an_answer() -> None:
    planner, runner = desk()
    routine = asyncio.create_task(planner.plan(order("routine")))
    await settle()
    urgent = asyncio.create_task(planner.plan(order("urgent", Priority.INTERRUPTION)))
    await settle()
    assert runner.runs[0].stopped
    runner.runs[1].finish()
    assert (await urgent).document == b"plan"
    await settle()
    assert runner.runs[2].order.request == "routine"
    assert not routine.done()
    runner.runs[2].finish()
    assert (await routine).document == b"plan"


async def test_a_plan_whose_process_dies_is_begun_once_more_and_then_given_up() -> None:
    planner, runner = desk()
    caller = asyncio.create_task(planner.plan(order("r")))
    await settle()
    runner.runs[0].die()
    await settle()
    assert len(runner.runs) == 2
    runner.runs[1].die()
    assert (await caller).failure == "the process is gone"
    assert not planner.queue.running


async def test_a_cancelled_plan_is_stopped_and_its_caller_told() -> None:
    planner, runner = desk()
    callers = {name: asyncio.create_task(planner.plan(order(name))) for name in ("running", "waiting")}
    await settle()
    planner.cancel("waiting")
    planner.cancel("running")
    assert [(await caller).failure for caller in callers.values()] == ["was cancelled", "was cancelled"]
    assert runner.runs[0].stopped
    assert len(runner.runs) == 1


async def test_a_caller_that_gives_up_does_not_stop_the_plan_for_others() -> None:
    planner, runner = desk()
    impatient, patient = (asyncio.create_task(planner.plan(order("r"))) for _ in range(2))
    await settle()
    impatient.cancel()
    await settle()
    runner.runs[0].finish()
    assert (await patient).document == b"plan"


async def test_a_run_stopped_from_outside_is_an_answer() -> None:
    planner, runner = desk()
    caller = asyncio.create_task(planner.plan(order("r")))
    await settle()
    runner.runs[0].stop()
    assert (await caller).failure == "was stopped from outside"


async def test_closing_stops_everything() -> None:
    planner, runner = desk()
    caller = asyncio.create_task(planner.plan(order("r")))
    await settle()
    await planner.close()
    assert runner.runs[0].stopped
    assert (await caller).plan is None
