"""PodDisruptionBudgets with their percentages resolved.

The rule is that of Kubernetes' disruption controller (read 2026-10): what it wrote into the status counts while it is
current; else expected pods are the replicas of the controllers of the matching pods, and percentages round up.
"""

import re
from collections.abc import Sequence

from adapters.kubernetes.fields import Field, shown
from adapters.kubernetes.inventory import Inventory, namespace_of
from adapters.kubernetes.notes import Notes
from adapters.kubernetes.owners import Owners
from adapters.kubernetes.selectors import label_selector, selects
from domain.selectors import LabelSelector
from domain.workload import Owner, Pod, PodDisruptionBudget

_PERCENTAGE = re.compile(r"[0-9]{1,9}%")


def read_budgets(
    inventory: Inventory, pods: Sequence[Pod], *, owners: Owners, notes: Notes
) -> tuple[PodDisruptionBudget, ...]:
    """All budgets of the input.

    Parameters
    ----------
    pods
        Pods that are not finished and not on their way out.

    Raises
    ------
    InputError
        When a budget is malformed.
    """
    budgets = inventory.of("PodDisruptionBudget")
    if not budgets:
        notes.add("no PodDisruptionBudget in the input: taken to mean that there are none")
    return tuple(_budget(budget, pods, owners=owners, notes=notes) for budget in budgets)


def _budget(budget: Field, pods: Sequence[Pod], *, owners: Owners, notes: Notes) -> PodDisruptionBudget:
    namespace, name = namespace_of(budget), budget["metadata"]["name"].required_text()
    selector = _selector(budget)
    if _status_is_current(budget):
        allowed = budget["status"]["disruptionsAllowed"].integer(0, least=0)
    else:
        matching = [pod for pod in pods if pod.namespace == namespace and selects(selector, pod.labels)]
        allowed = _allowed_by_spec(budget["spec"], matching, owners=owners)
        notes.add("budgets without a current status, computed from the pods they select", f"{namespace}/{name}")
    return PodDisruptionBudget(namespace=namespace, name=name, selector=selector, disruptions_allowed=allowed)


def _selector(budget: Field) -> LabelSelector | None:
    """An empty selector selects every pod of the namespace, in the first version of the API it selected none."""
    selector = label_selector(budget["spec"]["selector"])
    if budget["apiVersion"].text() == "policy/v1beta1" and selector == LabelSelector():
        return None
    return selector


def _status_is_current(budget: Field) -> bool:
    status = budget["status"]
    generation = budget["metadata"]["generation"].integer(0)
    return status["disruptionsAllowed"].present and status["observedGeneration"].integer(generation) >= generation


def _allowed_by_spec(spec: Field, matching: Sequence[Pod], *, owners: Owners) -> int:
    least, most_down = spec["minAvailable"], spec["maxUnavailable"]
    if least.present and most_down.present:
        raise spec["maxUnavailable"].error("must not be set beside minAvailable")
    expected = _expected(matching, owners)
    if most_down.present:
        desired = max(0, expected - _scaled(most_down, expected))
    else:
        desired = _scaled(least, expected) if least.present else 1
    healthy = sum(pod.ready for pod in matching)
    return max(0, healthy - desired)


def _expected(matching: Sequence[Pod], owners: Owners) -> int:
    """Replicas of the pods' controllers; where a controller is not in the input, its pods are counted."""
    by_owner: dict[tuple[str, Owner], int] = {}
    for pod in matching:
        if pod.owner is not None:
            by_owner[pod.namespace, pod.owner] = by_owner.get((pod.namespace, pod.owner), 0) + 1
    return sum(_replicas(found, owners) for found in by_owner.items())


def _replicas(found: tuple[tuple[str, Owner], int], owners: Owners) -> int:
    (namespace, owner), count = found
    replicas = owners.replicas(owner, namespace=namespace)
    return count if replicas is None else replicas


def _scaled(field: Field, expected: int) -> int:
    """A number, or a percentage of the expected pods rounded up."""
    value = field.value
    if isinstance(value, str):
        if not _PERCENTAGE.fullmatch(value):
            raise field.error(f"must be a whole number or a percentage such as 50%, not {shown(value)}")
        return -(-expected * int(value[:-1]) // 100)
    return field.integer(0, least=0)
