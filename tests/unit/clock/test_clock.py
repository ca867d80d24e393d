"""Periodic work over twins: one leader, each run once, missed runs caught up, failures noted."""

from datetime import datetime, timedelta
from uuid import UUID

from actors.clock.clock import LEASE_S, ClockWork, PeriodicJob
from actors.clock.jobs import platform_jobs
from actors.clock.schedule import Period
from actors.cluster.inputs import ActionFinished, AgentLost, AskedBy, Ended, Input, OptimiseRequested
from domain.errors import RejectedError, TransientError
from domain.fleet import ClusterStatus, Heartbeat
from domain.paging import PageRequest
from domain.work import JobStatus, JobTrigger
from tests.unit.hosting.test_host import interruption, objects, send
from tests.unit.platform_world import CLUSTER, ORGANIZATION, World


class Diary:
    """A job that notes when it was due, and fails when told to."""

    def __init__(self, *, every_s: float = 60, caught_up: int = 1) -> None:
        self.runs: list[datetime] = []
        self.error: Exception | None = None
        self.job = PeriodicJob(name="diary", period=Period(every_s=every_s, caught_up=caught_up), run=self.note)

    async def note(self, due_at: datetime) -> str:
        self.runs.append(due_at)
        if self.error is not None:
            raise self.error
        return "noted"


async def look(*works: ClockWork) -> None:
    for work in works:
        await work.step()
    for work in works:
        await work.settle()


async def test_of_two_clocks_one_leads_and_the_other_follows_when_it_dies(world: World) -> None:
    diary = Diary()
    first, second = (ClockWork(world.services, (diary.job,), holder=name) for name in ("first", "second"))
    await look(first, second)
    assert (first.leads, second.leads, len(diary.runs)) == (True, False, 1)
    await world.clock.advance(LEASE_S + 46)
    await look(second)
    assert second.leads
    assert len(diary.runs) == 2


async def test_a_clock_that_ends_lets_another_lead_at_once(world: World) -> None:
    first, second = (ClockWork(world.services, (), holder=name) for name in ("first", "second"))
    await look(first)
    await first.close()
    await look(second)
    assert second.leads


async def test_each_run_happens_once_whoever_leads(world: World) -> None:
    diary = Diary()
    for holder in ("first", "second", "third"):
        work = ClockWork(world.services, (diary.job,), holder=holder)
        await look(work, work)
        await work.close()
    assert len(diary.runs) == 1


async def test_missed_runs_are_caught_up(world: World) -> None:
    diary = Diary(caught_up=3)
    await look(ClockWork(world.services, (diary.job,), holder="first"))
    diary.runs.clear()
    await world.clock.advance(3600)
    await look(ClockWork(world.services, (diary.job,), holder="second"))
    assert [due.minute for due in diary.runs] == [58, 59, 0]


async def test_a_failure_is_noted_and_the_next_run_comes_all_the_same(world: World) -> None:
    diary = Diary()
    diary.error = TransientError("AWS is away")
    work = ClockWork(world.services, (diary.job,), holder="first")
    await look(work)
    async with world.services.database.platform() as tx:
        (run,) = await tx.clock_runs.history("diary")
    assert run.error == "AWS is away"
    await world.clock.advance(10)
    await look(work)
    assert len(diary.runs) == 1
    await world.clock.advance(60)
    await look(work)
    assert len(diary.runs) == 2


class Told:
    """Clusters that remember what they were told."""

    def __init__(self, error: Exception | None = None) -> None:
        self.events: list[Input] = []
        self.error = error

    async def tell(self, cluster_id: UUID, event: Input) -> None:
        if self.error is not None:
            raise self.error
        if cluster_id != CLUSTER:
            raise RejectedError("no such cluster")
        self.events.append(event)


async def no_sweep() -> int:
    return 0


async def run_job(world: World, clusters: Told, name: str) -> str:
    jobs = {job.name: job for job in platform_jobs(world.services, clusters, sweep_events=no_sweep)}
    return await jobs[name].run(world.clock.now())


async def test_overdue_actions_expire_and_their_cluster_is_told(world: World) -> None:
    clusters = Told()
    await send(world, objects("n1", "n2"))
    await world.host.tell(CLUSTER, interruption(world))
    await world.clock.advance(600)
    assert await run_job(world, clusters, "expire actions") == "expired 2 actions"
    assert [(type(event), event.ended) for event in clusters.events] == [(ActionFinished, Ended.EXPIRED)] * 2
    assert await run_job(world, clusters, "expire actions") == ""


async def test_an_agent_that_falls_silent_is_noticed_once(world: World) -> None:
    clusters = Told()
    beat = Heartbeat(cluster_id=CLUSTER, organization_id=ORGANIZATION, at=world.clock.now())
    async with world.services.database.platform() as tx:
        await tx.clusters.beat([beat])
    assert await run_job(world, clusters, "find silent agents") == ""
    await world.clock.advance(61)
    assert await run_job(world, clusters, "find silent agents") == "1 agents have fallen silent"
    assert [type(event) for event in clusters.events] == [AgentLost]
    assert await run_job(world, clusters, "find silent agents") == ""
    async with world.services.database.platform() as tx:
        cluster = await tx.clusters.get(CLUSTER)
    assert cluster is not None
    assert cluster.status is ClusterStatus.SILENT


async def test_the_upkeep_says_what_it_has_done(world: World) -> None:
    said = await run_job(world, Told(), "upkeep")
    assert "0 sagas" in said
    assert "0 expired tokens" in said


async def test_a_cluster_that_nobody_has_had_planned_is_planned_by_itself_and_then_left(world: World) -> None:
    clusters = Told()
    assert await run_job(world, clusters, "plan routinely") == ""
    await world.clock.advance(world.services.settings.optimization_interval_s + 1)
    assert await run_job(world, clusters, "plan routinely") == "1 clusters are to be planned"
    (event,) = clusters.events
    assert isinstance(event, OptimiseRequested)
    assert event.by is AskedBy.SCHEDULE
    async with world.services.database.platform() as tx:
        job = await tx.jobs.get(UUID(event.job))
    assert job is not None
    assert (job.cluster_id, job.trigger, job.status) == (CLUSTER, JobTrigger.SCHEDULE, JobStatus.QUEUED)
    await world.clock.advance(world.services.settings.optimization_interval_s - 1)
    assert await run_job(world, clusters, "plan routinely") == ""


async def test_a_routine_plan_that_cannot_be_asked_for_fails_with_the_reason(world: World) -> None:
    clusters = Told(error=TransientError("ClusterHost-0 cannot be reached"))
    await world.clock.advance(world.services.settings.optimization_interval_s + 1)
    await run_job(world, clusters, "plan routinely")
    async with world.services.database.platform() as tx:
        assert await tx.jobs.unfinished(world.clock.now() + timedelta(seconds=1)) == ()
        (job,) = (await tx.jobs.of_cluster(CLUSTER, PageRequest(limit=9))).items
    assert (job.status, job.error) == (JobStatus.FAILED, "ClusterHost-0 cannot be reached")


async def test_a_run_that_is_made_up_for_asks_for_no_second_plan(world: World) -> None:
    clusters = Told()
    await world.clock.advance(world.services.settings.optimization_interval_s + 1)
    due = world.clock.now()
    jobs = {job.name: job for job in platform_jobs(world.services, clusters, sweep_events=no_sweep)}
    await jobs["plan routinely"].run(due)
    await world.clock.advance(world.services.settings.optimization_interval_s + 1)
    await jobs["plan routinely"].run(due)
    assert len(clusters.events) == 1
