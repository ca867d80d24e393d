"""Plans are asked for, judged, shown or carried out, and undone when they fail."""

from dataclasses import replace
from datetime import timedelta

import pytest

from actors.cluster.codec import from_json, to_json
from actors.cluster.inputs import (
    AgentLost,
    AskedBy,
    PlanApproved,
    PlanFailed,
    PlanReady,
    PlanRejected,
    PolicyChanged,
    Restored,
)
from actors.cluster.planning import MAX_JOBS
from actors.cluster.records import ClusterSettings, Mode, PlanBrief, RebalancePolicy
from domain.commands import (
    AbortSaga,
    AskForSnapshot,
    Audit,
    BeginSaga,
    CancelPlan,
    Command,
    CompleteJob,
    FailJob,
    Outcome,
    PlanStatus,
    Priority,
    QueueAction,
    RequestPlan,
    StartJob,
    StorePlan,
    WakeAgent,
    WithdrawActions,
)
from domain.saga import SagaStatus
from solvers.decision import CapacityFailure, Disruption, Fallback
from tests.unit.actors.cluster_scenes import POOL, Scene, of, only, queued, requested


def statuses(commands: list[Command]) -> list[tuple[int, PlanStatus]]:
    return [(plan.generation, plan.status) for plan in of(commands, StorePlan)]


def scene_with(mode: Mode = Mode.AUTOMATIC, *, cannot_act: str = "") -> Scene:
    return Scene(settings=ClusterSettings(mode=mode, cannot_act=cannot_act))


def test_a_request_of_a_user_asks_for_a_plan_and_starts_the_job() -> None:
    scene = scene_with()
    commands = scene.optimise(job="j1")
    request = requested(commands)
    assert (request.priority, request.generation, request.parent, request.jobs) == (Priority.USER, 1, None, ("j1",))
    assert only(commands, StartJob).job == "j1"


def test_routine_plans_keep_a_cooldown_and_users_do_not() -> None:
    scene = scene_with()
    scene.optimise(by=AskedBy.SCHEDULE)
    scene.answer()
    scene.now += timedelta(seconds=299)
    assert "cooldown until" in only(scene.optimise(job="j2", by=AskedBy.SCHEDULE), FailJob).reason
    scene.snapshot()
    assert requested(scene.optimise(job="j3", by=AskedBy.USER))
    scene.answer()
    scene.now += timedelta(seconds=1)
    assert requested(scene.optimise(job="j4", by=AskedBy.SCHEDULE))


def test_a_second_request_of_the_same_kind_joins_the_first() -> None:
    scene = scene_with(Mode.RECOMMEND)
    scene.optimise(job="j1")
    assert of(scene.optimise(job="j2"), RequestPlan) == []
    assert {job.job for job in of(scene.answer("a", launches=1), CompleteJob)} == {"j1", "j2"}


def test_a_request_is_refused_without_an_agent() -> None:
    scene = scene_with()
    scene.send(AgentLost(id="lost", at=scene.now))
    assert only(scene.optimise(), FailJob).reason == "the agent is not connected"


def test_only_so_many_jobs_wait_for_one_plan() -> None:
    scene = scene_with()
    for number in range(MAX_JOBS):
        scene.optimise(job=f"j{number}")
    assert only(scene.optimise(job="one more"), FailJob).reason == "100 jobs wait for a plan already"


def test_an_old_snapshot_is_renewed_before_a_plan_is_asked_for() -> None:
    scene = scene_with()
    scene.now += timedelta(minutes=6)
    commands = scene.optimise()
    assert of(commands, RequestPlan) == []
    assert only(commands, AskForSnapshot)
    assert requested(scene.snapshot())


def test_a_job_fails_when_no_fresh_snapshot_comes() -> None:
    scene = scene_with()
    scene.now += timedelta(minutes=6)
    scene.optimise(job="j1")
    assert only(scene.wait(180), FailJob).job == "j1"


def test_an_interruption_cancels_a_routine_plan_that_is_asked_for_again_afterwards() -> None:
    scene = scene_with(Mode.RECOMMEND)
    first = requested(scene.optimise(job="j1"))
    commands = scene.report(scene.interruption("b"))
    assert only(commands, CancelPlan).request == first.request
    assert requested(commands).priority is Priority.INTERRUPTION
    again = requested(scene.answer())
    assert (again.priority, again.jobs) == (Priority.USER, ("j1",))


def test_an_answer_to_a_cancelled_request_is_not_carried_out() -> None:
    scene = scene_with()
    first = requested(scene.optimise())
    scene.report(scene.interruption("b"))
    late = PlanBrief(request=first.request, generation=1, parent=None, observed_at=scene.now, launches=1)
    commands = scene.send(PlanReady(id="late", at=scene.now, plan=late))
    assert statuses(commands) == []
    assert scene.state.accepted is None


def test_a_plan_without_actions_completes_the_job() -> None:
    scene = scene_with()
    scene.optimise(job="j1")
    commands = scene.answer()
    assert statuses(commands) == [(1, PlanStatus.NO_CHANGE)]
    assert only(commands, CompleteJob).job == "j1"
    assert scene.state.accepted is None


def test_a_plan_from_an_old_snapshot_is_refused_with_the_age() -> None:
    scene = scene_with()
    scene.optimise()
    commands = scene.answer("a", launches=1, observed_ago_s=301)
    assert statuses(commands) == [(1, PlanStatus.REFUSED)]
    assert "snapshot is 301 s old" in only(commands, FailJob).reason


def test_a_plan_that_builds_on_another_than_the_accepted_plan_is_refused() -> None:
    scene = scene_with(Mode.APPROVE)
    scene.optimise()
    scene.answer("a", launches=1)
    scene.optimise(job="j2")
    scene.send(PlanApproved(id="ok", at=scene.now, generation=1, job="run", by="ann"))
    commands = scene.answer("a", launches=1)
    assert statuses(commands) == [(2, PlanStatus.REFUSED)]
    assert "plan 1 was accepted meanwhile" in only(commands, FailJob).reason


def test_a_plan_that_counts_on_a_node_that_goes_is_refused_and_asked_for_again() -> None:
    scene = scene_with()
    scene.report(scene.interruption("a"))
    scene.report(scene.interruption("b"))
    commands = scene.answer("c", uses=("b",))
    assert statuses(commands) == [(1, PlanStatus.REFUSED)]
    assert requested(commands).excluded_nodes == ("a", "b")


def test_an_urgent_plan_is_given_up_after_three_attempts() -> None:
    scene = scene_with()
    scene.report(scene.interruption("a"))
    for _ in range(2):
        asked = scene.state.asked
        assert asked is not None
        again = scene.send(PlanFailed(id=scene.id(), at=scene.now, request=asked.request, reason="no room"))
        assert requested(again)
    asked = scene.state.asked
    assert asked is not None
    last = scene.send(PlanFailed(id=scene.id(), at=scene.now, request=asked.request, reason="no room"))
    assert of(last, RequestPlan) == []
    assert "no plan after 3 attempts" in only(last, Audit).text


def test_a_plan_that_never_comes_fails_its_job() -> None:
    scene = scene_with()
    scene.optimise(job="j1")
    commands = scene.wait(180)
    assert only(commands, CancelPlan)
    assert only(commands, FailJob).reason == "no plan came within 180 s"


def test_mode_recommend_only_shows_the_plan() -> None:
    scene = scene_with(Mode.RECOMMEND)
    scene.optimise(job="j1")
    commands = scene.answer("a", launches=1)
    assert statuses(commands) == [(1, PlanStatus.RECOMMENDED)]
    assert only(commands, CompleteJob).job == "j1"
    assert of(commands, BeginSaga) == []
    refused = scene.send(PlanApproved(id="ok", at=scene.now, generation=1, job="run", by="ann"))
    assert only(refused, FailJob).job == "run"


def test_mode_approve_waits_for_somebody() -> None:
    scene = scene_with(Mode.APPROVE)
    scene.optimise()
    assert statuses(scene.answer("a", launches=1)) == [(1, PlanStatus.AWAITING_APPROVAL)]
    commands = scene.send(PlanApproved(id="ok", at=scene.now, generation=1, job="run", by="ann"))
    assert statuses(commands) == [(1, PlanStatus.ACCEPTED)]
    assert (only(commands, BeginSaga).plan, only(commands, StartJob).job) == (1, "run")
    assert "ann" in [audit.actor for audit in of(commands, Audit)]


def test_an_approval_may_be_sent_twice() -> None:
    scene = scene_with(Mode.APPROVE)
    scene.optimise()
    scene.answer("a", launches=1)
    approval = PlanApproved(id="ok", at=scene.now, generation=1, job="run", by="ann")
    scene.send(approval)
    assert scene.send(approval) == []


def test_an_approval_that_comes_too_late_finds_the_plan_dropped() -> None:
    scene = scene_with(Mode.APPROVE)
    scene.optimise()
    scene.answer("a", launches=1)
    assert statuses(scene.wait(900)) == [(1, PlanStatus.REJECTED)]
    late = scene.send(PlanApproved(id="ok", at=scene.now, generation=1, job="run", by="ann"))
    assert only(late, FailJob).reason == "plan 1 does not await approval"


def test_a_rejected_plan_is_kept_with_the_reason() -> None:
    scene = scene_with(Mode.APPROVE)
    scene.optimise()
    scene.answer("a", launches=1)
    commands = scene.send(PlanRejected(id="no", at=scene.now, generation=1, by="ann"))
    assert only(commands, StorePlan).reason == "rejected by ann"


def test_a_plan_that_awaits_approval_says_when_it_goes_stale() -> None:
    scene = scene_with(Mode.APPROVE)
    scene.optimise()
    assert only(scene.answer("a", launches=1), StorePlan).reason == "goes stale at 12:14 UTC"


@pytest.mark.parametrize("mode", [Mode.APPROVE, Mode.AUTOMATIC])
def test_where_nothing_can_be_carried_out_a_plan_is_recommended_with_the_reason(mode: Mode) -> None:
    scene = scene_with(mode, cannot_act="no AWS account is linked to the cluster")
    scene.optimise(job="j1")
    commands = scene.answer("a", launches=1)
    assert statuses(commands) == [(1, PlanStatus.RECOMMENDED)]
    assert only(commands, StorePlan).reason == "it cannot be carried out: no AWS account is linked to the cluster"
    assert of(commands, BeginSaga) == []
    assert only(commands, CompleteJob).job == "j1"


def test_nodes_that_aws_takes_are_emptied_where_no_plan_can_be_carried_out() -> None:
    scene = scene_with(cannot_act="no AWS account is linked to the cluster")
    assert queued(scene.report(scene.interruption("a"))) == [("cordon_node", "a"), ("drain_node", "a")]


def test_a_plan_is_done_when_its_saga_is() -> None:
    scene = scene_with()
    begun = scene.replace_a()
    commands = scene.ends(begun.saga, removed=("a",), joined=("new",))
    assert statuses(commands) == [(1, PlanStatus.DONE)]
    assert only(commands, CompleteJob).job == "job-1"
    assert scene.state.executions == {}


@pytest.mark.parametrize("status", [SagaStatus.UNDONE, SagaStatus.STOPPED])
def test_a_plan_that_was_not_carried_out_fails_its_job_with_the_reason(status: SagaStatus) -> None:
    scene = scene_with()
    commands = scene.ends(scene.replace_a().saga, status, reason="drain a: a budget forbids it")
    assert statuses(commands) == [(1, PlanStatus.FAILED)]
    failed = only(commands, FailJob)
    assert (failed.job, failed.reason) == ("job-1", "drain a: a budget forbids it")


def test_the_end_of_a_saga_counts_once() -> None:
    scene = scene_with()
    begun = scene.replace_a()
    scene.ends(begun.saga)
    assert statuses(scene.ends(begun.saga)) == []


def test_decisions_remember_what_was_disrupted_and_what_had_no_room() -> None:
    scene = scene_with()
    lack = CapacityFailure(template="general", pool=POOL, at=scene.now)
    scene.ends(scene.replace_a().saga, removed=("a",), joined=("new",), capacity_failures=(lack,))
    past = scene.state.past
    assert past.disruptions == (Disruption(template="general", at=scene.now),)
    assert past.capacity_failures == (lack,)
    assert past.changed == {"new": scene.now, "a": scene.now}
    scene.wait(86_401)
    assert (scene.state.past.disruptions, scene.state.past.changed) == ((), {})


def test_what_aws_took_is_no_disruption_of_ours() -> None:
    scene = scene_with()
    scene.report(scene.interruption("a"))
    begun = only(scene.answer("a", launches=1), BeginSaga)
    scene.ends(begun.saga, removed=("a",))
    assert scene.state.past.disruptions == ()


def test_what_is_bought_on_demand_for_now_is_kept_across_decisions_and_restarts() -> None:
    scene = scene_with(Mode.RECOMMEND)
    fallback = Fallback(template="general", since=scene.now, not_before=scene.now, reason="no room")
    scene.optimise()
    scene.answer("a", launches=1, fallbacks=(fallback,))
    restored = from_json(to_json(scene.state))
    assert restored.past.fallbacks == (fallback,)


def test_a_plan_of_which_nothing_was_chosen_says_that_proposals_were_refused() -> None:
    scene = scene_with()
    scene.optimise()
    commands = scene.answer(refused=3)
    assert statuses(commands) == [(1, PlanStatus.NO_CHANGE)]
    assert only(commands, CompleteJob).text == "nothing to change now: 3 proposals were refused"


def test_a_request_during_a_running_plan_is_refused() -> None:
    scene = scene_with()
    scene.replace_a()
    assert only(scene.optimise(job="j2"), FailJob).reason == "plan 1 is being carried out"


def test_a_plan_on_a_node_that_goes_is_stopped() -> None:
    scene = scene_with()
    begun = scene.replace_a()
    commands = scene.report(scene.interruption("a"))
    stopped = only(commands, AbortSaga)
    assert (stopped.saga, stopped.reason) == (begun.saga, "node a goes: AWS takes it")
    assert of(scene.report(scene.not_ready("b")), AbortSaga) == []


def test_a_replacement_that_is_under_way_is_not_stopped_by_the_notice_that_follows() -> None:
    scene = scene_with()
    scene.state.settings = replace(scene.state.settings, rebalance=RebalancePolicy.REPLACE)
    scene.report(scene.rebalance("a"))
    scene.answer("a", launches=1)
    commands = scene.report(scene.interruption("a"))
    assert of(commands, AbortSaga) == []
    assert requested(commands).priority is Priority.INTERRUPTION


def test_an_urgent_plan_is_carried_out_beside_a_running_one() -> None:
    scene = scene_with()
    first = scene.replace_a()
    scene.report(scene.interruption("b"))
    second = only(scene.answer("b", launches=1), BeginSaga)
    assert list(scene.state.executions) == [first.saga, second.saga]


def test_a_plan_on_a_node_that_another_plan_works_on_is_refused() -> None:
    scene = scene_with()
    scene.replace_a()
    scene.report(scene.interruption("b"))
    commands = scene.answer("b", "a", launches=1)
    assert statuses(commands) == [(2, PlanStatus.REFUSED)]
    assert only(commands, StorePlan).reason == "node a is in a plan that is being carried out"


def test_pending_pods_wait_until_the_running_plan_has_ended() -> None:
    scene = scene_with()
    begun = scene.replace_a()
    scene.report(scene.pending())
    assert of(scene.wait(10), RequestPlan) == []
    assert requested(scene.ends(begun.saga)).priority is Priority.PENDING


def test_an_action_of_the_agent_that_nobody_tells_the_end_of_expires_by_itself() -> None:
    scene = scene_with()
    scene.report(scene.interruption("a"))
    texts = [audit.text for audit in of(scene.wait(120 + 60), Audit)]
    assert texts == ["expired: cordon node a: Action expired", "expired: drain node a: Action expired"]


def test_an_end_of_an_action_that_is_told_twice_counts_once() -> None:
    scene = scene_with()
    cordoned, _ = of(scene.report(scene.interruption("a")), QueueAction)
    assert of(scene.finish(cordoned), Audit)
    assert of(scene.finish(cordoned), Audit) == []


def test_in_safe_mode_a_plan_goes_to_its_saga_which_only_says_what_it_would_do() -> None:
    scene = scene_with()
    scene.safe_mode(on=True)
    begun = scene.replace_a()
    commands = scene.ends(begun.saga, SagaStatus.DRY_RUN, reason="nothing was changed: safe mode or dry run")
    assert statuses(commands) == [(1, PlanStatus.DRY_RUN)]
    assert only(commands, CompleteJob).job == "job-1"
    assert only(commands, Audit).outcome is Outcome.DRY_RUN
    assert scene.state.past.changed == {}


def test_safe_mode_takes_back_what_the_agent_has_not_begun_and_stops_plans() -> None:
    scene = scene_with()
    begun = scene.replace_a()
    queued_before = of(scene.report(scene.interruption("b")), QueueAction)
    commands = scene.safe_mode(on=True)
    assert set(only(commands, WithdrawActions).action_ids) == {action.action_id for action in queued_before}
    assert only(commands, AbortSaga).saga == begun.saga
    assert queued(commands) == []


def test_a_change_to_mode_recommend_stops_the_running_plan() -> None:
    scene = scene_with()
    begun = scene.replace_a()
    settings = replace(scene.state.settings, mode=Mode.RECOMMEND)
    stopped = only(scene.send(PolicyChanged(id="p", at=scene.now, settings=settings)), AbortSaga)
    assert (stopped.saga, stopped.reason) == (begun.saga, "the mode is recommend now")


def test_an_account_that_is_unlinked_takes_the_plan_that_awaits_approval_with_it() -> None:
    scene = scene_with(Mode.APPROVE)
    scene.optimise()
    scene.answer("a", launches=1)
    settings = replace(scene.state.settings, cannot_act="no AWS account is linked to the cluster")
    commands = scene.send(PolicyChanged(id="p", at=scene.now, settings=settings))
    assert only(commands, StorePlan).reason == "no AWS account is linked to the cluster"


def test_a_restart_asks_again_for_sagas_and_for_their_stops() -> None:
    scene = scene_with()
    begun = scene.replace_a()
    again = scene.send(Restored(id="r1", at=scene.now))
    assert (only(again, BeginSaga), of(again, AbortSaga)) == (begun, [])
    stopped = only(scene.report(scene.interruption("a")), AbortSaga)
    again = scene.send(Restored(id="r2", at=scene.now))
    assert (only(again, BeginSaga), only(again, AbortSaga)) == (begun, stopped)


def test_a_restart_asks_again_for_the_plan_and_wakes_the_agent() -> None:
    scene = scene_with()
    request = requested(scene.report(scene.interruption("a")))
    commands = scene.send(Restored(id="r", at=scene.now))
    assert requested(commands).request == request.request
    assert only(commands, WakeAgent)
