"""What falls due by itself, and when."""

from datetime import datetime
from typing import TYPE_CHECKING

from actors.cluster.execution import forget_old, on_finished
from actors.cluster.inputs import ActionFinished, Ended
from actors.cluster.planning import PLAN_TIMEOUT_S, WISH_PATIENCE_S, drop_proposal, give_up_waiting, stale_at, want
from actors.cluster.records import ClusterSettings, PendingPods, Proposal, later
from actors.cluster.turn import Turn
from domain.commands import Priority, Schedule
from domain.events import EVENT_MAX_AGE

if TYPE_CHECKING:
    from actors.cluster.state import ClusterState

OVERDUE_S = 60
"""Expired actions are told by whoever sweeps the table once a minute; after as long again nobody will."""

_EXPIRED = "Action expired"


def on_tick(turn: Turn) -> None:
    """Forget what is over, plan what has waited long enough, end what nobody has ended."""
    state = turn.state
    state.seen = {id_: at for id_, at in state.seen.items() if turn.now - at <= EVENT_MAX_AGE}
    state.early = {id_: one for id_, one in state.early.items() if turn.now <= one.deadline}
    state.flagged = [flag for flag in state.flagged if flag.until > turn.now]
    forget_old(turn)
    if state.pending is not None and _pending_due(state, state.pending) <= turn.now:
        with turn.because(state.pending.cause):
            want(turn, Priority.PENDING, "pods are pending for want of capacity")
        state.pending = None
    if state.proposal is not None and _proposal_due(state.proposal, state.settings) <= turn.now:
        drop_proposal(turn, f"not approved within {state.settings.approval_window_s} s")
    overdue = [one for one in state.in_flight.values() if later(one.expires_at, OVERDUE_S) <= turn.now]
    for command in overdue:
        id_, at, action_id = turn.event.id, turn.event.at, command.action_id
        on_finished(turn, ActionFinished(id=id_, at=at, action_id=action_id, ended=Ended.EXPIRED, error=_EXPIRED))
    give_up_waiting(turn)


def schedule(turn: Turn) -> None:
    """Ask for a tick when the next thing is due, unless one comes by then."""
    state = turn.state
    due = min(_deadlines(state), default=None)
    if due is None or (state.ticking_at is not None and turn.now < state.ticking_at <= due):
        return
    state.ticking_at = due
    turn.emit(Schedule(cause=turn.event.id, at=due))


def _deadlines(state: "ClusterState") -> list[datetime]:
    due = [later(command.expires_at, OVERDUE_S) for command in state.in_flight.values()]
    if not state.executions:
        due += [later(wish.since, WISH_PATIENCE_S) for wish in state.wishes]
    if state.asked is not None:
        due.append(later(state.asked.at, PLAN_TIMEOUT_S))
    if state.pending is not None:
        due.append(_pending_due(state, state.pending))
    if state.proposal is not None:
        due.append(_proposal_due(state.proposal, state.settings))
    return due


def _pending_due(state: "ClusterState", pending: PendingPods) -> datetime:
    """When pods that are pending are planned: soon after the first, but not often."""
    due = later(pending.since, state.settings.pending_debounce_s)
    if state.last_pending_at is None:
        return due
    return max(due, later(state.last_pending_at, state.settings.pending_interval_s))


def _proposal_due(proposal: Proposal, settings: ClusterSettings) -> datetime:
    return stale_at(proposal.brief.observed_at, settings)
