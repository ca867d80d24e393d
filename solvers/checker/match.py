"""Selectors, affinities, taints and ports, judged as kube-scheduler does.

Source: Kubernetes 1.33, ``apimachinery/pkg/labels``, ``component-helpers/scheduling/corev1`` and the scheduler's
``NodePorts`` plugin.
"""

import re
from collections.abc import Iterable, Mapping

from domain import labels as keys
from domain.node import Effect, Taint
from domain.selectors import LabelSelector, NodeTerm, Operator, Requirement
from domain.workload import HostPort, Pod, PodTerm, Toleration

ANY_ADDRESS = "0.0.0.0"
_INT64 = re.compile(r"[+-]?[0-9]+")
_BINDING = (Effect.NO_SCHEDULE, Effect.NO_EXECUTE)


def holds(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    """Whether labels meet one requirement; a missing key meets ``NotIn`` and ``DoesNotExist`` only."""
    value = labels.get(requirement.key)
    match requirement.operator:
        case Operator.IN:
            return value is not None and value in requirement.values
        case Operator.NOT_IN:
            return value is None or value not in requirement.values
        case Operator.EXISTS:
            return value is not None
        case Operator.DOES_NOT_EXIST:
            return value is None
        case Operator.GT | Operator.LT:
            return _compares(requirement, value)


def selects(selector: LabelSelector | None, labels: Mapping[str, str]) -> bool:
    """Whether a selector selects these labels: the empty one selects all, the absent one nothing."""
    return selector is not None and all(holds(requirement, labels) for requirement in selector.requirements)


def covers(namespaces: tuple[str, ...] | None, namespace: str) -> bool:
    """Whether a term's namespaces (``None`` for all) contain one."""
    return namespaces is None or namespace in namespaces


def term_selects(term: PodTerm, pod: Pod) -> bool:
    """Whether a pod (anti-)affinity term is about this pod."""
    return covers(term.namespaces, pod.namespace) and selects(term.selector, pod.labels)


def any_term_matches(terms: tuple[NodeTerm, ...], *, labels: Mapping[str, str], name: str) -> bool:
    """Whether a node meets at least one term. A term without requirements meets no node."""
    return any(_term_matches(term, labels=labels, name=name) for term in terms)


def node_selector_matches(pod: Pod, labels: Mapping[str, str]) -> bool:
    """Whether a node carries every label that the pod's ``nodeSelector`` names."""
    return all(labels.get(key) == value for key, value in pod.node_selector)


def node_affinity_matches(pod: Pod, *, labels: Mapping[str, str], name: str) -> bool:
    """Whether a node meets the pod's required node affinity; without one every node does."""
    return not pod.node_affinity or any_term_matches(pod.node_affinity, labels=labels, name=name)


def untolerated(taints: Iterable[Taint], tolerations: tuple[Toleration, ...]) -> Taint | None:
    """The first taint that keeps a pod with these tolerations off, ``None`` when there is none."""
    binding = (taint for taint in taints if taint.effect in _BINDING)
    return next((taint for taint in binding if not any(_tolerates(t, taint) for t in tolerations)), None)


def state_taints(*, cordoned: bool, ready: bool) -> tuple[Taint, ...]:
    """Taints that Kubernetes itself puts on a cordoned or unready node."""
    unschedulable = Taint(key=keys.UNSCHEDULABLE_TAINT, effect=Effect.NO_SCHEDULE)
    not_ready = Taint(key="node.kubernetes.io/not-ready", effect=Effect.NO_SCHEDULE)
    return (unschedulable,) * cordoned + (not_ready,) * (not ready)


def ports_collide(one: HostPort, other: HostPort) -> bool:
    """Whether two host ports cannot be taken on the same node."""
    same_door = one.port == other.port and one.protocol == other.protocol
    return same_door and (one.ip == other.ip or ANY_ADDRESS in (one.ip, other.ip))


def _term_matches(term: NodeTerm, *, labels: Mapping[str, str], name: str) -> bool:
    if not term.labels and not term.names:
        return False
    fields = {"metadata.name": name}
    return all(holds(r, labels) for r in term.labels) and all(holds(r, fields) for r in term.names)


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect is not None and toleration.effect != taint.effect:
        return False
    if not toleration.key:
        return toleration.exists
    return toleration.key == taint.key and (toleration.exists or toleration.value == taint.value)


def _compares(requirement: Requirement, value: str | None) -> bool:
    has = _int64(value) if value is not None else None
    wanted = _int64(requirement.values[0]) if len(requirement.values) == 1 else None
    if has is None or wanted is None:
        return False
    return has > wanted if requirement.operator is Operator.GT else has < wanted


def _int64(text: str) -> int | None:
    number = int(text) if _INT64.fullmatch(text) else None
    return number if number is not None and -(1 << 63) <= number < 1 << 63 else None
