"""What we write into a NodePool, and how it is taken out again. Pure.

A hold is what a plan has added: requirements that narrow what may be launched, and a disruption budget of no nodes. The
budget is there because Karpenter counts nodes that do not meet the requirements any more as drifted, and would replace
them all; and because its consolidation would work against the plan. What was added is written into an annotation in the
same patch, so that whoever comes later (another agent, after a crash) takes out exactly that, and leaves whatever the
customer has changed meanwhile.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from agent.drains.facts import read_time
from agent.kubernetes.api import JsonObject
from domain.karpenter.budgets import HOLD_STILL, budgets_of
from domain.karpenter.requirements import requirements_of
from domain.signing import wire_time

HELD = "spot-optimizer/held"
"""The hold on a NodePool, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What a plan has added to a NodePool.

    Parameters
    ----------
    key
        Whose it is.
    until
        When it is taken out by the agent itself (UTC), whoever may have forgotten it.
    requirements
        The entries that were added.
    """

    key: str
    until: datetime
    requirements: Sequence[Mapping[str, Any]] = ()


def hold_of(pool: JsonObject) -> Hold | None:
    """The hold on a NodePool; one that cannot be read is none."""
    text = (pool["metadata"].get("annotations") or {}).get(HELD)
    if text is None:
        return None
    try:
        raw = json.loads(text)
        until = read_time(raw["until"])
        return Hold(key=str(raw["key"]), until=until, requirements=tuple(raw["requirements"])) if until else None
    except (ValueError, KeyError, TypeError):
        return None


def before(pool: JsonObject) -> JsonObject:
    """What is taken back to: requirements and budgets of a NodePool without the hold that may be on it."""
    hold = hold_of(pool)
    if hold is None:
        return {"requirements": requirements_of(pool), "budgets": budgets_of(pool)}
    return {
        "requirements": _without(requirements_of(pool), hold.requirements),
        "budgets": _without(budgets_of(pool), (HOLD_STILL,)),
    }


def put_on(pool: JsonObject, hold: Hold) -> JsonObject:
    """The merge patch that puts a hold on a NodePool, if that is still as it was seen."""
    patch = _requires(pool, [*requirements_of(pool), *hold.requirements])
    patch["metadata"]["annotations"] = {HELD: _written(hold)}
    patch["spec"]["disruption"] = {"budgets": [*budgets_of(pool), dict(HOLD_STILL)]}
    return patch


def take_off_requirements(pool: JsonObject) -> JsonObject | None:
    """The merge patch for the first half of the way back, ``None`` when it is done: Karpenter still holds still.

    Nodes that count as drifted must be found not to be so any more before it may disrupt nodes again.
    """
    hold = hold_of(pool)
    if hold is None or not hold.requirements:
        return None
    patch = _requires(pool, before(pool)["requirements"])
    patch["metadata"]["annotations"] = {HELD: _written(replace(hold, requirements=()))}
    return patch


def take_off(pool: JsonObject) -> JsonObject:
    """The merge patch for the whole way back. Where no budget is left, Karpenter's default is set by the API."""
    found = before(pool)
    patch = _requires(pool, found["requirements"])
    patch["metadata"]["annotations"] = {HELD: None}
    patch["spec"]["disruption"] = {"budgets": found["budgets"] or None}
    return patch


def _written(hold: Hold) -> str:
    written = {"key": hold.key, "until": wire_time(hold.until), "requirements": list(hold.requirements)}
    return json.dumps(written, sort_keys=True, separators=(",", ":"))


def _requires(pool: JsonObject, requirements: list[Any]) -> JsonObject:
    metadata = {"resourceVersion": pool["metadata"].get("resourceVersion")}
    return {"metadata": metadata, "spec": {"template": {"spec": {"requirements": requirements}}}}


def _without(entries: list[Any], added: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The entries less one of each that was added, the last one first; those that are gone already are no matter."""
    left = list(entries)
    for one in reversed(added):
        for index in reversed(range(len(left))):
            if left[index] == one:
                del left[index]
                break
    return left
