"""The steps that a specification leads to, as tracks: each a row of steps that come one after the other."""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.saga import LaunchOrder, Removal, SagaSpec, StepKind

CHECK = "check"
KARPENTER = "karpenter"
_UNDO = "undo "

WAITING = (StepKind.CHECK, StepKind.JOIN, StepKind.EMPTY, StepKind.SETTLE, StepKind.GONE)
"""Steps that ask nothing: they are done when something is seen."""

BY_AGENT = (StepKind.REQUIRE, StepKind.CORDON, StepKind.DRAIN, StepKind.UNCORDON, StepKind.RESTORE)
"""Steps that the agent carries out: they are done when it says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One row of steps.

    ``needs`` are tracks that must be complete before it begins. ``node`` and ``instance_id`` are what it acts upon;
    ``order`` or ``removal`` what it comes from.
    """

    name: str
    kinds: tuple[StepKind, ...]
    needs: tuple[str, ...] = ()
    node: str = ""
    instance_id: str = ""
    order: LaunchOrder | None = None
    removal: Removal | None = None

    @property
    def undoes(self) -> bool:
        """Whether it takes something back."""
        return self.name.startswith(_UNDO)


def forward(spec: SagaSpec) -> tuple[Track, ...]:
    """All that a specification asks for."""
    first = (KARPENTER,) if spec.karpenter else ()
    tracks = [Track(name=CHECK, kinds=(StepKind.CHECK,))]
    if spec.karpenter:
        tracks.append(Track(name=KARPENTER, kinds=(StepKind.REQUIRE,), needs=(CHECK,)))
    tracks += [_launch(order) for order in spec.launches]
    tracks += [_removal(removal, first, settles=bool(spec.karpenter)) for removal in spec.removals]
    if spec.karpenter:
        tracks.append(undo_karpenter(after=[removal.node for removal in spec.removals]))
    return tuple(tracks)


def undo_removal(removal: Removal) -> Track:
    """Let a node take pods again."""
    return Track(
        name=_UNDO + removal.node,
        kinds=(StepKind.UNCORDON,),
        node=removal.node,
        instance_id=removal.instance_id,
        removal=removal,
    )


def undo_launch(order: LaunchOrder, instance_id: str, *, node: str, needs: tuple[str, ...]) -> Track:
    """End an instance that was launched, emptied first when it is a ``node`` already."""
    emptying = (StepKind.CORDON, StepKind.DRAIN, StepKind.EMPTY) if node else ()
    return Track(
        name=_UNDO + instance_id,
        kinds=(*emptying, StepKind.TERMINATE, StepKind.GONE),
        needs=needs,
        node=node,
        instance_id=instance_id,
        order=order,
    )


def undo_karpenter(after: Iterable[str] = ()) -> Track:
    """Set back what Karpenter may launch: at the end of a saga that is done as well as of one that is undone."""
    return Track(name=_UNDO + KARPENTER, kinds=(StepKind.RESTORE,), needs=(KARPENTER, *after) if after else ())


def _launch(order: LaunchOrder) -> Track:
    return Track(name=order.name, kinds=(StepKind.LAUNCH, StepKind.JOIN), needs=(CHECK,), order=order)


def _removal(removal: Removal, first: tuple[str, ...], *, settles: bool) -> Track:
    kinds = [] if removal.emptied else [StepKind.CORDON, StepKind.DRAIN]
    kinds.append(StepKind.EMPTY)
    if settles:
        kinds.append(StepKind.SETTLE)
    kinds.append(StepKind.DETACH)
    if removal.asg and removal.lower_min_to is not None:
        kinds.append(StepKind.RESIZE)
    kinds += [StepKind.TERMINATE, StepKind.GONE]
    return Track(
        name=removal.node,
        kinds=tuple(kinds),
        needs=(CHECK, *first, *removal.after),
        node=removal.node,
        instance_id=removal.instance_id,
        removal=removal,
    )
