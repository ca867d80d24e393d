"""The way back: what has to be undone, and what stays because there is no way back for it."""

from actors.execution.state import SagaState
from actors.execution.tracks import KARPENTER, Track, undo_karpenter, undo_launch, undo_removal
from domain.saga import LaunchOrder, StepKind


def past(state: SagaState) -> list[Track]:
    """Removals that only go forward."""
    return [track for track in state.tracks if track.removal is not None and state.ledger.is_past(track.removal)]


def undoing(state: SagaState) -> list[Track]:
    """What takes back all that can be taken back."""
    touched = [r for r in state.spec.removals if not state.ledger.is_past(r) and state.ledger.is_touched(r)]
    tracks = [undo_removal(removal) for removal in touched]
    names = {removal.node: track.name for removal, track in zip(touched, tracks, strict=True)}
    for order in state.spec.launches:
        needs = tuple(names[r.node] for r in touched if order.name in r.after)
        tracks += [
            undo_launch(order, one.instance_id, node=node_to_empty(state, order, one.instance_id), needs=needs)
            for one in state.ledger.launched(order)
            if not is_kept(state, order)
        ]
    if state.ledger.was_asked(KARPENTER, StepKind.REQUIRE):
        tracks.append(undo_karpenter())
    return tracks


def is_kept(state: SagaState, order: LaunchOrder) -> bool:
    """Whether what was launched stays: pods of a node that is gone live there, or nobody's replacement it was."""
    waiting = [removal for removal in state.spec.removals if order.name in removal.after]
    if not waiting:
        return bool(state.ledger.joined(order))
    return any(state.ledger.is_past(removal) for removal in waiting)


def node_to_empty(state: SagaState, order: LaunchOrder, instance_id: str) -> str:
    """The node's name when an instance has become one; decided once, when its undoing begins."""
    name = f"undo {instance_id}"
    if (begun := state.ledger.latest(name, StepKind.CORDON)) is not None:
        return begun.subject
    if state.ledger.latest(name, StepKind.TERMINATE) is not None:
        return ""
    view = state.sight.by_instance(instance_id)
    return state.ledger.joined(order).get(instance_id) or (view.name if view else "")


def lost_replacement(state: SagaState) -> str:
    """A new node that ends while the old one stands: emptying that would leave its pods without a place."""
    for track in state.tracks:
        removal = track.removal
        if removal is None or state.is_complete(track) or not state.ledger.is_touched(removal):
            continue
        if state.ledger.is_past(removal):
            continue
        for order in (state.orders[name] for name in removal.after):
            lost = [one.instance_id for one in state.ledger.launched(order) if state.sight.is_ending(one.instance_id)]
            if lost:
                return f"{lost[0]}, which replaces node {removal.node}, ends"
    return ""


def track_of(state: SagaState, name: str) -> Track | None:
    """The track of a step."""
    return state.named.get(name) or next((track for track in undoing(state) if track.name == name), None)
