"""How the rollout of a Deployment stands. Pure."""

from dataclasses import dataclass
from enum import Enum

from agent.drains.facts import condition_of
from agent.kubernetes.api import JsonObject

STANDSTILL_S = 900
"""A rollout that comes no further for this long is given up, also where its own progress deadline is longer."""


class Progress(Enum):
    """Whether a rollout is over."""

    GOING = "going"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """The state of a rollout.

    Parameters
    ----------
    why
        What it waits for, or what went wrong.
    reached
        How far it has come: new pods and available pods less old ones, to tell a slow rollout from one that stands.
    """

    progress: Progress
    why: str = ""
    reached: int = 0


def judge(deployment: JsonObject) -> Rollout:
    """How far the newest version of a Deployment has come."""
    status, wanted = deployment.get("status") or {}, int((deployment.get("spec") or {}).get("replicas", 1))
    if int(status.get("observedGeneration") or 0) < int(deployment["metadata"].get("generation") or 0):
        return Rollout(progress=Progress.GOING, why="the change has not been seen yet")
    progressing = condition_of(deployment, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        why = progressing.get("message") or "its pods do not become ready"
        return Rollout(progress=Progress.FAILED, why=f"ProgressDeadlineExceeded: {why}")
    updated, total = int(status.get("updatedReplicas") or 0), int(status.get("replicas") or 0)
    available = int(status.get("availableReplicas") or 0)
    old = max(0, total - updated)
    if updated < wanted or old or available < updated:
        why = f"{updated} of {wanted} pods are new, {available} are available, {old} old are left"
        return Rollout(progress=Progress.GOING, why=why, reached=updated + available - old)
    return Rollout(progress=Progress.DONE)
