"""How the rollout of a Deployment stands. Pure."""

from dataclasses import dataclass
from enum import Enum

from agent.drains.facts import condition_of
from agent.kubernetes.api import JsonObject

LONGEST_S = 900
"""A rollout that Kubernetes itself has not given up is given up after this long."""


class Progress(Enum):
    """Whether a rollout is over."""

    GOING = "going"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """The state of a rollout; ``why`` says what it waits for or what went wrong."""

    progress: Progress
    why: str = ""


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
    if updated < wanted or total > updated or available < updated:
        why = f"{updated} of {wanted} pods are new, {available} are available, {max(0, total - updated)} old are left"
        return Rollout(progress=Progress.GOING, why=why)
    return Rollout(progress=Progress.DONE)
