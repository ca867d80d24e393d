"""Pods sorted into kinds that the scheduler cannot tell apart, with the tallies that judge each kind."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from domain.workload import Pod, PodTerm, SpreadConstraint
from solvers.checker import match
from solvers.checker.tally import Eligibility, SelectorIndex, Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadRule:
    """A spread constraint of a kind, its tally, and whether pods of the kind count for themselves (1 or 0)."""

    constraint: SpreadConstraint
    tally: Tally
    itself: int


@dataclass(slots=True, kw_only=True, eq=False)
class Kind:
    """Pods alike in all that scheduling looks at.

    Parameters
    ----------
    pod
        Any one of them.
    needs
        Requests above zero by resource name.
    counted_by
        Every tally that a pod of this kind changes where it runs.
    near
        One tally per affinity term: pods that meet *all* affinity terms, by the key of this one.
    founder
        Meets its own affinity terms, so that the first of a series may start anywhere.
    apart
        Each anti-affinity term with the tally of the pods it selects.
    repelled_by
        Tallies of running pods whose anti-affinity terms select this kind (the rule is symmetric).
    """

    pod: Pod
    needs: tuple[tuple[str, int], ...]
    counted_by: list[Tally] = field(default_factory=list)
    near: tuple[Tally, ...] = ()
    founder: bool = False
    apart: tuple[tuple[PodTerm, Tally], ...] = ()
    repelled_by: list[Tally] = field(default_factory=list)
    spread: tuple[SpreadRule, ...] = ()


class Census:
    """All kinds of a cluster and all tallies they need, each tally shared by the kinds that ask the same.

    Parameters
    ----------
    pods
        Every pod that the replay may meet, prototypes of daemons included.
    """

    def __init__(self, pods: Iterable[Pod]) -> None:
        self.eligibilities: dict[Hashable, Eligibility] = {}
        self._kinds: dict[Hashable, Kind] = {}
        self._kind_of: dict[int, Kind] = {}
        self._tallies: dict[Hashable, Tally] = {}
        self._counters: SelectorIndex[tuple[tuple[PodTerm, ...], Tally]] = SelectorIndex()
        self._repellers: SelectorIndex[Tally] = SelectorIndex()
        for pod in pods:
            self._kind_of[id(pod)] = self._sort(pod)
        for kind in self._kinds.values():
            self._prepare(kind)
        for kind in self._kinds.values():
            self._connect(kind)

    def kind(self, pod: Pod) -> Kind:
        """The kind of one of the pods given at the start (that very object)."""
        return self._kind_of[id(pod)]

    def _sort(self, pod: Pod) -> Kind:
        rules = (pod.affinity, pod.anti_affinity, pod.spread, pod.volume_affinity, pod.host_ports, pod.tolerations)
        where = (pod.node_selector, pod.node_affinity, pod.requests)
        key = (pod.namespace, tuple(sorted(pod.labels.items())), rules, where)
        if key not in self._kinds:
            needs = tuple((name, amount) for name, amount in pod.requests.items() if amount)
            self._kinds[key] = Kind(pod=pod, needs=needs)
        return self._kinds[key]

    def _prepare(self, kind: Kind) -> None:
        pod = kind.pod
        kind.near = tuple(self._selected(term.topology_key, pod.affinity) for term in pod.affinity)
        kind.founder = all(match.term_selects(term, pod) for term in pod.affinity)
        kind.apart = tuple((term, self._selected(term.topology_key, (term,))) for term in pod.anti_affinity)
        kind.counted_by += {id(tally): tally for tally in map(self._carriers, pod.anti_affinity)}.values()
        kind.spread = tuple(self._spread(pod, constraint) for constraint in pod.spread)

    def _connect(self, kind: Kind) -> None:
        pod = kind.pod
        asked = self._counters.selecting(pod.namespace, pod.labels)
        kind.counted_by += [tally for terms, tally in asked if all(match.term_selects(t, pod) for t in terms)]
        kind.repelled_by = self._repellers.selecting(pod.namespace, pod.labels)

    def _selected(
        self, topology_key: str, terms: tuple[PodTerm, ...], *, eligibility: Eligibility | None = None
    ) -> Tally:
        """The tally of pods that all these terms select."""
        subjects = tuple((term.namespaces, term.selector) for term in terms)
        key = ("selected", topology_key, subjects, id(eligibility))
        if key not in self._tallies:
            tally = self._tallies[key] = Tally(topology_key, eligibility)
            self._counters.add(terms[0].namespaces, terms[0].selector, item=(terms, tally))
        return self._tallies[key]

    def _carriers(self, term: PodTerm) -> Tally:
        """The tally of pods that carry this anti-affinity term."""
        key = ("carriers", term)
        if key not in self._tallies:
            tally = self._tallies[key] = Tally(term.topology_key)
            self._repellers.add(term.namespaces, term.selector, item=tally)
        return self._tallies[key]

    def _spread(self, pod: Pod, constraint: SpreadConstraint) -> SpreadRule:
        key = constraint.topology_key
        term = PodTerm(topology_key=key, selector=constraint.selector, namespaces=(pod.namespace,))
        tally = self._selected(key, (term,), eligibility=self._eligibility(pod, constraint))
        return SpreadRule(constraint=constraint, tally=tally, itself=int(match.term_selects(term, pod)))

    def _eligibility(self, pod: Pod, constraint: SpreadConstraint) -> Eligibility:
        affinity, taints = constraint.node_affinity_policy, constraint.node_taints_policy
        topology_keys = tuple(sorted({other.topology_key for other in pod.spread}))
        key = (affinity, taints, topology_keys, pod.node_selector, pod.node_affinity, pod.tolerations)
        return self.eligibilities.setdefault(key, Eligibility(pod, constraint))
