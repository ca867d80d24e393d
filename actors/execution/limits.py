"""How long steps may take and how often they are tried. Seconds."""

from datetime import timedelta

from domain.saga import StepKind

DUE_S = {
    StepKind.CHECK: 180,
    StepKind.REQUIRE: 180,
    StepKind.LAUNCH: 300,
    StepKind.JOIN: 600,  # one to three minutes are usual, a GPU image takes up to ten
    StepKind.CORDON: 300,
    StepKind.DRAIN: 900,  # a budget may ask for patience
    StepKind.EMPTY: 300,
    StepKind.SETTLE: 600,
    StepKind.DETACH: 300,
    StepKind.RESIZE: 300,
    StepKind.TERMINATE: 3_600,  # half done is the worst place to give up
    StepKind.GONE: 900,
    StepKind.UNCORDON: 300,
    StepKind.RESTORE: 300,
}
"""When a step has failed unless it is done."""

ATTEMPTS = 3
"""Of a step on the way forward, before all is undone."""

UNDO_ATTEMPTS = 12
"""Of a step on the way back: about an hour for an agent to come back."""

HOLD_S = 7_200
"""How long Karpenter's NodePools stay narrowed when nobody sets them back: longer than any saga that goes well. Set
back too early, they let Karpenter launch what it always could."""

MOST_WAITING = 500
"""Pods without a place before a saga begins, beyond which those that it makes cannot be told from them."""

LAUNCH_ATTEMPTS = 8
"""Requests for one order. One of each market may go no further than to pools that rest."""

SPOT_ATTEMPTS = 5

GATE_SHARE = 0.5
"""A saga whose saving falls below this share of what was promised is stopped: the plan was for another market."""

GRACE = timedelta(seconds=90)
"""An action that has expired is told once a minute; after as long again nobody will."""

LOST_AFTER = timedelta(seconds=60)
"""An instance that EC2 has not shown for so long after its launch was never launched: EC2 is eventually consistent."""

HELD_S = 15
"""Between two askings for a permit that was refused."""

MAX_PAUSE_S = 60


def pause_s(tries: int) -> int:
    """How long to wait before the next try: 1, 2, 4, up to 60 seconds."""
    return min(MAX_PAUSE_S, 1 << min(tries - 1, 10)) if tries > 0 else 0
