"""How the baselines judge nodes and pods: selectors against labels, tolerations against taints.

Written apart from the product's solver and checker, so that the baseline owes them nothing.
"""

from collections.abc import Iterable, Mapping

from domain import labels as keys
from domain.node import Effect, Taint
from domain.selectors import LabelSelector, NodeTerm, Operator, Requirement
from domain.workload import Pod, Toleration


def holds(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    """One label requirement, as Kubernetes reads it."""
    value = labels.get(requirement.key)
    match requirement.operator:
        case Operator.IN:
            return value in requirement.values
        case Operator.NOT_IN:
            return value not in requirement.values
        case Operator.EXISTS:
            return value is not None
        case Operator.DOES_NOT_EXIST:
            return value is None
        case Operator.GT:
            return value is not None and value.isdigit() and int(value) > int(requirement.values[0])
        case Operator.LT:
            return value is not None and value.isdigit() and int(value) < int(requirement.values[0])


def selects(selector: LabelSelector | None, labels: Mapping[str, str]) -> bool:
    """Whether a pod with these labels is selected; no selector selects nothing."""
    return selector is not None and all(holds(requirement, labels) for requirement in selector.requirements)


def admits(pod: Pod, labels: Mapping[str, str]) -> bool:
    """Whether a node with these labels is one that the pod's selector and required node affinity allow."""
    if any(labels.get(key) != value for key, value in pod.node_selector):
        return False
    wanted = (pod.node_affinity, *pod.volume_affinity)
    return all(not terms or any(_matches(term, labels) for term in terms) for terms in wanted)


def tolerates(tolerations: Iterable[Toleration], taints: Iterable[Taint]) -> bool:
    """Whether all hard taints are tolerated."""
    hard = [taint for taint in taints if taint.effect != Effect.PREFER_NO_SCHEDULE]
    return all(any(_tolerates(toleration, taint) for toleration in tolerations) for taint in hard)


def _matches(term: NodeTerm, labels: Mapping[str, str]) -> bool:
    names = {"metadata.name": labels.get(keys.HOSTNAME, "")}
    wanted = [(requirement, labels) for requirement in term.labels] + [(r, names) for r in term.names]
    return bool(wanted) and all(holds(requirement, among) for requirement, among in wanted)


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect not in (None, taint.effect):
        return False
    if toleration.exists:
        return toleration.key in ("", taint.key)
    return toleration.key == taint.key and toleration.value == taint.value
