"""Plans are wanted, asked for one at a time by priority, and judged when they come."""

from dataclasses import replace
from datetime import datetime

from actors.cluster.execution import start
from actors.cluster.inputs import AskedBy, OptimiseRequested, PlanApproved, PlanFailed, PlanReady, PlanRejected
from actors.cluster.records import Asked, ClusterSettings, Mode, PlanBrief, Proposal, Wish, later
from actors.cluster.turn import Turn
from domain.commands import (
    AskForSnapshot,
    CancelPlan,
    CompleteJob,
    FailJob,
    Outcome,
    PlanStatus,
    Priority,
    RequestPlan,
    StartJob,
    StorePlan,
    derived_id,
)

PLAN_TIMEOUT_S = 180
"""A plan that has not come by then never will: the planner's own limit is well below."""

WISH_PATIENCE_S = 180
"""How long a wish waits for a fresh snapshot before its jobs fail."""

ASK_AGAIN_S = 15
"""Between two requests for all objects."""

MAX_ATTEMPTS = 3
"""Plans asked for in a row for the same urgent cause when each is refused."""

MAX_JOBS = 100
"""Jobs that wait for one plan."""

_URGENT = (Priority.INTERRUPTION, Priority.PENDING)


def on_requested(turn: Turn, event: OptimiseRequested) -> None:
    """Somebody wants a plan."""
    priority = Priority.USER if event.by is AskedBy.USER else Priority.ROUTINE
    refusal = _why_not_now(turn, priority)
    if refusal:
        _fail_jobs(turn, (event.job,), refusal)
        return
    want(turn, priority, f"asked for by {event.by}", jobs=(event.job,))


def want(turn: Turn, priority: Priority, reason: str, *, jobs: tuple[str, ...] = ()) -> None:
    """Note that a plan is wanted; `send_next` asks for it at the end of the turn. A less urgent one is cancelled."""
    asked = turn.state.asked
    if jobs and asked is not None and asked.wish.priority is priority:
        turn.state.asked = replace(asked, wish=replace(asked.wish, jobs=asked.wish.jobs + jobs))
        turn.note("joins the plan that is being made")
        return
    _add(turn, Wish(priority=priority, cause=turn.cause, reason=reason, since=turn.now, jobs=jobs))
    if asked is not None and priority < asked.wish.priority:
        turn.emit(CancelPlan(cause=turn.cause, request=asked.request, reason=reason))
        turn.state.asked = None
        _add(turn, asked.wish)


def send_next(turn: Turn) -> None:
    """Ask for the most urgent plan that is wanted, if none is being made and the snapshot is fresh."""
    state = turn.state
    if state.asked is not None or not state.wishes:
        return
    wish = min(state.wishes, key=lambda one: one.priority)
    if state.executions and wish.priority is not Priority.INTERRUPTION:
        return
    if state.snapshot_at is None or state.snapshot_at < later(turn.now, -state.settings.max_snapshot_age_s):
        if state.snapshot_asked_at is None or later(state.snapshot_asked_at, ASK_AGAIN_S) <= turn.now:
            state.snapshot_asked_at = turn.now
            turn.emit(AskForSnapshot(cause=wish.cause))
        return
    state.wishes.remove(wish)
    _ask(turn, wish)


def on_ready(turn: Turn, event: PlanReady) -> None:
    """A plan has come: judge it, then show it or carry it out."""
    state, plan, asked = turn.state, event.plan, turn.state.asked
    if asked is None or asked.request != plan.request:
        turn.note(f"plan {plan.generation} is not waited for any more")
        return
    state.asked = None
    state.past = replace(state.past, fallbacks=plan.fallbacks)
    with turn.because(asked.wish.cause):
        refusal = _why_refused(turn, plan, max_age_s=state.settings.max_snapshot_age_s)
        if refusal:
            _refuse(turn, plan, refusal)
            _again_or_fail(turn, asked.wish, refusal)
        elif plan.changes_nothing:
            text = (
                f"nothing to change now: {plan.refused} proposals were refused" if plan.refused else "nothing to change"
            )
            no_change = PlanStatus.NO_CHANGE
            turn.emit(StorePlan(cause=turn.cause, generation=plan.generation, status=no_change, reason=text))
            turn.tell("plan_unneeded", {"plan": plan.generation})
            _complete_jobs(turn, asked.wish, plan, text)
        else:
            _accept(turn, plan, asked.wish)


def on_failed(turn: Turn, event: PlanFailed) -> None:
    """No plan could be made."""
    asked = turn.state.asked
    if asked is None or asked.request != event.request:
        turn.note(f"request {event.request} is not waited for any more")
        return
    turn.state.asked = None
    with turn.because(asked.wish.cause):
        turn.note(f"no plan: {event.reason}")
        _again_or_fail(turn, asked.wish, event.reason)


def on_approved(turn: Turn, event: PlanApproved) -> None:
    """A plan was approved: judge it again, the cluster may have moved on."""
    proposal = turn.state.proposal
    if proposal is None or proposal.brief.generation != event.generation:
        _fail_jobs(turn, (event.job,), f"plan {event.generation} does not await approval", plan=event.generation)
        return
    turn.state.proposal = None
    with turn.because(proposal.cause):
        _approve(turn, proposal.brief, event)


def on_rejected(turn: Turn, event: PlanRejected) -> None:
    """A plan was rejected."""
    proposal = turn.state.proposal
    if proposal is None or proposal.brief.generation != event.generation:
        turn.note(f"plan {event.generation} does not await approval")
        return
    drop_proposal(turn, f"rejected by {event.by}")


def drop_proposal(turn: Turn, reason: str) -> None:
    """The plan that awaits approval is not wanted any more."""
    proposal, turn.state.proposal = turn.state.proposal, None
    if proposal is not None:
        generation = proposal.brief.generation
        turn.note(f"plan {generation}: {reason}")
        turn.emit(StorePlan(cause=turn.cause, generation=generation, status=PlanStatus.REJECTED, reason=reason))
        turn.tell("plan_rejected", {"plan": generation, "reason": reason})


def give_up_waiting(turn: Turn) -> None:
    """Fail what has waited too long: a plan that never came, wishes that could not be asked for."""
    state = turn.state
    asked = state.asked
    if asked is not None and later(asked.at, PLAN_TIMEOUT_S) <= turn.now:
        state.asked = None
        turn.emit(CancelPlan(cause=asked.wish.cause, request=asked.request, reason="it took too long"))
        with turn.because(asked.wish.cause):
            _again_or_fail(turn, asked.wish, f"no plan came within {PLAN_TIMEOUT_S} s")
    if state.executions:
        return
    for wish in [one for one in state.wishes if later(one.since, WISH_PATIENCE_S) <= turn.now]:
        state.wishes.remove(wish)
        with turn.because(wish.cause):
            turn.note(f"given up: {wish.reason}")
            _fail_jobs(turn, wish.jobs, f"no fresh snapshot came within {WISH_PATIENCE_S} s")


def _approve(turn: Turn, plan: PlanBrief, event: PlanApproved) -> None:
    refusal = _why_refused(turn, plan, max_age_s=turn.state.settings.approval_window_s) or _running(turn)
    if refusal:
        _refuse(turn, plan, refusal)
        _fail_jobs(turn, (event.job,), refusal, plan=event.generation)
        return
    text, resource = f"plan {event.generation} was approved", f"plan {event.generation}"
    turn.audit("plan_approved", text, resource=resource, outcome=Outcome.SUCCESS, actor=event.by)
    start(turn, plan, job=event.job)


def stale_at(observed_at: datetime, settings: ClusterSettings) -> datetime:
    """When a plan that awaits approval goes stale, by the time at which its cluster was observed."""
    return later(observed_at, settings.approval_window_s)


def _running(turn: Turn) -> str:
    running = sorted(run.brief.generation for run in turn.state.executions.values())
    return f"plan {running[0]} is being carried out" if running else ""


def _why_not_now(turn: Turn, priority: Priority) -> str:
    state = turn.state
    if not state.connected:
        return "the agent is not connected"
    if running := _running(turn):
        return running
    waiting = sum(len(wish.jobs) for wish in state.wishes) + (len(state.asked.wish.jobs) if state.asked else 0)
    if waiting >= MAX_JOBS:
        return f"{waiting} jobs wait for a plan already"
    if priority is Priority.ROUTINE and state.last_routine_at is not None:
        again_at = later(state.last_routine_at, state.settings.cooldown_s)
        if turn.now < again_at:
            return f"cooldown until {again_at.isoformat(timespec='seconds')}"
    return ""


def _add(turn: Turn, wish: Wish) -> None:
    """Wishes of one priority become one: a plan covers the whole cluster."""
    wishes = turn.state.wishes
    same = next((one for one in wishes if one.priority is wish.priority), None)
    if same is None:
        wishes.append(wish)
        return
    wishes[wishes.index(same)] = replace(same, jobs=tuple(dict.fromkeys(same.jobs + wish.jobs)))
    turn.note("joins a plan that is wanted already")


def _ask(turn: Turn, wish: Wish) -> None:
    state = turn.state
    state.last_generation += 1
    if wish.priority is Priority.ROUTINE:
        state.last_routine_at = turn.now
    if wish.priority is Priority.PENDING:
        state.last_pending_at = turn.now
    request = derived_id(state.cluster, wish.cause, "plan", str(state.last_generation))
    state.asked = Asked(
        request=request, generation=state.last_generation, parent=state.accepted, at=turn.now, wish=wish
    )
    turn.emit(request_of(turn, state.asked))
    for job in wish.jobs:
        turn.emit(StartJob(cause=wish.cause, job=job))
    with turn.because(wish.cause):
        turn.note(f"plan {state.last_generation} is asked for: {wish.reason}")


def request_of(turn: Turn, asked: Asked) -> RequestPlan:
    """The command for a plan that is being made."""
    state = turn.state
    return RequestPlan(
        cause=asked.wish.cause,
        request=asked.request,
        priority=asked.wish.priority,
        generation=asked.generation,
        parent=asked.parent,
        max_snapshot_age_s=state.settings.max_snapshot_age_s,
        reason=asked.wish.reason,
        excluded_nodes=tuple(sorted(name for name, going in state.going.items() if going.replace)),
        excluded_pools=tuple(sorted(flag.pool for flag in state.flagged if flag.until > turn.now)),
        jobs=asked.wish.jobs,
    )


def _why_refused(turn: Turn, plan: PlanBrief, *, max_age_s: int) -> str:
    state = turn.state
    if plan.parent != state.accepted:
        return f"it builds on plan {plan.parent}, but plan {state.accepted} was accepted meanwhile"
    age_s = (turn.now - plan.observed_at).total_seconds()
    if age_s > max_age_s:
        return f"its snapshot is {age_s:.0f} s old, more than {max_age_s} s"
    lost = sorted(state.going.keys() & frozenset(plan.uses))
    if lost:
        return f"it counts on node {lost[0]}, which goes"
    taken = sorted(plan.nodes & {node for run in state.executions.values() for node in run.brief.nodes})
    return f"node {taken[0]} is in a plan that is being carried out" if taken else ""


def _accept(turn: Turn, plan: PlanBrief, wish: Wish) -> None:
    state, settings = turn.state, turn.state.settings
    if settings.mode is Mode.AUTOMATIC and not settings.cannot_act:
        job, *others = wish.jobs or (derived_id(state.cluster, turn.cause, "job", str(plan.generation)),)
        for other in others:
            turn.emit(CompleteJob(cause=turn.cause, job=other, text=f"done by job {job}", plan=plan.generation))
        start(turn, plan, job=job)
        return
    reason = ""
    if settings.mode is Mode.APPROVE and not settings.cannot_act:
        drop_proposal(turn, f"plan {plan.generation} takes its place")
        state.proposal = Proposal(brief=plan, cause=turn.cause, at=turn.now)
        status, until = PlanStatus.AWAITING_APPROVAL, stale_at(plan.observed_at, settings)
        reason = f"goes stale at {until:%H:%M} UTC"
        text = f"plan {plan.generation} awaits approval until {until.isoformat(timespec='seconds')}"
    else:
        status, text = PlanStatus.RECOMMENDED, f"plan {plan.generation} is recommended"
        if settings.cannot_act and settings.mode is not Mode.RECOMMEND:
            reason = f"it cannot be carried out: {settings.cannot_act}"
            text += f"; {reason}"
    turn.emit(StorePlan(cause=turn.cause, generation=plan.generation, status=status, reason=reason))
    turn.tell("plan_ready", {"plan": plan.generation, "status": str(status)})
    _complete_jobs(turn, wish, plan, text)


def _refuse(turn: Turn, plan: PlanBrief, reason: str) -> None:
    turn.emit(StorePlan(cause=turn.cause, generation=plan.generation, status=PlanStatus.REFUSED, reason=reason))
    text = f"plan {plan.generation} was refused: {reason}"
    turn.audit("plan_refused", text, resource=f"plan {plan.generation}", outcome=Outcome.REFUSED)


def _again_or_fail(turn: Turn, wish: Wish, reason: str) -> None:
    """Urgent plans are asked for again: what they are needed for does not go away."""
    if wish.priority in _URGENT and wish.attempt < MAX_ATTEMPTS:
        _add(turn, replace(wish, attempt=wish.attempt + 1, since=turn.now))
        return
    _fail_jobs(turn, wish.jobs, reason)
    if wish.priority in _URGENT:
        text = f"no plan after {wish.attempt} attempts for: {wish.reason}: {reason}"
        turn.audit("plan_failed", text, resource=turn.state.cluster, outcome=Outcome.FAILURE)
        turn.tell("planning_failed", {"reason": reason})


def _complete_jobs(turn: Turn, wish: Wish, plan: PlanBrief, text: str) -> None:
    turn.note(text)
    for job in wish.jobs:
        turn.emit(CompleteJob(cause=turn.cause, job=job, text=text, plan=plan.generation))


def _fail_jobs(turn: Turn, jobs: tuple[str, ...], reason: str, *, plan: int | None = None) -> None:
    for job in jobs:
        turn.note(f"job {job} fails: {reason}")
        turn.emit(FailJob(cause=turn.cause, job=job, reason=reason, plan=plan))
