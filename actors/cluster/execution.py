"""The accepted plan is carried out step by step; what fails is undone as far as it can be."""

from collections import Counter

from actors.cluster.inputs import ActionFinished, Ended
from actors.cluster.records import Execution, Going, PlanAction, PlanBrief, Steps, later
from actors.cluster.turn import BY_AGENT, BY_AWS, Turn
from domain.commands import (
    AgentActionKind,
    AskAws,
    AwsActionKind,
    CompleteJob,
    EvidenceKind,
    FailJob,
    Outcome,
    PlanStatus,
    QueueAction,
    StartJob,
    StorePlan,
    WithdrawActions,
    derived_id,
)
from domain.plan import ActionKind

LAUNCH_LIFETIME_S = 600
"""A launch has ended when its node is ready: an EC2 instance takes one to three minutes, a GPU image up to ten."""

_BY_AGENT = {ActionKind.CORDON: AgentActionKind.CORDON, ActionKind.EVICT: AgentActionKind.EVICT}
_BY_AWS = {ActionKind.LAUNCH: AwsActionKind.LAUNCH, ActionKind.TERMINATE: AwsActionKind.TERMINATE}


def start(turn: Turn, plan: PlanBrief, *, job: str) -> None:
    """Carry a plan out; in safe mode only say what would be done."""
    state = turn.state
    if state.safe_mode:
        _rehearse(turn, plan, job=job)
        return
    if state.execution is not None:
        abort(turn, f"plan {plan.generation} takes its place")
    state.accepted, state.proposal = plan.generation, None
    steps = _without_done(plan.steps, state.going)
    state.execution = Execution(
        generation=plan.generation,
        job=job,
        cause=turn.cause,
        steps=steps,
        pods_left=dict(Counter(a.node for step in steps for a in step if a.kind is ActionKind.EVICT)),
        cordoned=[],
    )
    turn.emit(StorePlan(cause=turn.cause, generation=plan.generation, status=PlanStatus.ACCEPTED))
    turn.emit(StartJob(cause=turn.cause, job=job))
    turn.note(f"plan {plan.generation} is carried out, {sum(map(len, steps))} actions in {len(steps)} steps")
    turn.tell("plan_started", {"plan": plan.generation})
    advance(turn)


def advance(turn: Turn) -> None:
    """Ask for as many actions of the current step as may be in flight, and go on when it is done."""
    while (run := turn.state.execution) is not None:
        with turn.because(run.cause):
            if not _go_on(turn, run):
                return


def on_finished(turn: Turn, event: ActionFinished) -> None:
    """An action has ended."""
    state = turn.state
    command = state.in_flight.pop(event.action_id, None)
    if command is None:
        turn.note(f"action {event.action_id} had ended before or was withdrawn")
        return
    with turn.because(command.cause):
        _audit_end(turn, command, event)
    run = state.execution
    if run is not None and command.plan == run.generation and command.kind is not AgentActionKind.UNCORDON:
        _settle(turn, run, command, event=event)
    advance(turn)


def abort(turn: Turn, reason: str) -> None:
    """Stop, let nodes that are not emptied take pods again, and fail the job. What is in flight ends by itself."""
    run = turn.state.execution
    if run is None:
        return
    turn.state.execution = None
    with turn.because(run.cause):
        turn.emit(StorePlan(cause=turn.cause, generation=run.generation, status=PlanStatus.FAILED, reason=reason))
        turn.emit(FailJob(cause=turn.cause, job=run.job, reason=reason, plan=run.generation))
        text = f"plan {run.generation} was given up: {reason}"
        turn.audit("plan_failed", text, resource=f"plan {run.generation}", outcome=Outcome.FAILURE)
        turn.tell("plan_failed", {"plan": run.generation, "reason": reason})
        for node in run.cordoned:
            if run.pods_left.get(node, 0) > 0 and node not in turn.state.going:
                _uncordon(turn, node, plan=run.generation)


def stop_for_safe_mode(turn: Turn) -> None:
    """Take back what the agent has not begun, give the plan up, remember what must be uncordoned later."""
    state = turn.state
    queued = tuple(id_ for id_, command in state.in_flight.items() if isinstance(command, QueueAction))
    if queued:
        turn.emit(WithdrawActions(cause=turn.cause, action_ids=queued, reason="safe mode"))
        turn.note(f"safe mode: {len(queued)} actions are taken back")
    for id_ in queued:
        command = state.in_flight.pop(id_)
        if command.kind is AgentActionKind.UNCORDON and isinstance(command, QueueAction):
            state.owed[command.payload["node"]] = command.plan or 0
    abort(turn, "safe mode was switched on")


def pay_owed(turn: Turn) -> None:
    """Uncordon what safe mode has left cordoned."""
    owed, turn.state.owed = turn.state.owed, {}
    for node, plan in owed.items():
        if node not in turn.state.going:
            _uncordon(turn, node, plan=plan)


def disruptions_in_flight(turn: Turn) -> int:
    """Actions of plans in flight; what undoes them does not count."""
    return sum(
        command.plan is not None and command.kind is not AgentActionKind.UNCORDON
        for command in turn.state.in_flight.values()
    )


def involved_nodes(run: Execution) -> set[str]:
    """Nodes that what is left of an execution touches or counts on."""
    left = [action for step in run.steps[run.step :] for action in step]
    return {action.node for action in left} | {action.target for action in left} | set(run.cordoned)


def _go_on(turn: Turn, run: Execution) -> bool:
    """Release what may be released; whether the step is over and the next one may follow at once."""
    if run.step == len(run.steps):
        _complete(turn, run)
        return False
    actions = run.steps[run.step]
    while run.released < len(actions) and disruptions_in_flight(turn) < turn.state.settings.max_concurrent_actions:
        _release(turn, run, actions[run.released])
        run.released += 1
    if run.released < len(actions) or _of_plan(turn, run.generation):
        return False
    run.step, run.released = run.step + 1, 0
    return True


def _settle(turn: Turn, run: Execution, command: QueueAction | AskAws, *, event: ActionFinished) -> None:
    if event.ended is Ended.COMPLETED:
        _count(run, command)
    else:
        _count_failed(run, command, event)
        abort(turn, f"{_words(command)} {event.ended}: {event.error or 'no reason given'}")


def _complete(turn: Turn, run: Execution) -> None:
    turn.state.execution = None
    turn.emit(StorePlan(cause=turn.cause, generation=run.generation, status=PlanStatus.DONE))
    text = f"plan {run.generation} is carried out"
    turn.emit(CompleteJob(cause=turn.cause, job=run.job, text=text, plan=run.generation))
    turn.audit("plan_done", text, resource=f"plan {run.generation}", outcome=Outcome.SUCCESS)
    turn.tell("plan_done", {"plan": run.generation})


def _release(turn: Turn, run: Execution, action: PlanAction) -> None:
    if action.kind in _BY_AWS:
        turn.ask_aws(_aws_command(turn, run, action))
        return
    if action.kind is ActionKind.CORDON and action.node not in run.cordoned:
        run.cordoned.append(action.node)
    payload = _node(turn, action.node)
    if action.kind is ActionKind.EVICT:
        namespace, _, pod = action.pod.partition("/")
        payload = {"namespace": namespace, "pod": pod, "node": action.node}
    reason = action.reason or f"plan {run.generation}"
    turn.queue(_BY_AGENT[action.kind], payload, reason=reason, plan=run.generation, place=_place_in(run), job=run.job)


def _place_in(run: Execution) -> str:
    return f"{run.step}.{run.released}"


def _aws_command(turn: Turn, run: Execution, action: PlanAction) -> AskAws:
    kind = _BY_AWS[action.kind]
    known = turn.state.nodes.get(action.node)
    details = {
        "instance_id": known.instance_id if known else "",
        "instance_type": action.instance_type,
        "zone_id": action.zone_id,
        "capacity_type": action.capacity_type,
        "template": action.template,
    }
    lifetime_s = LAUNCH_LIFETIME_S if kind is AwsActionKind.LAUNCH else turn.state.settings.action_lifetime_s
    return AskAws(
        cause=turn.cause,
        action_id=derived_id(turn.state.cluster, turn.cause, kind, action.node, str(run.generation), _place_in(run)),
        kind=kind,
        node=action.node,
        plan=run.generation,
        job=run.job,
        expires_at=later(turn.now, lifetime_s),
        reason=action.reason or f"plan {run.generation}",
        details={key: value for key, value in details.items() if value},
    )


def _rehearse(turn: Turn, plan: PlanBrief, *, job: str) -> None:
    for number, step in enumerate(plan.steps, start=1):
        done = Counter((action.kind, action.node) for action in step)
        for (kind, node), count in done.items():
            what = f"{kind} {count} pods of {node}" if kind is ActionKind.EVICT else f"{kind} {node}"
            word, actor = (_BY_AWS[kind], BY_AWS) if kind in _BY_AWS else (_BY_AGENT[kind], BY_AGENT)
            text = f"safe mode: plan {plan.generation}, step {number}: would {what}"
            turn.audit(word, text, resource=node, outcome=Outcome.DRY_RUN, actor=actor)
    text = f"plan {plan.generation} was not carried out: safe mode, its actions are in the audit log"
    turn.emit(StorePlan(cause=turn.cause, generation=plan.generation, status=PlanStatus.DRY_RUN, reason="safe mode"))
    turn.emit(CompleteJob(cause=turn.cause, job=job, text=text, plan=plan.generation))
    turn.tell("plan_dry_run", {"plan": plan.generation})


def _uncordon(turn: Turn, node: str, *, plan: int) -> None:
    reason = f"plan {plan} was given up"
    if not turn.queue(AgentActionKind.UNCORDON, _node(turn, node), reason=reason, plan=plan):
        turn.state.owed[node] = plan


def _node(turn: Turn, name: str) -> dict[str, str]:
    """A node as an agent must find it: a new instance under an old name is another node."""
    known = turn.state.nodes.get(name)
    return {"node": name, "instance_id": known.instance_id} if known else {"node": name}


def _without_done(steps: Steps, going: dict[str, Going]) -> Steps:
    """A plan may ask for what a notice has done already: nodes that drain are not emptied once more."""
    kept = (tuple(a for a in step if not _is_done(a, going.get(a.node))) for step in steps)
    return tuple(step for step in kept if step)


def _is_done(action: PlanAction, going: Going | None) -> bool:
    if going is None:
        return False
    match action.kind:
        case ActionKind.CORDON:
            return going.acted
        case ActionKind.EVICT:
            return going.drained
        case ActionKind.TERMINATE:
            return going.kind is EvidenceKind.INTERRUPTION
        case _:
            return False


def _of_plan(turn: Turn, generation: int) -> bool:
    commands = turn.state.in_flight.values()
    return any(one.plan == generation and one.kind is not AgentActionKind.UNCORDON for one in commands)


def _count(run: Execution, command: QueueAction | AskAws) -> None:
    if command.kind is AgentActionKind.EVICT and isinstance(command, QueueAction):
        run.pods_left[command.payload["node"]] -= 1


def _count_failed(run: Execution, command: QueueAction | AskAws, event: ActionFinished) -> None:
    """A cordon that failed needs no uncordon; one that expired may have been carried out all the same."""
    if command.kind is AgentActionKind.CORDON and event.ended is Ended.FAILED and isinstance(command, QueueAction):
        run.cordoned.remove(command.payload["node"])


def _audit_end(turn: Turn, command: QueueAction | AskAws, event: ActionFinished) -> None:
    completed = event.ended is Ended.COMPLETED
    text = f"{event.ended}: {_words(command)}" + ("" if completed else f": {event.error or 'no reason given'}")
    turn.audit(
        command.kind,
        text,
        resource=_place(command),
        outcome=Outcome.SUCCESS if completed else Outcome.FAILURE,
        actor=BY_AGENT if isinstance(command, QueueAction) else BY_AWS,
    )
    turn.tell("action_finished", {"action": event.action_id, "ended": str(event.ended)})


def _words(command: QueueAction | AskAws) -> str:
    return f"{command.kind.replace('_', ' ')} {_place(command)}"


def _place(command: QueueAction | AskAws) -> str:
    if isinstance(command, AskAws):
        return command.node
    payload = command.payload
    return f"{payload['namespace']}/{payload['pod']}" if "pod" in payload else str(payload["node"])
