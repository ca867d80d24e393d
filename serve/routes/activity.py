"""What happened lately."""

import re

from fastapi import APIRouter

from domain.overview import Activity, ActivityKind
from serve.auth.callers import Viewer
from serve.gateway.context import GatewayDep
from serve.gateway.paging import Paging, to_answer
from serve.routes.responses import SIGNED_IN
from serve.schemas.base import PageAnswer
from serve.schemas.metrics import ActivityModel

router = APIRouter(prefix="/activity", tags=["metrics"])

_EVENTS = {
    "spot_interruption_warning": "AWS takes {subject}",
    "rebalance_recommendation": "AWS recommends to leave {subject}",
    "oom_killed": "{subject} was killed for want of memory",
    "node_not_ready": "{subject} is not ready",
    "pod_pending": "{subject} finds no node",
    "pod_evicted": "{subject} was put out by its node",
}
_ACTIONS = {
    "evict_pod": "Move {subject}",
    "cordon_node": "Keep new pods off {subject}",
    "uncordon_node": "Let pods onto {subject} again",
    "drain_node": "Empty {subject}",
    "label_node": "Label {subject}",
    "update_deployment": "Change {subject}",
    "narrow_node_pools": "Narrow what Karpenter may launch",
    "restore_node_pools": "Let Karpenter launch what it could before",
    "launch": "Launch {subject}",
    "terminate": "Terminate {subject}",
}
_MADE = {
    "no_change": "Plan {plan} changes nothing",
    "awaiting_approval": "Plan {plan} awaits approval",
    "recommended": "Plan {plan} is recommended",
}
_WITHOUT_EFFECT = ("no_change", "refused", "rejected", "failed")
"""Plans that save nothing, whatever they would have saved."""
_ENDS = {
    "done": "Plan {plan} was carried out",
    "failed": "Plan {plan} has failed",
    "dry_run": "Plan {plan} was tried without changing anything",
    "rejected": "Plan {plan} was discarded",
}
_NUMBER_OF_PART = re.compile(r"^\d+\.(?=new-)")
"""Before the name of a node that is launched; plans are shown without it."""
_OPEN = ("pending", "picked_up", "completed", "asked", "held", "done")
"""Statuses of actions that need no word of their own."""


@router.get("/live", responses=SIGNED_IN)
async def live(caller: Viewer, paging: Paging, gateway: GatewayDep) -> PageAnswer[ActivityModel]:
    """Plans, actions, interruptions and flags of the organisation's clusters, newest first.

    A flag is told when there is a cluster in its region, whoever reported it.
    """
    async with gateway.services.database.tenant(caller.home) as tx:
        page = await tx.overviews.activity(caller.home, paging)
    return to_answer(page, _model)


def _model(one: Activity) -> ActivityModel:
    same = ("id", "at", "kind", "what", "cluster_id", "cluster_name", "subject", "status", "reason", "plan_id")
    return ActivityModel(
        text=sentence(one),
        generation=one.generation,
        saving_micro_usd_per_h=None if one.what in _WITHOUT_EFFECT else one.saving_micro_usd_per_h,
        **{name: getattr(one, name) for name in same},
    )


def sentence(one: Activity) -> str:
    """What happened, in words; the cluster is named beside it."""
    words = {"subject": _NUMBER_OF_PART.sub("", one.subject) or "a node", "plan": one.generation}
    match one.kind:
        case ActivityKind.PLAN_MADE:
            return _MADE.get(one.what, "Plan {plan} was made").format(**words)
        case ActivityKind.PLAN_APPROVED:
            return "Plan {plan} is carried out".format(**words)
        case ActivityKind.PLAN_ENDED:
            return _ENDS[one.what].format(**words)
        case ActivityKind.FLAG:
            return "Everybody avoids {subject}: AWS takes nodes there".format(**words)
        case ActivityKind.EVENT:
            return _EVENTS.get(one.what, one.what.replace("_", " ") + ": {subject}").format(**words)
        case ActivityKind.ACTION | ActivityKind.AWS:
            said = _ACTIONS.get(one.what, one.what.replace("_", " ") + " {subject}").format(**words)
            return said if one.status in _OPEN else f"{said}: {one.status}"
