"""What actions have in common: how one ends, in words for the service."""

from collections.abc import Sequence

from agent.kubernetes.api import JsonObject
from domain.errors import RejectedError

_LONGEST_TEXT = 4_000
_MOST_NAMED = 50
"""Names in one message; a node has at most a few hundred pods, and a result must stay readable."""


class ActionFailedError(RejectedError):
    """An action that was not done, or only in part.

    Parameters
    ----------
    problem
        A sentence for people.
    result
        What there is to tell all the same.
    """

    def __init__(self, problem: str, result: JsonObject | None = None) -> None:
        super().__init__(problem, result)
        self.problem = problem
        self.result: JsonObject = result or {}

    def __str__(self) -> str:
        return self.problem


def gone(what: str) -> JsonObject:
    """The result for something that is no longer there: nothing is left to do, which is no failure."""
    return {"changed": False, "gone": True, "note": f"{what} is no longer there"}


def would(text: str, **details: object) -> JsonObject:
    """The result of a rehearsal."""
    return {"would": text} | details


def text_for_people(problem: str) -> str:
    """A message within the bounds of the wire."""
    return problem.replace("\x00", "")[:_LONGEST_TEXT]


def listed(names: Sequence[str]) -> str:
    """Names for a message, the rest counted."""
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
