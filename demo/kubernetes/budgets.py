"""PodDisruptionBudgets: how many pods may go, and the Eviction API that asks them."""

import math
from datetime import timedelta

from agent.drains.facts import read_selector, selects
from demo.kubernetes.errors import ApiError, conflict
from demo.kubernetes.objects import GRACE_S, active, is_finished, is_leaving, is_ready, moment, owner_uid
from demo.kubernetes.store import Object, Store

RETRY_S = 10
"""What the API server asks to wait after a refusal."""


def refresh(store: Store) -> None:
    """Count anew what every budget allows."""
    for budget in store.of("poddisruptionbudgets"):
        store.edit(budget, lambda changed, budget=budget: changed.update(status=_status(store, budget)))  # type: ignore[misc]


def evict(store: Store, name: str, namespace: str, body: Object, *, dry_run: bool) -> None:
    """Have a pod leave if all budgets allow it; raises ApiError when one does not."""
    pod = store.get("pods", name, namespace)
    wanted = ((body.get("deleteOptions") or {}).get("preconditions") or {}).get("uid")
    if wanted and wanted != pod["metadata"]["uid"]:
        raise conflict("pods", name, f"the UID in the precondition ({wanted}) is another pod's")
    if is_ready(pod) and not is_leaving(pod):
        _ask_budgets(store, pod)
    if not dry_run:
        leave(store, pod)
        refresh(store)


def leave(store: Store, pod: Object) -> None:
    """Ask a pod to end; the kubelet sees it through. One that was never placed goes at once."""
    if is_finished(pod) or not pod["spec"].get("nodeName"):
        store.remove(pod)
        return
    if is_leaving(pod):
        return
    grace_s = int(pod["spec"].get("terminationGracePeriodSeconds", GRACE_S))
    marks = {
        "deletionTimestamp": moment(store.now() + timedelta(seconds=grace_s)),
        "deletionGracePeriodSeconds": grace_s,
    }
    store.edit(pod, lambda changed: changed["metadata"].update(marks))


def _ask_budgets(store: Store, pod: Object) -> None:
    budgets = [budget for budget in store.of("poddisruptionbudgets") if _covers(budget, pod)]
    if len(budgets) > 1:
        raise ApiError(
            500,
            "InternalError",
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
        )
    for budget in budgets:
        if _status(store, budget)["disruptionsAllowed"] < 1:
            name = budget["metadata"]["name"]
            cause: Object = {
                "reason": "DisruptionBudget",
                "message": f"The disruption budget {name} needs more healthy pods",
            }
            message = "Cannot evict pod as it would violate the pod's disruption budget."
            raise ApiError(429, "TooManyRequests", message, (cause,), RETRY_S)


def _covers(budget: Object, pod: Object) -> bool:
    selector = budget["spec"].get("selector")
    same = budget["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return same and selector is not None and selects(read_selector(selector), pod["metadata"].get("labels") or {})


def _status(store: Store, budget: Object) -> Object:
    covered = [pod for pod in store.of("pods") if not is_finished(pod) and _covers(budget, pod)]
    expected = _expected(store, covered)
    healthy = sum(is_ready(pod) for pod in active(covered))
    desired = _desired(budget["spec"], expected)
    return {
        "observedGeneration": budget["metadata"]["generation"],
        "expectedPods": expected,
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "disruptionsAllowed": max(0, healthy - desired),
    }


def _expected(store: Store, covered: list[Object]) -> int:
    """Pods that their controllers want; pods without one count for themselves."""
    controllers = {owner_uid(pod) for pod in covered} - {""}
    wanted = [
        int(owner["spec"].get("replicas", 1))
        for plural in ("replicasets", "statefulsets")
        for owner in store.of(plural)
        if owner["metadata"]["uid"] in controllers
    ]
    return sum(wanted) if wanted else len(covered)


def _desired(spec: Object, expected: int) -> int:
    if "maxUnavailable" in spec:
        return max(0, expected - _amount(spec["maxUnavailable"], expected))
    return _amount(spec.get("minAvailable", 1), expected)


def _amount(value: int | str, whole: int) -> int:
    """A number, or a share of the whole, rounded up."""
    return math.ceil(whole * int(value.removesuffix("%")) / 100) if isinstance(value, str) else int(value)
