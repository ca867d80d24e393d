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
from solvers.placement.rules import NodeFilter, SelectorIndex, affinity_only, filter_of, with_taints

ANY_IP = "0.0.0.0"
ANY_NODE = NodeFilter((), (), (), ())
"""Stands for the node filter of pods that no rule asks for it."""


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

    def covers(self, namespace: str) -> bool:
        """Whether it looks at pods of a namespace."""
        return self.namespaces is None or namespace in self.namespaces


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
    nodes: NodeFilter
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
    index: SelectorIndex[int] = SelectorIndex()
    for group, n in groups.items():
        index.add(group.selector, n)
    listed = list(groups)
    members: dict[tuple[str, tuple[tuple[str, str], ...]], frozenset[int]] = {}
    looks: dict[Look, int] = {}
    of: list[int] = []
    for pod in pods:
        seen = (pod.namespace, tuple(sorted((k, v) for k, v in pod.labels.items() if k in used)))
        if seen not in members:
            members[seen] = frozenset(n for n in index.selecting(dict(seen[1])) if listed[n].covers(pod.namespace))
        look = Look(
            members[seen], pod.affinity, pod.anti_affinity, pod.spread, pod.host_ports,
            filter_of(pod) if pod.spread else ANY_NODE, pod.namespace if pod.spread else "",
        )  # fmt: skip
        of.append(looks.setdefault(look, len(looks)))
    return list(looks), of, listed


def topology_of(looks: Sequence[Look], groups: Sequence[Group]) -> Topology:
    """Counters and rules for every look."""
    table: dict[Counter, int] = {}
    number = {group: n for n, group in enumerate(groups)}
    rules = [list(_own_rules(look, table, number)) for look in looks]
    raises = _raised(looks, table, number)
    owners: dict[int, list[int]] = {}
    for n, look in enumerate(looks):
        for term in look.anti_affinity:
            counter = table.setdefault(Counter(term, term.topology_key), len(table))
            raises[n].add(counter)
            if counter not in owners.setdefault(number[_group_of(term)], []):
                owners[number[_group_of(term)]].append(counter)
    ports = {port for look in looks for port in look.host_ports}
    for n, look in enumerate(looks):
        rules[n] += [TopologyRule(RuleKind.FORBID, c) for g in look.groups for c in owners.get(g, ())]
        for port in look.host_ports:
            raises[n].add(table.setdefault(Counter(port, keys.HOSTNAME), len(table)))
            for other in ports:
                if _collide(port, other):
                    c = table.setdefault(Counter(other, keys.HOSTNAME), len(table))
                    rules[n].append(TopologyRule(RuleKind.FORBID, c))
    return Topology(
        counters=list(table),
        raises=[tuple(sorted(r)) for r in raises],
        rules=[tuple(dict.fromkeys(r)) for r in rules],
    )


def _raised(looks: Sequence[Look], table: Mapping[Counter, int], number: Mapping[Group, int]) -> list[set[int]]:
    """Counters of groups that each look belongs to."""
    by_group: dict[int, list[int]] = {}
    together: list[tuple[frozenset[int], int]] = []
    for counter, c in table.items():
        groups = {counter.what} if isinstance(counter.what, Group) else set()
        groups |= counter.what.groups if isinstance(counter.what, AllOf) else set()
        if len(groups) == 1:
            by_group.setdefault(number[groups.pop()], []).append(c)
        elif groups:
            together.append((frozenset(number[group] for group in groups), c))
    return [
        {c for g in look.groups for c in by_group.get(g, ())} | {c for groups, c in together if look.groups >= groups}
        for look in looks
    ]


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
