"""What became of a drain, for people and for the service."""

from dataclasses import dataclass
from enum import Enum

from agent.drains.marks import DrainOrder
from agent.kubernetes.api import JsonObject

MOST_TOLD = 100
LONGEST_REASON = 300
"""Pods that a result names, and the characters that it says about each; the numbers count all."""


class Ending(Enum):
    """How a drain ended."""

    EMPTY = "empty"
    INCOMPLETE = "incomplete"
    GONE = "gone"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainReport:
    """What became of a drain.

    Parameters
    ----------
    left_node
        Keys of the pods that have ended or gone.
    unsaved
        Key of each pod that has not, and why.
    lone
        Keys of pods that left and that no controller brings back.
    cordoned
        Whether this drain cordoned the node, and left it so.
    """

    order: DrainOrder
    ending: Ending
    why: str = ""
    left_node: tuple[str, ...] = ()
    unsaved: tuple[tuple[str, str], ...] = ()
    lone: tuple[str, ...] = ()
    cordoned: bool = False

    def to_json(self) -> JsonObject:
        """For the service: numbers, and the names of what went wrong."""
        told = [{"pod": pod, "why": why[:LONGEST_REASON]} for pod, why in self.unsaved[:MOST_TOLD]]
        result: JsonObject = {
            "node": self.order.node,
            "ending": self.ending.value,
            "evicted": len(self.left_node),
            "left": len(self.unsaved),
            "cordoned": self.cordoned,
        }
        if told:
            result["unsaved"] = told
        if self.lone:
            result["unmanaged"] = list(self.lone[:MOST_TOLD])
        return result
