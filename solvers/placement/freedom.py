"""What may be touched: which running nodes may be emptied and which pods may be moved, and why the others may not."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.node import Node
from domain.plan import Reason
from domain.policy import Policy
from domain.snapshot import Snapshot
from domain.workload import Pod, PodDisruptionBudget
from solvers.placement.rules import SelectorIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Freedom:
    """Reasons why nodes must stay, by node name, and the budgets that cover each pod, by pod key."""

    staying: Mapping[str, Reason]
    budgets_of: Mapping[str, tuple[int, ...]]


def freedom_of(snapshot: Snapshot, policy: Policy) -> Freedom:
    """Judge every running node and the pods on it."""
    budgets_of = _covering(snapshot)
    staying: dict[str, Reason] = {}
    for node in snapshot.nodes:
        reason = _node_must_stay(node)
        if reason is not None:
            staying[node.name] = reason
    for pod in snapshot.pods:
        if pod.node_name and pod.node_name not in staying and not _fixed_by_kind(pod):
            reason = _pod_must_stay(pod, snapshot.budgets, budgets_of[pod.key], policy)
            if reason is not None:
                staying[pod.node_name] = reason
    return Freedom(staying=staying, budgets_of=budgets_of)


def _covering(snapshot: Snapshot) -> dict[str, tuple[int, ...]]:
    """Indices of the budgets that cover each pod, by pod key."""
    index: SelectorIndex[int] = SelectorIndex()
    for b, budget in enumerate(snapshot.budgets):
        index.add(budget.selector, b)
    return {
        pod.key: tuple(sorted(b for b in index.selecting(pod.labels) if snapshot.budgets[b].namespace == pod.namespace))
        for pod in snapshot.pods if not _fixed_by_kind(pod)
    }  # fmt: skip


def _fixed_by_kind(pod: Pod) -> bool:
    return pod.is_daemon or pod.is_mirror


def _node_must_stay(node: Node) -> Reason | None:
    if node.do_not_disrupt:
        return Reason(code="node-do-not-disrupt", text=f"It must not be disrupted: {node.do_not_disrupt}.")
    if node.price_usd_per_h is None:
        text = f"The price of its type {node.instance_type or '(unknown)'} is not known, so no saving can be promised."
        return Reason(code="price-unknown", text=text)
    return None


def _pod_must_stay(
    pod: Pod, budgets: tuple[PodDisruptionBudget, ...], mine: tuple[int, ...], policy: Policy
) -> Reason | None:
    if pod.do_not_disrupt:
        return Reason(code="pod-do-not-disrupt", text=f"Pod {pod.key} must not be evicted: {pod.do_not_disrupt}.")
    if len(mine) > 1:
        names = " and ".join(budgets[b].key for b in mine)
        text = f"Pod {pod.key} is covered by several PodDisruptionBudgets ({names}); the Eviction API refuses that."
        return Reason(code="several-budgets", text=text)
    if any(budgets[b].disruptions_allowed < 1 for b in mine):
        text = f"PodDisruptionBudget {budgets[mine[0]].key} allows no disruption of pod {pod.key}."
        return Reason(code="budget-exhausted", text=text)
    if pod.namespace in policy.excluded_namespaces and not mine:
        text = f"Pod {pod.key} is in the excluded namespace {pod.namespace} and has no PodDisruptionBudget."
        return Reason(code="excluded-namespace", text=text)
    return None
