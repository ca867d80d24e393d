"""Rules between pods as counters over domains.

Every affinity, anti-affinity, spread rule and host port looks at how many pods of some group are in a domain (a node,
a zone, any label value). A *counter* counts one group over the domains of one topology key. A class of pods raises some
counters where it is placed, and is subject to *rules* on others: forbid (must be 0), require (must be above 0, or the
first of its own group), spread (must stay within a skew of the emptiest domain).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from domain import labels as keys
from domain.selectors import LabelSelector
from domain.workload import HostPort, NodePolicy, Pod, PodTerm, SpreadConstraint
from solvers.placement.rules import NodeFilter, affinity_only, filter_of, selects, with_taints

ANY_IP = "0.0.0.0"


class RuleKind(IntEnum):
    """What a class asks of a counter."""

    FORBID = 0
    REQUIRE = 1
    SPREAD = 2


@dataclass(frozen=True, slots=True)
class Group:
    """Pods selected by a selector in some namespaces (``None`` for all)."""

    selector: LabelSelector | None
    namespaces: tuple[str, ...] | None

    def holds(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether a pod is in the group."""
        return (self.namespaces is None or namespace in self.namespaces) and selects(self.selector, labels)


@dataclass(frozen=True, slots=True)
class AllOf:
    """Pods in every one of some groups: the pods that count for an affinity with several terms."""

    groups: frozenset[Group]


@dataclass(frozen=True, slots=True)
class Counter:
    """What is counted: pods in groups, owners of an anti-affinity term, or holders of a port; over which key.

    ``eligible`` limits the nodes that count (topology spread), as do ``labelled``, keys that they must carry; ``None``
    counts all.
    """

    what: Group | AllOf | PodTerm | HostPort
    key: str
    eligible: NodeFilter | None = None
    labelled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TopologyRule:
    """One rule of a class. ``skew`` and ``min_domains`` matter for spread; ``own`` is 1 when the class is counted."""

    kind: RuleKind
    counter: int
    skew: int = 0
    min_domains: int = 0
    own: int = 0


@dataclass(slots=True, kw_only=True)
class Topology:
    """All counters, and for each look of a pod which it raises and which rules bind it."""

    counters: list[Counter] = field(default_factory=list)
    raises: list[tuple[int, ...]] = field(default_factory=list)
    rules: list[tuple[TopologyRule, ...]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Look:
    """What other pods' rules and its own see of a pod. Pods of one look are alike to the topology."""

    groups: frozenset[int]
    affinity: tuple[PodTerm, ...]
    anti_affinity: tuple[PodTerm, ...]
    spread: tuple[SpreadConstraint, ...]
    host_ports: tuple[HostPort, ...]
    nodes: NodeFilter | None
    namespace: str


def looks_of(pods: Sequence[Pod]) -> tuple[list[Look], list[int], list[Group]]:
    """Distinct looks, the look of each pod, and the groups that the rules of the pods speak of."""
    groups: dict[Group, int] = {}
    for terms in {(pod.affinity, pod.anti_affinity) for pod in pods}:
        for term in (*terms[0], *terms[1]):
            groups.setdefault(Group(term.selector, term.namespaces), len(groups))
    for namespace, spread in {(pod.namespace, pod.spread) for pod in pods if pod.spread}:
        for constraint in spread:
            groups.setdefault(Group(constraint.selector, (namespace,)), len(groups))
    used = {r.key for g in groups if g.selector is not None for r in g.selector.requirements}
    members: dict[tuple[str, tuple[tuple[str, str], ...]], frozenset[int]] = {}
    looks: dict[Look, int] = {}
    of: list[int] = []
    for pod in pods:
        seen = (pod.namespace, tuple(sorted((k, v) for k, v in pod.labels.items() if k in used)))
        if seen not in members:
            members[seen] = frozenset(n for g, n in groups.items() if g.holds(pod.namespace, dict(seen[1])))
        look = Look(
            members[seen], pod.affinity, pod.anti_affinity, pod.spread, pod.host_ports,
            filter_of(pod) if pod.spread else None, pod.namespace if pod.spread else "",
        )  # fmt: skip
        of.append(looks.setdefault(look, len(looks)))
    return list(looks), of, list(groups)


def topology_of(looks: Sequence[Look], groups: Sequence[Group]) -> Topology:
    """Counters and rules for every look."""
    table: dict[Counter, int] = {}
    number = {group: n for n, group in enumerate(groups)}
    rules = [list(_own_rules(look, table, number)) for look in looks]
    ports = {port for look in looks for port in look.host_ports}
    raises: list[set[int]] = [set() for _ in looks]
    for counter, c in table.items():
        for n, look in enumerate(looks):
            if isinstance(counter.what, Group) and number[counter.what] in look.groups:
                raises[n].add(c)
            if isinstance(counter.what, AllOf) and look.groups.issuperset(number[g] for g in counter.what.groups):
                raises[n].add(c)
    for n, look in enumerate(looks):
        for term in look.anti_affinity:
            owners = table.setdefault(Counter(term, term.topology_key), len(table))
            raises[n].add(owners)
    for n, look in enumerate(looks):
        for counter, c in list(table.items()):
            if isinstance(counter.what, PodTerm) and number[_group_of(counter.what)] in look.groups:
                rules[n].append(TopologyRule(RuleKind.FORBID, c))
        for port in look.host_ports:
            for other in ports:
                if _collide(port, other):
                    c = table.setdefault(Counter(other, keys.HOSTNAME), len(table))
                    rules[n].append(TopologyRule(RuleKind.FORBID, c))
    for n, look in enumerate(looks):
        raises[n] |= {table[Counter(port, keys.HOSTNAME)] for port in look.host_ports}
    return Topology(
        counters=list(table),
        raises=[tuple(sorted(r)) for r in raises],
        rules=[tuple(dict.fromkeys(r)) for r in rules],
    )


def _own_rules(look: Look, table: dict[Counter, int], number: Mapping[Group, int]) -> list[TopologyRule]:
    rules = []
    for term in look.anti_affinity:
        counter = table.setdefault(Counter(_group_of(term), term.topology_key), len(table))
        rules.append(TopologyRule(RuleKind.FORBID, counter))
    together = AllOf(frozenset(_group_of(term) for term in look.affinity))
    own = int(look.groups.issuperset(number[group] for group in together.groups))
    for term in look.affinity:
        counter = table.setdefault(Counter(together, term.topology_key), len(table))
        rules.append(TopologyRule(RuleKind.REQUIRE, counter, own=own))
    labelled = tuple(sorted({constraint.topology_key for constraint in look.spread}))
    for constraint in look.spread:
        assert look.nodes is not None
        group = Group(constraint.selector, (look.namespace,))
        counted = Counter(group, constraint.topology_key, _domains_of(constraint, look.nodes), labelled)
        counter = table.setdefault(counted, len(table))
        rules.append(
            TopologyRule(
                RuleKind.SPREAD,
                counter,
                skew=constraint.max_skew,
                min_domains=constraint.min_domains or 0,
                own=int(number[group] in look.groups),
            )
        )
    return rules


def _domains_of(constraint: SpreadConstraint, nodes: NodeFilter) -> NodeFilter:
    honored = constraint.node_affinity_policy is NodePolicy.HONOR
    base = affinity_only(nodes) if honored else NodeFilter((), (), (), affinity_only(nodes).tolerations)
    return with_taints(base, nodes.tolerations) if constraint.node_taints_policy is NodePolicy.HONOR else base


def _group_of(term: PodTerm) -> Group:
    return Group(term.selector, term.namespaces)


def _collide(one: HostPort, other: HostPort) -> bool:
    same = one.port == other.port and one.protocol == other.protocol
    return same and (one.ip == other.ip or ANY_IP in (one.ip, other.ip))
