"""Plans are asked for, judged, shown or carried out, and undone when they fail."""

from dataclasses import replace
from datetime import timedelta

import pytest

from actors.cluster.inputs import (
    AgentLost,
    AskedBy,
    Ended,
    PlanApproved,
    PlanFailed,
    PlanReady,
    PlanRejected,
    PolicyChanged,
    Restored,
)
from actors.cluster.planning import MAX_JOBS
from actors.cluster.records import ClusterSettings, Mode, PlanBrief
from domain.commands import (
    AskAws,
    AskForSnapshot,
    Audit,
    AwsActionKind,
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
from tests.unit.actors.cluster_scenes import (
    REPLACE_A,
    Scene,
    cordon,
    evict,
    launch,
    of,
    only,
    queued,
    requested,
    terminate,
)


def statuses(commands: list[Command]) -> list[tuple[int, PlanStatus]]:
    return [(plan.generation, plan.status) for plan in of(commands, StorePlan)]


def scene_with(mode: Mode = Mode.AUTOMATIC, *, at_once: int = 5) -> Scene:
    return Scene(settings=ClusterSettings(mode=mode, max_concurrent_actions=at_once))


def run_a(scene: Scene) -> tuple[QueueAction, list[QueueAction]]:
    """Carry the plan for node a out up to its evictions: the cordon, and the evictions in flight."""
    scene.optimise()
    launched = only(scene.answer(REPLACE_A), AskAws)
    cordoned = only(scene.finish(launched), QueueAction)
    return cordoned, of(scene.finish(cordoned), QueueAction)


def test_a_request_of_a_user_asks_for_a_plan_and_starts_the_job() -> None:
    scene = scene_with()
    commands = scene.optimise(job="j1")
    request = requested(commands)
    assert (request.priority, request.generation, request.parent, request.jobs) == (Priority.USER, 1, None, ("j1",))
    assert only(commands, StartJob).job == "j1"


def test_routine_plans_keep_a_cooldown_and_users_do_not() -> None:
    scene = scene_with()
    scene.optimise(by=AskedBy.SCHEDULE)
    scene.answer(())
    scene.now += timedelta(seconds=299)
    assert "cooldown until" in only(scene.optimise(job="j2", by=AskedBy.SCHEDULE), FailJob).reason
    scene.snapshot()
    assert requested(scene.optimise(job="j3", by=AskedBy.USER))
    scene.answer(())
    scene.now += timedelta(seconds=1)
    assert requested(scene.optimise(job="j4", by=AskedBy.SCHEDULE))


def test_a_second_request_of_the_same_kind_joins_the_first() -> None:
    scene = scene_with(Mode.RECOMMEND)
    scene.optimise(job="j1")
    assert of(scene.optimise(job="j2"), RequestPlan) == []
    assert {job.job for job in of(scene.answer(REPLACE_A), CompleteJob)} == {"j1", "j2"}


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
    again = requested(scene.answer(()))
    assert (again.priority, again.jobs) == (Priority.USER, ("j1",))


def test_an_answer_to_a_cancelled_request_is_not_carried_out() -> None:
    scene = scene_with()
    first = requested(scene.optimise())
    scene.report(scene.interruption("b"))
    late = PlanBrief(request=first.request, generation=1, parent=None, observed_at=scene.now, steps=REPLACE_A)
    commands = scene.send(PlanReady(id="late", at=scene.now, plan=late))
    assert statuses(commands) == []
    assert scene.state.accepted is None


def test_a_plan_without_actions_completes_the_job() -> None:
    scene = scene_with()
    scene.optimise(job="j1")
    commands = scene.answer(())
    assert statuses(commands) == [(1, PlanStatus.NO_CHANGE)]
    assert only(commands, CompleteJob).job == "j1"
    assert scene.state.accepted is None


def test_a_plan_from_an_old_snapshot_is_refused_with_the_age() -> None:
    scene = scene_with()
    scene.optimise()
    commands = scene.answer(REPLACE_A, observed_ago_s=301)
    assert statuses(commands) == [(1, PlanStatus.REFUSED)]
    assert "snapshot is 301 s old" in only(commands, FailJob).reason


def test_a_plan_that_builds_on_another_than_the_accepted_plan_is_refused() -> None:
    scene = scene_with(Mode.APPROVE)
    scene.optimise()
    scene.answer(REPLACE_A)
    scene.optimise(job="j2")
    scene.send(PlanApproved(id="ok", at=scene.now, generation=1, job="run", by="ann"))
    commands = scene.answer(REPLACE_A)
    assert statuses(commands) == [(2, PlanStatus.REFUSED)]
    assert "plan 1 was accepted meanwhile" in only(commands, FailJob).reason


def test_a_plan_that_counts_on_a_node_that_goes_is_refused_and_asked_for_again() -> None:
    scene = scene_with()
    scene.report(scene.interruption("a"))
    scene.report(scene.interruption("b"))
    commands = scene.answer(((evict("p1", "c", target="b"),),))
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
    commands = scene.answer(REPLACE_A)
    assert statuses(commands) == [(1, PlanStatus.RECOMMENDED)]
    assert only(commands, CompleteJob).job == "j1"
    assert of(commands, AskAws) == []
    refused = scene.send(PlanApproved(id="ok", at=scene.now, generation=1, job="run", by="ann"))
    assert only(refused, FailJob).job == "run"


def test_mode_approve_waits_for_somebody() -> None:
    scene = scene_with(Mode.APPROVE)
    scene.optimise()
    assert statuses(scene.answer(REPLACE_A)) == [(1, PlanStatus.AWAITING_APPROVAL)]
    commands = scene.send(PlanApproved(id="ok", at=scene.now, generation=1, job="run", by="ann"))
    assert statuses(commands) == [(1, PlanStatus.ACCEPTED)]
    assert only(commands, AskAws).job == "run"
    assert "ann" in [audit.actor for audit in of(commands, Audit)]


def test_an_approval_may_be_sent_twice() -> None:
    scene = scene_with(Mode.APPROVE)
    scene.optimise()
    scene.answer(REPLACE_A)
    approval = PlanApproved(id="ok", at=scene.now, generation=1, job="run", by="ann")
    scene.send(approval)
    assert scene.send(approval) == []


def test_an_approval_that_comes_too_late_finds_the_plan_dropped() -> None:
    scene = scene_with(Mode.APPROVE)
    scene.optimise()
    scene.answer(REPLACE_A)
    assert statuses(scene.wait(900)) == [(1, PlanStatus.REJECTED)]
    late = scene.send(PlanApproved(id="ok", at=scene.now, generation=1, job="run", by="ann"))
    assert only(late, FailJob).reason == "plan 1 does not await approval"


def test_a_rejected_plan_is_kept_with_the_reason() -> None:
    scene = scene_with(Mode.APPROVE)
    scene.optimise()
    scene.answer(REPLACE_A)
    commands = scene.send(PlanRejected(id="no", at=scene.now, generation=1, by="ann"))
    assert only(commands, StorePlan).reason == "rejected by ann"


def test_steps_follow_one_another_as_their_actions_complete() -> None:
    scene = scene_with()
    cordoned, evictions = run_a(scene)
    assert cordoned.payload == {"node": "a", "instance_id": "i-a"}
    assert [action.payload["pod"] for action in evictions] == ["p1", "p2"]
    assert of(scene.finish(evictions[1]), AskAws) == []
    terminated = only(scene.finish(evictions[0]), AskAws)
    assert (terminated.kind, terminated.details) == (AwsActionKind.TERMINATE, {"instance_id": "i-a"})
    commands = scene.finish(terminated)
    assert statuses(commands) == [(1, PlanStatus.DONE)]
    assert only(commands, CompleteJob).job == "job-1"


def test_no_more_actions_are_in_flight_than_allowed() -> None:
    scene = scene_with(at_once=2)
    scene.optimise()
    pods = [evict(f"p{number}", "a", target="b") for number in range(5)]
    first = of(scene.answer((pods,)), QueueAction)
    assert len(first) == 2
    assert len(of(scene.finish(first[0]), QueueAction)) == 1


def test_a_request_during_a_running_plan_is_refused() -> None:
    scene = scene_with()
    run_a(scene)
    assert only(scene.optimise(job="j2"), FailJob).reason == "plan 1 is being carried out"


@pytest.mark.parametrize("ended", [Ended.FAILED, Ended.EXPIRED])
def test_a_failed_action_uncordons_what_is_not_emptied_and_fails_the_job(ended: Ended) -> None:
    scene = scene_with()
    _, evictions = run_a(scene)
    commands = scene.finish(evictions[0], ended=ended, error="budget shop/api allows no disruption")
    assert queued(commands) == [("uncordon_node", "a")]
    failed = only(commands, FailJob)
    assert failed.job == "job-1"
    assert "budget shop/api allows no disruption" in failed.reason
    assert statuses(commands) == [(1, PlanStatus.FAILED)]


def test_a_node_that_is_emptied_stays_cordoned_when_its_termination_fails() -> None:
    scene = scene_with()
    _, evictions = run_a(scene)
    scene.finish(evictions[0])
    terminated = only(scene.finish(evictions[1]), AskAws)
    assert queued(scene.finish(terminated, ended=Ended.FAILED)) == []


def test_a_node_that_goes_is_not_uncordoned_by_a_plan_that_fails() -> None:
    scene = scene_with()
    _, evictions = run_a(scene)
    assert len(evictions) == 2
    assert ("uncordon_node", "a") not in queued(scene.report(scene.interruption("a")))


def test_a_cordon_that_failed_needs_no_uncordon() -> None:
    scene = scene_with()
    scene.optimise()
    cordoned = only(scene.answer(REPLACE_A[1:]), QueueAction)
    assert queued(scene.finish(cordoned, ended=Ended.FAILED)) == []


def test_an_action_that_nobody_tells_the_end_of_expires_by_itself() -> None:
    scene = scene_with()
    scene.optimise()
    scene.answer(REPLACE_A[1:])
    assert "Action expired" in only(scene.wait(300 + 60), FailJob).reason


def test_an_end_that_is_told_twice_counts_once() -> None:
    scene = scene_with()
    _, evictions = run_a(scene)
    scene.finish(evictions[0])
    assert of(scene.finish(evictions[0]), AskAws) == []


def test_a_replacement_plan_leaves_out_what_the_notice_has_done() -> None:
    scene = scene_with()
    scene.report(scene.interruption("a"))
    commands = scene.answer(REPLACE_A)
    launched = only(commands, AskAws)
    done = scene.finish(launched)
    assert queued(done) == []
    assert statuses(done) == [(1, PlanStatus.DONE)]


def test_a_node_that_is_not_ready_is_terminated_by_its_replacement_plan() -> None:
    scene = scene_with()
    scene.report(scene.not_ready("a"))
    launched = only(scene.answer(REPLACE_A), AskAws)
    assert only(scene.finish(launched), AskAws).kind is AwsActionKind.TERMINATE


def test_an_urgent_plan_takes_the_place_of_a_running_one() -> None:
    scene = scene_with()
    run_a(scene)
    scene.report(scene.interruption("b"))
    commands = scene.answer(((launch("new-9"),),))
    assert (1, PlanStatus.FAILED) in statuses(commands)
    assert (2, PlanStatus.ACCEPTED) in statuses(commands)
    assert ("uncordon_node", "a") in queued(commands)


def test_pending_pods_wait_until_the_running_plan_has_ended() -> None:
    scene = scene_with()
    _, evictions = run_a(scene)
    scene.report(scene.pending())
    assert of(scene.wait(10), RequestPlan) == []
    assert requested(scene.finish(evictions[0], ended=Ended.FAILED)).priority is Priority.PENDING


def test_safe_mode_logs_a_whole_plan_and_changes_nothing() -> None:
    scene = scene_with()
    scene.safe_mode(on=True)
    scene.optimise(job="j1")
    commands = scene.answer(REPLACE_A)
    dry = [audit.text for audit in of(commands, Audit) if audit.outcome is Outcome.DRY_RUN]
    assert dry == [
        "safe mode: plan 1, step 1: would launch new-1",
        "safe mode: plan 1, step 2: would cordon a",
        "safe mode: plan 1, step 3: would evict 2 pods of a",
        "safe mode: plan 1, step 4: would terminate a",
    ]
    assert statuses(commands) == [(1, PlanStatus.DRY_RUN)]
    assert (queued(commands), of(commands, AskAws)) == ([], [])
    assert only(commands, CompleteJob).job == "j1"
    assert scene.state.accepted is None


def test_safe_mode_takes_back_what_the_agent_has_not_begun_and_uncordons_when_it_ends() -> None:
    scene = scene_with()
    _, evictions = run_a(scene)
    commands = scene.safe_mode(on=True)
    assert set(only(commands, WithdrawActions).action_ids) == {action.action_id for action in evictions}
    assert queued(commands) == []
    assert only(commands, FailJob).job == "job-1"
    assert queued(scene.safe_mode(on=False)) == [("uncordon_node", "a")]


def test_a_change_to_mode_recommend_gives_the_running_plan_up() -> None:
    scene = scene_with()
    run_a(scene)
    settings = replace(scene.state.settings, mode=Mode.RECOMMEND)
    commands = scene.send(PolicyChanged(id="p", at=scene.now, settings=settings))
    assert queued(commands) == [("uncordon_node", "a")]
    assert only(commands, FailJob).reason == "the mode is recommend now"


def test_a_restart_asks_again_for_what_leaves_no_row() -> None:
    scene = scene_with()
    scene.optimise()
    launched = only(scene.answer((*REPLACE_A[:1], (cordon("b"),), (terminate("b"),))), AskAws)
    commands = scene.send(Restored(id="r", at=scene.now))
    assert only(commands, AskAws) == launched


def test_a_restart_does_not_ask_aws_for_what_has_expired() -> None:
    scene = scene_with()
    scene.optimise()
    launched = only(scene.answer(REPLACE_A), AskAws)
    assert of(scene.send(Restored(id="r", at=launched.expires_at)), AskAws) == []


def test_an_action_that_a_plan_names_twice_is_asked_for_twice() -> None:
    scene = scene_with()
    scene.optimise()
    first = only(scene.answer(((cordon("a"),), (cordon("a"),))), QueueAction)
    second = only(scene.finish(first), QueueAction)
    assert first.action_id != second.action_id
    assert statuses(scene.finish(second)) == [(1, PlanStatus.DONE)]


def test_a_restart_asks_again_for_the_plan_and_wakes_the_agent() -> None:
    scene = scene_with()
    request = requested(scene.report(scene.interruption("a")))
    commands = scene.send(Restored(id="r", at=scene.now))
    assert requested(commands).request == request.request
    assert only(commands, WakeAgent)
