"""Leader election: one leads, another takes over in time, and nobody leads without being able to renew."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from adapters.clock import VirtualClock
from agent.election import LEASE_S, RENEW_DEADLINE_S, RETRY_S, Election
from tests.unit.agent.kube import MemoryKubernetes, away

PATH = "/apis/coordination.k8s.io/v1/namespaces/spot-optimizer/leases/spot-optimizer-agent"


class Process:
    """Somebody who may lead."""

    def __init__(self, api: MemoryKubernetes, clock: VirtualClock, name: str) -> None:
        self.election = Election(api, clock, namespace="spot-optimizer", identity=name)
        self.times_led = 0
        self.error: Exception | None = None
        self.task: asyncio.Task[None] | None = None

    async def lead(self) -> None:
        self.times_led += 1
        if self.error is not None:
            raise self.error
        await asyncio.Event().wait()

    def start(self) -> None:
        self.task = asyncio.create_task(self.election.run(self.lead))

    async def stop(self) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def crash(self) -> None:
        """End without giving the lease back."""
        self.election._api = Dead()
        assert self.task is not None
        self.task.cancel()


class Dead(MemoryKubernetes):
    async def get(self, *_: object, **__: object) -> dict[str, object]:
        raise away()


@asynccontextmanager
async def two(clock: VirtualClock) -> AsyncIterator[tuple[MemoryKubernetes, Process, Process]]:
    api = MemoryKubernetes()
    first, second = Process(api, clock, "first"), Process(api, clock, "second")
    first.start()
    await clock.advance(0)
    second.start()
    await clock.advance(1)
    yield api, first, second
    for process in (first, second):
        if process.task is not None:
            process.task.cancel()
            await asyncio.gather(process.task, return_exceptions=True)


def leading(*processes: Process) -> list[bool]:
    return [process.election.leading for process in processes]


async def advance(clock: VirtualClock, seconds: float, check: Callable[[], bool]) -> None:
    """Turn the clock in small steps; the check holds at each."""
    for _ in range(int(seconds / 0.5)):
        await clock.advance(0.5)
        assert check()


async def test_the_first_leads_as_long_as_it_renews() -> None:
    clock = VirtualClock()
    async with two(clock) as (api, first, second):
        await advance(clock, 120, lambda: leading(first, second) == [True, False])
        assert second.election.another_leads
        assert (await api.get(PATH))["spec"]["leaseTransitions"] == 1


async def test_another_takes_over_at_once_after_a_clean_stop() -> None:
    clock = VirtualClock()
    async with two(clock) as (_, first, second):
        await first.stop()
        await clock.advance(RETRY_S)
        assert leading(first, second) == [False, True]


async def test_another_takes_over_when_a_crashed_leaders_lease_has_run_out() -> None:
    clock = VirtualClock()
    async with two(clock) as (_, first, second):
        first.crash()
        await clock.advance(LEASE_S - 2 * RETRY_S)
        assert not second.election.leading
        await clock.advance(4 * RETRY_S)
        assert second.election.leading


async def test_a_leader_that_cannot_renew_steps_down_before_another_may_lead() -> None:
    clock = VirtualClock()
    async with two(clock) as (_, first, second):
        first.election._api = Dead()
        await advance(clock, 60, lambda: leading(first, second) != [True, True])
        assert leading(first, second) == [False, True]


async def test_a_leader_that_the_api_server_left_alone_knows_of_no_other() -> None:
    clock = VirtualClock()
    async with two(clock) as (api, first, _):
        api.trouble = lambda _method, _path: away()
        await clock.advance(RENEW_DEADLINE_S + 2 * RETRY_S)
        assert not first.election.leading
        assert not first.election.another_leads
        await clock.advance(LEASE_S)
        assert not first.election.in_contact()
        api.trouble = lambda _method, _path: None
        await clock.advance(LEASE_S + RETRY_S)
        assert first.election.in_contact()


async def test_work_that_fails_gives_the_lease_back() -> None:
    clock, api = VirtualClock(), MemoryKubernetes()
    process = Process(api, clock, "first")
    process.error = RuntimeError("a bug")
    process.start()
    await clock.advance(1)
    assert process.task is not None
    assert isinstance(process.task.exception(), RuntimeError)
    assert (await api.get(PATH))["spec"]["holderIdentity"] == ""
