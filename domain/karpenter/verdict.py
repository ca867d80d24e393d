"""Whether a NodePool takes what a plan wants of it; each refusal names the field that speaks against it."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from domain.canonical import KubeObject
from domain.gitops import why_governed
from domain.karpenter.budgets import allowed_disruptions, budgets_of
from domain.karpenter.requirements import narrowing, requirements_of, why_too_few
from domain.quantity import parse_quantity
from domain.saga import NodePoolRequirement

_MOST_REQUIREMENTS, _MOST_BUDGETS = 100, 50
"""Entries that the API takes (karpenter.sh/v1)."""

_AUTO_MODE = "eks.amazonaws.com"
"""Group of the node classes of EKS Auto Mode."""


def why_not(pool: KubeObject, wanted: NodePoolRequirement, *, now: datetime) -> str:
    """Why a NodePool cannot be narrowed to what is wanted, empty when it can. In words that follow its name."""
    try:
        added = narrowing(pool, wanted)
    except ValueError as err:
        return str(err)
    return (
        why_governed(pool)
        or _why_not_at_all(pool, len(added))
        or why_too_few(pool, added)
        or _why_no_room(pool, wanted)
        or _why_not_now(pool, wanted, now)
    )


def nodes_of(pool: KubeObject) -> int:
    """Nodes that a NodePool has, 0 where it does not say."""
    status = pool.get("status") or {}
    return int(status.get("nodes") or _amount(status.get("resources") or {}, "nodes"))


def _why_not_at_all(pool: KubeObject, added: int) -> str:
    if (pool.get("metadata") or {}).get("deletionTimestamp"):
        return "it is being deleted"
    template = ((pool.get("spec") or {}).get("template") or {}).get("spec") or {}
    if (template.get("nodeClassRef") or {}).get("group") == _AUTO_MODE:
        return "EKS Auto Mode manages its nodes, and lets nobody else end them"
    if (pool.get("spec") or {}).get("replicas") is not None:
        return "it is static (replicas): its number of nodes does not follow the pods"
    if len(requirements_of(pool)) + added > _MOST_REQUIREMENTS:
        return f"it has {len(requirements_of(pool))} requirements, and no room for {added} more"
    if len(budgets_of(pool)) >= _MOST_BUDGETS:
        return f"it has {len(budgets_of(pool))} disruption budgets, and no room for one more"
    return ""


def _why_no_room(pool: KubeObject, wanted: NodePoolRequirement) -> str:
    """Old and new nodes stand side by side: what is launched at once must fit beside what there is."""
    limits = (pool.get("spec") or {}).get("limits") or {}
    used = (pool.get("status") or {}).get("resources") or {}
    more = {"nodes": wanted.nodes, "cpu": wanted.vcpu, "memory": wanted.memory_bytes}
    for name, amount in more.items():
        if name in limits and amount and _amount(used, name) + amount > _amount(limits, name):
            return f"its limits allow {limits[name]} of {name}, of which {used.get(name, 0)} are used"
    return ""


def _why_not_now(pool: KubeObject, wanted: NodePoolRequirement, now: datetime) -> str:
    nodes = nodes_of(pool)
    if not wanted.at_once or not nodes:
        return ""
    allowed, budget = allowed_disruptions(pool, nodes=nodes, now=now)
    if allowed >= wanted.at_once:
        return ""
    text = f"its disruption budget ({budget}) lets {allowed} of {nodes} nodes go at once"
    return f"{text}, and the plan takes {wanted.at_once}"


def _amount(amounts: Mapping[str, Any], name: str) -> Decimal:
    try:
        return parse_quantity(amounts.get(name, 0))
    except ValueError:
        return Decimal(0)
