"""What any database must do with jobs, plans, actions and accepted events."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.postgres.ids import new_id
from adapters.postgres.ports import Database, StalePlanError
from domain.commands import PlanStatus
from domain.errors import InvariantError, RejectedError
from domain.events import EventPriority
from domain.fleet import ClusterStatus, Heartbeat
from domain.paging import PageRequest
from domain.work import ACTION_EXPIRED, ActionStatus, InboxStatus, JobStatus, JobTrigger
from tests.unit.postgres.builders import (
    NOW,
    add_cluster,
    add_organization,
    after,
    make_action,
    make_event,
    make_job,
    make_plan,
    make_result,
)


async def test_a_job_runs_from_queued_to_completed(database: Database) -> None:
    cluster = await add_cluster(database)
    job = make_job(cluster)
    async with database.tenant(cluster.organization_id) as tx:
        assert await tx.jobs.create(job)
        assert not await tx.jobs.create(job)
        assert await tx.jobs.start(job.id, after(1))
        assert not await tx.jobs.start(job.id, after(2))
        assert await tx.jobs.complete(job.id, result={"saved": 1}, plan_generation=4, now=after(3))
        found = await tx.jobs.get(job.id)
    wanted = replace(
        job,
        status=JobStatus.COMPLETED,
        started_at=after(1),
        finished_at=after(3),
        result={"saved": 1},
        plan_generation=4,
    )
    assert found == wanted


async def test_a_job_that_has_ended_never_changes_again(database: Database) -> None:
    cluster = await add_cluster(database)
    job = make_job(cluster)
    async with database.tenant(cluster.organization_id) as tx:
        await tx.jobs.create(job)
        assert await tx.jobs.fail(job.id, error="no capacity", now=after(1))
        assert not await tx.jobs.complete(job.id, result={}, plan_generation=None, now=after(2))
        assert not await tx.jobs.fail(job.id, error="again", now=after(2))
        found = await tx.jobs.get(job.id)
    assert found is not None
    assert (found.status, found.error, found.finished_at) == (JobStatus.FAILED, "no capacity", after(1))


async def test_jobs_of_a_cluster_are_paged_and_unfinished_ones_found(database: Database) -> None:
    cluster = await add_cluster(database)
    jobs = [make_job(cluster, created_at=after(n)) for n in range(3)]
    async with database.platform() as tx:
        for job in jobs:
            await tx.jobs.create(job)
        await tx.jobs.fail(jobs[0].id, error="x", now=after(9))
        page = await tx.jobs.of_cluster(cluster.id, PageRequest(limit=2))
        assert [job.id for job in page.items] == [jobs[2].id, jobs[1].id]
        assert [job.id for job in await tx.jobs.unfinished(after(2))] == [jobs[1].id]


async def test_clusters_are_due_that_nobody_has_had_planned_those_that_wait_longest_first(database: Database) -> None:
    """Only active ones; what is under way by schedule takes the places of those that wait."""
    home = await add_organization(database)
    names = ("new", "waits", "waits longest", "silent")
    new, waits, longest, silent = [
        await add_cluster(database, home, name=name, status=ClusterStatus.ACTIVE, created_at=after(-9_000))
        for name in names
    ]
    async with database.platform() as tx:
        await tx.clusters.beat([Heartbeat(cluster_id=silent.id, organization_id=home.id, at=after(-8_000))])
        await tx.clusters.silence(after(-7_000), NOW)
        for cluster, at in ((new, -10), (waits, -1_000), (waits, -5_000), (longest, -2_000)):
            job = make_job(cluster, created_at=after(at), trigger=JobTrigger.SCHEDULE)
            await tx.jobs.create(job)

        async def due(*, open_since: float, most: int = 10) -> list[UUID]:
            found = await tx.jobs.due(planned_before=after(-900), open_since=after(open_since), most=most)
            assert {one.organization_id for one in found} <= {home.id}
            return [one.cluster_id for one in found]

        assert await due(open_since=-1) == [longest.id, waits.id]
        assert await due(open_since=-180, most=2) == [longest.id]
        assert await due(open_since=-180, most=1) == []


async def test_a_cluster_that_was_never_planned_is_due_by_its_age(database: Database) -> None:
    cluster = await add_cluster(database, status=ClusterStatus.ACTIVE)
    async with database.platform() as tx:
        assert await tx.jobs.due(planned_before=cluster.created_at, open_since=NOW, most=9) == ()
        later = cluster.created_at + timedelta(seconds=1)
        assert [one.cluster_id for one in await tx.jobs.due(planned_before=later, open_since=NOW, most=9)] == [
            cluster.id
        ]


async def test_jobs_that_have_ended_are_pruned_and_their_plans_stay(database: Database) -> None:
    cluster = await add_cluster(database)
    jobs = [make_job(cluster, created_at=after(n)) for n in range(3)]
    plan = make_plan(cluster, 1, job_id=jobs[0].id)
    async with database.platform() as tx:
        for job in jobs:
            await tx.jobs.create(job)
        await tx.plans.insert(plan)
        await tx.jobs.fail(jobs[0].id, error="x", now=after(5))
        await tx.jobs.fail(jobs[1].id, error="x", now=after(9))
        assert await tx.jobs.prune(after(9)) == 1
        left = [await tx.jobs.get(job.id) is not None for job in jobs]
        kept = await tx.plans.get(plan.id)
    assert left == [False, True, True]
    assert kept is not None
    assert kept.job_id is None


async def test_plans_that_nobody_accepted_are_pruned_but_for_the_newest_and_what_awaits_approval(
    database: Database,
) -> None:
    cluster = await add_cluster(database)
    statuses = (
        PlanStatus.NO_CHANGE,
        PlanStatus.RECOMMENDED,
        PlanStatus.AWAITING_APPROVAL,
        PlanStatus.REFUSED,
        PlanStatus.NO_CHANGE,
    )
    async with database.platform() as tx:
        await tx.plans.insert(make_plan(cluster, 1))
        await tx.plans.accept(cluster.id, 1, reason="", now=after(1))
        for generation, status in enumerate(statuses, start=2):
            await tx.plans.insert(make_plan(cluster, generation, 1, status=status))
        assert await tx.plans.prune(after(3), most=9) == 1
        assert await tx.plans.prune(after(99), most=1) == 1
        assert await tx.plans.prune(after(99)) == 1
        left = await tx.plans.of_cluster(cluster.id, PageRequest(limit=9))
        assert [plan.generation for plan in left.items] == [6, 4, 1]
        assert await tx.plans.last_generation(cluster.id) == 6


async def test_plans_follow_from_the_accepted_plan(database: Database) -> None:
    cluster = await add_cluster(database)
    first, second, third = make_plan(cluster, 1), make_plan(cluster, 2), make_plan(cluster, 3, 2)
    async with database.tenant(cluster.organization_id) as tx:
        assert await tx.plans.last_generation(cluster.id) == 0
        assert await tx.plans.insert(first)
        assert await tx.plans.insert(second)
        accepted = await tx.plans.accept(cluster.id, 2, reason="automatic", now=after(5))
        assert accepted is not None
        assert (accepted.status, accepted.accepted_at, accepted.body) == (PlanStatus.ACCEPTED, after(5), second.body)
        assert await tx.plans.insert(third)
        assert await tx.plans.accepted(cluster.id) == accepted
        assert await tx.plans.last_generation(cluster.id) == 3
        assert await tx.plans.get(third.id) == third


async def test_a_plan_kept_twice_is_kept_once(database: Database) -> None:
    cluster = await add_cluster(database)
    plan = make_plan(cluster, 1)
    async with database.tenant(cluster.organization_id) as tx:
        assert await tx.plans.insert(plan)
        assert not await tx.plans.insert(plan)


@pytest.mark.parametrize(("generation", "parent"), [(1, None), (2, 1), (3, 2)])
async def test_a_plan_that_does_not_follow_is_refused(database: Database, generation: int, parent: int | None) -> None:
    cluster = await add_cluster(database)
    async with database.tenant(cluster.organization_id) as tx:
        await tx.plans.insert(make_plan(cluster, 1))
    with pytest.raises(StalePlanError) as caught:
        async with database.tenant(cluster.organization_id) as tx:
            await tx.plans.insert(make_plan(cluster, generation, parent))
    assert (caught.value.last_generation, caught.value.accepted_generation) == (1, None)


async def test_numbers_of_plans_may_be_skipped_and_do_not_go_back(database: Database) -> None:
    cluster = await add_cluster(database)
    async with database.tenant(cluster.organization_id) as tx:
        assert await tx.plans.insert(make_plan(cluster, 1))
        assert await tx.plans.insert(make_plan(cluster, 4))
        assert await tx.plans.last_generation(cluster.id) == 4
    with pytest.raises(StalePlanError):
        async with database.tenant(cluster.organization_id) as tx:
            await tx.plans.insert(make_plan(cluster, 3))


async def test_a_plan_whose_parent_was_overtaken_is_not_accepted(database: Database) -> None:
    cluster = await add_cluster(database)
    async with database.tenant(cluster.organization_id) as tx:
        await tx.plans.insert(make_plan(cluster, 1))
        await tx.plans.insert(make_plan(cluster, 2))
        await tx.plans.accept(cluster.id, 1, reason="", now=NOW)
        again = await tx.plans.accept(cluster.id, 1, reason="twice", now=after(1))
        assert again is not None
        assert again.accepted_at == NOW
        assert await tx.plans.accept(cluster.id, 9, reason="", now=NOW) is None
    with pytest.raises(StalePlanError):
        async with database.tenant(cluster.organization_id) as tx:
            await tx.plans.accept(cluster.id, 2, reason="", now=NOW)


async def test_the_status_of_a_plan_changes_and_nothing_else(database: Database) -> None:
    cluster = await add_cluster(database)
    plan = make_plan(cluster, 1)
    async with database.tenant(cluster.organization_id) as tx:
        await tx.plans.insert(plan)
        assert await tx.plans.set_status(cluster.id, 1, status=PlanStatus.REJECTED, reason="no", now=after(9))
        found = await tx.plans.by_generation(cluster.id, 1)
        page = await tx.plans.of_cluster(cluster.id, PageRequest())
    wanted = replace(plan, status=PlanStatus.REJECTED, status_reason="no", updated_at=after(9))
    assert found == wanted
    assert page.items == (replace(wanted, body={}),)


async def test_a_plan_is_accepted_by_accept_only(database: Database) -> None:
    cluster = await add_cluster(database)
    with pytest.raises(InvariantError):
        async with database.tenant(cluster.organization_id) as tx:
            await tx.plans.set_status(cluster.id, 1, status=PlanStatus.ACCEPTED, reason="", now=NOW)


async def test_at_most_ten_pending_actions_are_taken_oldest_first_and_once(database: Database) -> None:
    cluster = await add_cluster(database)
    actions = [make_action(cluster, created_at=after(n)) for n in range(12)]
    async with database.single() as tx:
        assert set(await tx.actions.queue(actions[::-1])) == {action.id for action in actions}
        first = await tx.actions.take_pending(cluster.id, after(20))
        second = await tx.actions.take_pending(cluster.id, after(21))
        third = await tx.actions.take_pending(cluster.id, after(22))
    assert [action.id for action in first] == [action.id for action in actions[:10]]
    assert [action.id for action in second] == [action.id for action in actions[10:]]
    assert third == ()
    assert first[0] == replace(actions[0], status=ActionStatus.PICKED_UP, picked_up_at=after(20))


async def test_expired_actions_and_those_of_others_are_not_taken(database: Database) -> None:
    cluster = await add_cluster(database)
    other = await add_cluster(database)
    late, foreign = make_action(cluster, expires_at=after(5)), make_action(other)
    async with database.platform() as tx:
        await tx.actions.queue([late, foreign])
        assert await tx.actions.have_pending([cluster.id, other.id], NOW) == {cluster.id, other.id}
        assert await tx.actions.have_pending([cluster.id, other.id], after(5)) == {other.id}
    async with database.tenant(cluster.organization_id) as tx:
        assert await tx.actions.take_pending(cluster.id, after(5)) == ()
        assert await tx.actions.take_pending(other.id, after(5)) == ()


async def test_an_action_queued_twice_is_queued_once(database: Database) -> None:
    cluster = await add_cluster(database)
    action = make_action(cluster)
    async with database.single() as tx:
        assert await tx.actions.queue([action]) == (action.id,)
        assert await tx.actions.queue([action]) == ()


async def test_an_action_of_a_cluster_of_another_organisation_is_refused(database: Database) -> None:
    cluster, other = await add_cluster(database), await add_organization(database)
    with pytest.raises(RejectedError):
        async with database.tenant(other.id) as tx:
            await tx.actions.queue([make_action(cluster, organization_id=other.id)])


async def test_a_result_counts_once(database: Database) -> None:
    cluster = await add_cluster(database)
    action = make_action(cluster)
    async with database.tenant(cluster.organization_id) as tx:
        await tx.actions.queue([action])
        await tx.actions.take_pending(cluster.id, after(1))
        first = await tx.actions.record(make_result(action))
        second = await tx.actions.record(make_result(action, status=ActionStatus.FAILED, error="late"))
    assert first is not None
    assert second is not None
    assert (first.first, second.first) == (True, False)
    assert first.action == second.action
    assert (first.action.status, first.action.result, first.action.completed_at) == (
        ActionStatus.COMPLETED,
        {"seconds": 3},
        after(60),
    )


async def test_a_result_of_an_unknown_foreign_or_untaken_action_changes_nothing(database: Database) -> None:
    cluster, other = await add_cluster(database), await add_cluster(database)
    action = make_action(cluster)
    async with database.platform() as tx:
        await tx.actions.queue([action])
        assert await tx.actions.record(make_result(action, action_id=new_id())) is None
        assert await tx.actions.record(make_result(action, cluster_id=other.id)) is None
        untaken = await tx.actions.record(make_result(action))
        assert untaken is not None
        assert (untaken.first, untaken.action) == (False, action)


async def test_overdue_actions_expire_with_grace_for_those_at_work(database: Database) -> None:
    cluster = await add_cluster(database)
    taken, waiting = make_action(cluster, created_at=after(-1)), make_action(cluster)
    async with database.platform() as tx:
        await tx.actions.queue([taken])
        await tx.actions.take_pending(cluster.id, NOW)
        await tx.actions.queue([waiting])
        grace = timedelta(seconds=60)
        (first,) = await tx.actions.expire(after(300), grace=grace)
        assert (first.id, first.status, first.error) == (waiting.id, ActionStatus.EXPIRED, ACTION_EXPIRED)
        assert [action.id for action in await tx.actions.open_of_cluster(cluster.id)] == [taken.id]
        assert [action.id for action in await tx.actions.expire(after(360), grace=grace)] == [taken.id]
        assert await tx.actions.expire(after(999), grace=grace) == ()
        late = await tx.actions.record(make_result(taken))
    assert late is not None
    assert not late.first


async def test_only_pending_actions_are_withdrawn(database: Database) -> None:
    cluster = await add_cluster(database)
    taken, waiting = make_action(cluster, created_at=after(-1)), make_action(cluster)
    async with database.tenant(cluster.organization_id) as tx:
        await tx.actions.queue([taken])
        await tx.actions.take_pending(cluster.id, NOW)
        await tx.actions.queue([waiting])
        ids = [taken.id, waiting.id]
        assert await tx.actions.withdraw(cluster.id, ids, reason="plan cancelled", now=after(1)) == 1
        found = await tx.actions.get(waiting.id)
        assert found is not None
        assert (found.status, found.error) == (ActionStatus.FAILED, "plan cancelled")
        page = await tx.actions.of_cluster(cluster.id, PageRequest())
    assert [action.id for action in page.items] == [waiting.id, taken.id]


async def test_an_event_is_accepted_once_in_its_cluster(database: Database) -> None:
    cluster, other = await add_cluster(database), await add_cluster(database)
    event, same_id = make_event(cluster, "e-1"), make_event(other, "e-1")
    async with database.single() as tx:
        assert set(await tx.inbox.accept([event, event, same_id])) == {event.key, same_id.key}
        assert await tx.inbox.accept([event, make_event(cluster, "e-2")]) == ((cluster.id, "e-2"),)
        assert await tx.inbox.get(event.key) == event


async def test_an_event_is_claimed_by_one_until_its_lease_ends(database: Database) -> None:
    cluster = await add_cluster(database)
    event = make_event(cluster)
    async with database.platform() as tx:
        await tx.inbox.accept([event])
        claimed = await tx.inbox.claim(event.key, now=NOW, until=after(30))
        assert claimed == replace(event, status=InboxStatus.CLAIMED, claimed_until=after(30))
        assert await tx.inbox.claim(event.key, now=after(29), until=after(60)) is None
        assert await tx.inbox.claim(event.key, now=after(30), until=after(60)) is not None
        assert await tx.inbox.done([event.key], after(31)) == 1
        assert await tx.inbox.done([event.key], after(32)) == 0
        assert await tx.inbox.claim(event.key, now=after(99), until=after(120)) is None


async def test_the_most_urgent_events_are_claimed_first(database: Database) -> None:
    cluster = await add_cluster(database)
    rest = make_event(cluster, priority=EventPriority.REST, accepted_at=after(-9))
    memory = make_event(cluster, priority=EventPriority.OOM_KILLED)
    warning = make_event(cluster, priority=EventPriority.INTERRUPTION, accepted_at=after(3))
    async with database.platform() as tx:
        await tx.inbox.accept([rest, memory, warning])
        assert await tx.inbox.count_unfinished() == {0: 1, 1: 1, 2: 1}
        first = await tx.inbox.claim_next(now=after(4), until=after(30), most=2)
        second = await tx.inbox.claim_next(now=after(4), until=after(30))
    assert [event.key for event in first] == [warning.key, memory.key]
    assert [event.key for event in second] == [rest.key]


async def test_an_event_that_fails_three_times_is_a_dead_letter_until_revived(database: Database) -> None:
    cluster = await add_cluster(database)
    event = make_event(cluster)
    async with database.platform() as tx:
        await tx.inbox.accept([event])
        for number in (1, 2):
            failed = await tx.inbox.failed(event.key, error=f"no {number}", now=NOW, retry_at=after(10))
            assert failed is not None
            assert (failed.status, failed.tries, failed.next_try_at) == (InboxStatus.ACCEPTED, number, after(10))
        assert await tx.inbox.claim(event.key, now=after(9), until=after(20)) is None
        dead = await tx.inbox.failed(event.key, error="no 3", now=after(11), retry_at=after(20))
        assert dead is not None
        assert (dead.status, dead.last_error, dead.done_at) == (InboxStatus.DEAD, "no 3", after(11))
        assert await tx.inbox.failed(event.key, error="no 4", now=NOW, retry_at=NOW) is None
        assert (await tx.inbox.dead_letters(PageRequest())).items == (dead,)
        assert await tx.inbox.revive(event.key, after(50))
        revived = await tx.inbox.get(event.key)
    assert revived is not None
    assert (revived.status, revived.tries, revived.accepted_at) == (InboxStatus.ACCEPTED, 0, after(50))


async def test_unfinished_events_are_those_nobody_works_on(database: Database) -> None:
    cluster = await add_cluster(database)
    lost, held, young, done = (make_event(cluster, accepted_at=after(at)) for at in (0, 0, 50, 0))
    async with database.platform() as tx:
        await tx.inbox.accept([lost, held, young, done])
        await tx.inbox.claim(held.key, now=NOW, until=after(60))
        await tx.inbox.done([done.key], NOW)
        found = await tx.inbox.unfinished(accepted_before=after(40), now=after(45))
        assert [event.key for event in found] == [lost.key]
        found = await tx.inbox.unfinished(accepted_before=after(40), now=after(60))
    assert {event.key for event in found} == {lost.key, held.key}


async def test_ended_events_are_pruned_and_dead_ones_stay(database: Database) -> None:
    cluster = await add_cluster(database)
    done, ignored, dead = (make_event(cluster) for _ in range(3))
    async with database.platform() as tx:
        await tx.inbox.accept([done, ignored, dead])
        await tx.inbox.done([done.key], NOW)
        await tx.inbox.ignore([ignored.key], reason="too old", now=NOW)
        for _ in range(3):
            await tx.inbox.failed(dead.key, error="no", now=NOW, retry_at=NOW)
        assert await tx.inbox.prune(after(1)) == 2
        assert await tx.inbox.get(dead.key) is not None
        assert await tx.inbox.get(done.key) is None
