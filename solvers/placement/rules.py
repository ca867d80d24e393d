"""Which nodes a pod may use and which pods a selector selects, as kube-scheduler reads the manifests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from domain.node import Effect, Taint
from domain.selectors import LabelSelector, NodeTerm, Operator, Requirement
from domain.workload import Pod, Toleration

Payload = TypeVar("Payload")


@dataclass(frozen=True, slots=True)
class NodeFilter:
    """Everything in a pod that limits nodes by their labels, name and taints. Equal filters accept equal nodes."""

    selector: tuple[tuple[str, str], ...]
    affinity: tuple[NodeTerm, ...]
    volumes: tuple[tuple[NodeTerm, ...], ...]
    tolerations: tuple[Toleration, ...]

    def keys(self) -> set[str]:
        """Label keys that this filter looks at."""
        terms = [term for terms in (self.affinity, *self.volumes) for term in terms]
        return {key for key, _ in self.selector} | {r.key for term in terms for r in term.labels}

    def names_matter(self) -> bool:
        """Whether it looks at node names."""
        return any(term.names for terms in (self.affinity, *self.volumes) for term in terms)


def filter_of(pod: Pod) -> NodeFilter:
    """The node filter of a pod."""
    return NodeFilter(pod.node_selector, pod.node_affinity, pod.volume_affinity, pod.tolerations)


def refusal(node_filter: NodeFilter, *, labels: Mapping[str, str], name: str, taints: tuple[Taint, ...]) -> str:
    """Why a node with these labels, name and taints is refused; empty when it is accepted."""
    for key, value in node_filter.selector:
        if labels.get(key) != value:
            return f"nodeSelector {key}={value}"
    if node_filter.affinity and not any(matches_term(term, labels=labels, name=name) for term in node_filter.affinity):
        return "required node affinity " + words_of(node_filter.affinity)
    for terms in node_filter.volumes:
        if terms and not any(matches_term(term, labels=labels, name=name) for term in terms):
            return "a volume bound to " + words_of(terms)
    for taint in taints:
        if taint.effect is not Effect.PREFER_NO_SCHEDULE and not tolerated(taint, node_filter.tolerations):
            return f"taint {taint}"
    return ""


def affinity_only(node_filter: NodeFilter) -> NodeFilter:
    """The part of a filter that decides which nodes count as domains of topology spread."""
    return NodeFilter(node_filter.selector, node_filter.affinity, (), (Toleration(exists=True),))


def with_taints(node_filter: NodeFilter, tolerations: tuple[Toleration, ...]) -> NodeFilter:
    """The same filter judging taints by other tolerations."""
    return NodeFilter(node_filter.selector, node_filter.affinity, node_filter.volumes, tolerations)


def tolerated(taint: Taint, tolerations: tuple[Toleration, ...]) -> bool:
    """Whether any toleration covers a taint."""
    return any(
        (t.effect is None or t.effect == taint.effect)
        and (t.key in ("", taint.key) if t.exists else (t.key, t.value) == (taint.key, taint.value))
        for t in tolerations
    )


def matches_term(term: NodeTerm, *, labels: Mapping[str, str], name: str) -> bool:
    """Whether a node meets every requirement of a term; a term with none meets nothing."""
    if not term.labels and not term.names:
        return False
    by_name = {"metadata.name": name}
    return all(meets(r, labels) for r in term.labels) and all(meets(r, by_name) for r in term.names)


def selects(selector: LabelSelector | None, labels: Mapping[str, str]) -> bool:
    """Whether a pod selector selects these labels; an absent selector selects nothing."""
    return selector is not None and all(meets(r, labels) for r in selector.requirements)


class SelectorIndex(Generic[Payload]):
    """Many selectors, and which of them select a pod, without asking each: filed under a label they insist on."""

    def __init__(self) -> None:
        self._by_label: dict[tuple[str, str], list[tuple[LabelSelector, Payload]]] = {}
        self._others: list[tuple[LabelSelector, Payload]] = []

    def add(self, selector: LabelSelector | None, payload: Payload) -> None:
        """File a selector; an absent one selects nothing."""
        if selector is None:
            return
        insisted = next((r for r in selector.requirements if r.operator is Operator.IN), None)
        if insisted is None:
            self._others.append((selector, payload))
            return
        for value in insisted.values:
            self._by_label.setdefault((insisted.key, value), []).append((selector, payload))

    def selecting(self, labels: Mapping[str, str]) -> list[Payload]:
        """Payloads of the selectors that select these labels."""
        near = [entry for label in labels.items() for entry in self._by_label.get(label, ())]
        return [payload for selector, payload in (*near, *self._others) if selects(selector, labels)]


def meets(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    """Whether labels meet one requirement."""
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


def _compares(requirement: Requirement, value: str | None) -> bool:
    try:
        have, bar = int(value or ""), int(requirement.values[0])
    except ValueError:
        return False
    return have > bar if requirement.operator is Operator.GT else have < bar


def words_of(terms: tuple[NodeTerm, ...]) -> str:
    """Terms as people write them."""
    return " or ".join(" and ".join(str(r) for r in (*term.labels, *term.names)) or "nothing" for term in terms)
