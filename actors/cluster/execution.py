"""Accepted plans are handed to sagas; what is heard of their ends is remembered for the decisions to come.

Actions for nodes that AWS takes are none of a plan's: they are queued at once (`notices`), and only their ends are
noted here.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from actors.cluster.inputs import ActionFinished, Ended, SagaEnded
from actors.cluster.records import Execution, Past, PlanBrief, later
from actors.cluster.turn import BY_AGENT, Turn
from domain.commands import (
    AbortSaga,
    BeginSaga,
    CompleteJob,
    FailJob,
    Outcome,
    PlanStatus,
    QueueAction,
    StartJob,
    StorePlan,
    WithdrawActions,
    derived_id,
)
from domain.saga import SagaStatus
from solvers.decision import Disruption

REMEMBERED_S = 86_400
"""How long decisions look back: churn is counted over a day, and a fallback lasts no longer."""

MAX_REMEMBERED = 1_000
"""Of each kind; far more than the limits of disruptions let happen in a day."""

_ENDS = {
    SagaStatus.DONE: PlanStatus.DONE,
    SagaStatus.DRY_RUN: PlanStatus.DRY_RUN,
    SagaStatus.UNDONE: PlanStatus.FAILED,
    SagaStatus.STOPPED: PlanStatus.FAILED,
}


def start(turn: Turn, plan: PlanBrief, *, job: str) -> None:
    """Have a plan carried out. In safe mode its saga only says what it would do."""
    state = turn.state
    saga = saga_of(state.cluster, plan.generation)
    state.accepted, state.proposal = plan.generation, None
    state.executions[saga] = Execution(brief=plan, saga=saga, job=job, cause=turn.cause)
    turn.emit(StorePlan(cause=turn.cause, generation=plan.generation, status=PlanStatus.ACCEPTED))
    turn.emit(StartJob(cause=turn.cause, job=job))
    turn.emit(BeginSaga(cause=turn.cause, saga=saga, plan=plan.generation))
    text = f"plan {plan.generation} is carried out: {plan.launches} launches, {len(plan.removes)} removals"
    turn.audit("plan_started", text, resource=f"plan {plan.generation}", outcome=Outcome.SUCCESS)
    turn.tell("plan_started", {"plan": plan.generation})


def saga_of(cluster: str, generation: int) -> str:
    """Id of the saga that carries a plan out."""
    return derived_id(cluster, "saga", str(generation))


def on_saga_ended(turn: Turn, event: SagaEnded) -> None:
    """A plan is done, undone, or stopped half way."""
    run = turn.state.executions.pop(event.saga, None)
    if run is None:
        turn.note(f"saga {event.saga} had ended before")
        return
    if event.status is not SagaStatus.DRY_RUN:
        _remember(turn, run, event)
    with turn.because(run.cause):
        _conclude(turn, run, event)


def abort(turn: Turn, reason: str, *, touching: Iterable[str] | None = None) -> None:
    """Stop plans, all of them or those that touch or count on some nodes. What they have begun their sagas undo."""
    nodes = None if touching is None else frozenset(touching)
    for saga, run in list(turn.state.executions.items()):
        if run.stopping or (nodes is not None and not nodes & run.brief.nodes):
            continue
        turn.state.executions[saga] = replace(run, stopping=reason)
        with turn.because(run.cause):
            turn.emit(AbortSaga(cause=turn.cause, saga=saga, plan=run.brief.generation, reason=reason))
            turn.note(f"plan {run.brief.generation} is stopped: {reason}")


def stop_for_safe_mode(turn: Turn) -> None:
    """Take back what the agent has not begun, and stop all plans."""
    queued = tuple(turn.state.in_flight)
    if queued:
        turn.emit(WithdrawActions(cause=turn.cause, action_ids=queued, reason="safe mode"))
        turn.note(f"safe mode: {len(queued)} actions are taken back")
        turn.state.in_flight.clear()
    abort(turn, "safe mode was switched on")


def ask_again(turn: Turn) -> None:
    """After a restart nobody knows whether sagas were begun or stopped: ask again, both may be asked twice."""
    for saga, run in turn.state.executions.items():
        plan = run.brief.generation
        turn.emit(BeginSaga(cause=run.cause, saga=saga, plan=plan))
        if run.stopping:
            turn.emit(AbortSaga(cause=run.cause, saga=saga, plan=plan, reason=run.stopping))


def on_finished(turn: Turn, event: ActionFinished) -> None:
    """An action has ended. Those of sagas are no business of the state machine."""
    command = turn.state.in_flight.pop(event.action_id, None)
    if command is None:
        if not turn.state.executions:
            turn.note(f"action {event.action_id} had ended before or was withdrawn")
        return
    with turn.because(command.cause):
        _audit_end(turn, command, event)


def forget_old(turn: Turn) -> None:
    """Drop what is too long ago to change a decision."""
    since = later(turn.now, -REMEMBERED_S)
    past = turn.state.past
    turn.state.past = replace(
        past,
        changed={node: at for node, at in past.changed.items() if at > since},
        disruptions=tuple(one for one in past.disruptions if one.at > since),
        capacity_failures=tuple(one for one in past.capacity_failures if one.at > since),
    )


def _remember(turn: Turn, run: Execution, event: SagaEnded) -> None:
    templates = {one.node: one.template for one in run.brief.removes}
    # What AWS took was no disruption of ours.
    ours = [node for node in event.removed if node in templates and node not in turn.state.going]
    past = turn.state.past
    disruptions = (*past.disruptions, *(Disruption(template=templates[node], at=event.at) for node in ours))
    touched = dict.fromkeys((*event.joined, *sorted(run.brief.nodes)), event.at)
    turn.state.past = Past(
        changed=_last({**past.changed, **touched}),
        disruptions=disruptions[-MAX_REMEMBERED:],
        capacity_failures=(*past.capacity_failures, *event.capacity_failures)[-MAX_REMEMBERED:],
        fallbacks=past.fallbacks,
    )


def _last(changed: dict[str, datetime]) -> dict[str, datetime]:
    newest = sorted(changed.items(), key=lambda one: (one[1], one[0]))
    return dict(newest[-MAX_REMEMBERED:])


def _conclude(turn: Turn, run: Execution, event: SagaEnded) -> None:
    plan, status = run.brief.generation, _ENDS[event.status]
    succeeded = status is not PlanStatus.FAILED
    reason = event.reason or run.stopping
    text = f"plan {plan} is carried out" if status is PlanStatus.DONE else f"plan {plan}, {event.status}: {reason}"
    turn.emit(StorePlan(cause=turn.cause, generation=plan, status=status, reason="" if succeeded else reason))
    if succeeded:
        turn.emit(CompleteJob(cause=turn.cause, job=run.job, text=text, plan=plan))
    else:
        turn.emit(FailJob(cause=turn.cause, job=run.job, reason=reason, plan=plan))
    outcome = {PlanStatus.DONE: Outcome.SUCCESS, PlanStatus.DRY_RUN: Outcome.DRY_RUN}.get(status, Outcome.FAILURE)
    turn.audit(f"plan_{status}", text, resource=f"plan {plan}", outcome=outcome)
    turn.tell(f"plan_{status}", {"plan": plan, "reason": reason})


def _audit_end(turn: Turn, command: QueueAction, event: ActionFinished) -> None:
    completed = event.ended is Ended.COMPLETED
    place = str(command.payload["node"])
    text = f"{event.ended}: {command.kind.replace('_', ' ')} {place}"
    turn.audit(
        command.kind,
        text if completed else f"{text}: {event.error or 'no reason given'}",
        resource=place,
        outcome=Outcome.SUCCESS if completed else Outcome.FAILURE,
        actor=BY_AGENT,
    )
    turn.tell("action_finished", {"action": event.action_id, "ended": str(event.ended)})
