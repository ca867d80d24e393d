"""Counts of pods by topology domain, kept up to date pod by pod.

A tally answers in constant time what kube-scheduler counts anew for each pod: how many pods of one sort run in the
domain (zone, host, …) of a node.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Generic, TypeVar

from domain.selectors import LabelSelector, Operator
from domain.workload import NodePolicy, Pod, SpreadConstraint
from solvers.checker import match
from solvers.checker.site import Site

T = TypeVar("T")


class Eligibility:
    """Which nodes count as domains of a pod's spread constraint.

    A node counts when it carries the keys of all the pod's constraints and, as the constraint's policies say, meets the
    pod's node selector and affinity, and carries no taint that the pod does not tolerate. Cordoned and unready nodes
    carry the taints that Kubernetes gives them, so under ``nodeTaintsPolicy: Ignore`` they do count.
    """

    def __init__(self, pod: Pod, constraint: SpreadConstraint) -> None:
        self._pod = pod
        self._constraint = constraint
        self._keys = [other.topology_key for other in pod.spread]
        self._nodes: set[str] = set()
        self.nodes_by_domain: dict[str, Counter[str]] = {key: Counter() for key in self._keys}

    def __contains__(self, site: Site) -> bool:
        return site.name in self._nodes

    def domains(self, topology_key: str) -> int:
        """Number of domains that have at least one node that counts."""
        return len(self.nodes_by_domain[topology_key])

    def add(self, site: Site) -> None:
        """Look at a node that has appeared."""
        if not self._counts(site):
            return
        self._nodes.add(site.name)
        for key in self._keys:
            self.nodes_by_domain[key][site.labels[key]] += 1

    def discard(self, site: Site) -> None:
        """Forget a node."""
        if site.name not in self._nodes:
            return
        self._nodes.remove(site.name)
        for key in self._keys:
            _lower(self.nodes_by_domain[key], site.labels[key])

    def _counts(self, site: Site) -> bool:
        if any(key not in site.labels for key in self._keys):
            return False
        if self._constraint.node_affinity_policy is NodePolicy.HONOR:
            affine = match.node_affinity_matches(self._pod, labels=site.labels, name=site.field_name)
            if not (affine and match.node_selector_matches(self._pod, site.labels)):
                return False
        honoured = self._constraint.node_taints_policy is NodePolicy.HONOR
        return not honoured or match.untolerated(site.all_taints, self._pod.tolerations) is None


class Tally:
    """Number of pods of one sort in each domain of a topology key; nodes without the key are left out."""

    def __init__(self, topology_key: str, eligibility: Eligibility | None = None) -> None:
        self.topology_key = topology_key
        self.eligibility = eligibility
        self.counts: Counter[str] = Counter()
        self._domains_with: Counter[int] = Counter()

    def shift(self, site: Site, by: int) -> None:
        """Count ``by`` (1 or -1) pods more on a node."""
        domain = site.labels.get(self.topology_key)
        if domain is None or (self.eligibility is not None and site not in self.eligibility):
            return
        before = self.counts.get(domain, 0)
        if before:
            _lower(self._domains_with, before)
        if before + by:
            self.counts[domain] = before + by
            self._domains_with[before + by] += 1
        else:
            del self.counts[domain]

    def at(self, site: Site) -> int:
        """Pods in the domain of a node, 0 when the node has no such domain."""
        return self.counts.get(site.labels.get(self.topology_key, ""), 0)

    def least(self) -> int:
        """Fewest pods in any domain that counts; 0 as long as one of them has none."""
        if self.eligibility is not None and self.eligibility.domains(self.topology_key) > len(self.counts):
            return 0
        return min(self._domains_with, default=0)


class SelectorIndex(Generic[T]):
    """Finds the selectors that select given labels without trying each.

    Selectors are filed under the values of their first ``In`` requirement, which nearly all have.
    """

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str] | None, list[tuple[tuple[str, ...] | None, LabelSelector, T]]]
        self._entries = defaultdict(list)

    def add(self, namespaces: tuple[str, ...] | None, selector: LabelSelector | None, *, item: T) -> None:
        """File an item under its selector; an absent selector selects nothing and is not filed."""
        if selector is None:
            return
        first = next((r for r in selector.requirements if r.operator is Operator.IN), None)
        drawers = [(first.key, value) for value in set(first.values)] if first else [None]
        for drawer in drawers:
            self._entries[drawer].append((namespaces, selector, item))

    def selecting(self, namespace: str, labels: Mapping[str, str]) -> list[T]:
        """Items whose selector selects a pod with this namespace and these labels."""
        drawers = [self._entries.get(drawer, ()) for drawer in (None, *labels.items())]
        return [
            item
            for drawer in drawers
            for namespaces, selector, item in drawer
            if match.covers(namespaces, namespace) and match.selects(selector, labels)
        ]


def _lower(counter: Counter[T], key: T) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
