"""Steps that wait for something, against what can be seen now."""

from actors.execution.limits import MOST_WAITING
from actors.execution.ports import ClusterLook
from actors.execution.returning import track_of, undoing
from actors.execution.state import SagaState, texts
from actors.execution.tracks import CHECK, Track
from domain.saga import LaunchOrder, SagaStatus, SagaStep, StepKind, StepStatus


def observe(state: SagaState, look: ClusterLook) -> None:
    """Steps that wait for what can be seen now."""
    for step in state.ledger.open():
        track = track_of(state, step.track)
        if track is None:
            continue
        match step.kind:
            case StepKind.CHECK:
                _check_plan(state, step, look)
            case StepKind.JOIN if track.order is not None:
                _see_join(state, step, track.order)
            case StepKind.EMPTY:
                _see_empty(state, step, track, look)
            case StepKind.SETTLE:
                _see_settled(state, step, look)
            case StepKind.DETACH:
                _see_detached(state, step, track, look)
            case StepKind.GONE:
                if state.sight.is_gone(track.instance_id):
                    state.done(step, {})
            case _:
                pass
    _notice_gone(state)


def _check_plan(state: SagaState, step: SagaStep, look: ClusterLook) -> None:
    """The plan must still fit: every node that it removes is there, and is the instance that was planned with."""
    if look.observed_at is None:
        return
    for removal in state.spec.removals:
        view = state.sight.node(removal.node)
        if view is None and removal.emptied:
            continue  # somebody else empties it and may have ended it: its instance is looked at
        if view is None or (removal.instance_id and view.instance_id != removal.instance_id):
            state.fail(state.ledger.change(step, result={"final": True}), f"node {removal.node} is not there any more")
            return
    waiting = sorted(look.pending_pods or ()) if state.spec.karpenter else []
    if len(waiting) > MOST_WAITING:
        text = f"{len(waiting)} pods have no place: whether those that are moved find one could not be told"
        state.fail(state.ledger.change(step, result={"final": True}), text)
        return
    state.done(step, {"pending": waiting} if waiting else {})


def _see_settled(state: SagaState, step: SagaStep, look: ClusterLook) -> None:
    """Whether every pod has a place but those that had none before."""
    if look.pending_pods is None or look.observed_at is None or look.observed_at < step.asked_at:
        return
    check = state.ledger.latest(CHECK, StepKind.CHECK)
    before = frozenset(texts(check.result.get("pending"))) if check is not None else frozenset()
    if look.pending_pods <= before:
        state.done(step, {})


def _see_join(state: SagaState, step: SagaStep, order: LaunchOrder) -> None:
    live = [one.instance_id for one in state.ledger.launched(order)]
    dead = [instance_id for instance_id in live if state.sight.is_ending(instance_id)]
    nodes = {one: view.name for one in live if (view := state.sight.by_instance(one)) is not None and view.ready}
    if dead:
        known = texts(step.result.get("dead"))
        step = state.ledger.change(step, result={"dead": [*known, *dead]})
        state.fail(step, f"{', '.join(dead)} ended before it was a node")
    elif len(nodes) == len(live):
        state.done(step, {**step.result, "nodes": nodes})


def _see_empty(state: SagaState, step: SagaStep, track: Track, look: ClusterLook) -> None:
    view = state.sight.node(track.node)
    if view is None:
        if _has_left(track, step, look):
            state.done(step, {})
        return
    if view.observed_at >= step.asked_at and view.cordoned and view.evictable_pods == 0:
        state.done(step, {})


def _see_detached(state: SagaState, step: SagaStep, track: Track, look: ClusterLook) -> None:
    view = state.sight.node(track.node)
    if view is None and _has_left(track, step, look):
        state.done(step, step.result)
    if view is None or view.observed_at < step.asked_at or view.volumes_in_use:
        return
    left = set(view.volumes_attached) - set(texts(step.result.get("detached")))
    if left:
        state.ledger.change(step, result={**step.result, "left": sorted(left)})
    else:
        state.done(step, step.result)


def _has_left(track: Track, step: SagaStep, look: ClusterLook) -> bool:
    """Whether a node that somebody else empties is no node any more: what AWS takes does not wait for us."""
    emptied = track.removal is not None and track.removal.emptied
    return emptied and look.observed_at is not None and look.observed_at >= step.asked_at


def _notice_gone(state: SagaState) -> None:
    """What AWS or somebody else has ended needs no more of us."""
    tracks = [*state.tracks, *(undoing(state) if state.status is SagaStatus.UNDOING else ())]
    for track in tracks:
        if StepKind.GONE not in track.kinds or state.is_complete(track) or not state.sight.is_ending(track.instance_id):
            continue
        asked = state.ledger.latest(track.name, StepKind.TERMINATE)
        if asked is not None and asked.status in (StepStatus.ASKED, StepStatus.DONE):
            continue
        for step in [one for one in state.ledger.open() if one.track == track.name]:
            state.ledger.end(step, StepStatus.DROPPED, state.now, error="the instance has ended by itself")
        state.done(state.ledger.begin(track, StepKind.GONE, state.now), {"by": "somebody else"})
