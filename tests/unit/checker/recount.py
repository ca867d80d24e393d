"""kube-scheduler's filters in the plainest form: for each question, look at every node and every pod again.

Slow, and so short that it can be read against the scheduler's documentation. The checker's counts are held against it.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from domain.node import Node
from domain.snapshot import Snapshot
from domain.workload import NodePolicy, Pod, SpreadConstraint
from solvers.checker import Rule, match
from tests.strategies import free


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A pod and the labels of its node."""

    pod: Pod
    labels: Mapping[str, str]


def admits(snapshot: Snapshot, pod: Pod, node: Node) -> bool:
    """Whether kube-scheduler would put a pod that runs nowhere on a node."""
    return not broken(snapshot, pod, node=node)


def broken(snapshot: Snapshot, pod: Pod, *, node: Node) -> set[Rule]:
    """Rules that keep a pod which runs nowhere off a node."""
    labels = {each.name: each.labels for each in snapshot.nodes}
    placed = [Placed(pod=other, labels=labels[other.node_name]) for other in snapshot.pods if other.node_name]
    here = [other for other in snapshot.pods if other.node_name == node.name]
    ports = [port for other in here for port in other.host_ports]
    verdicts = {
        Rule.CORDONED: node.cordoned,
        Rule.NOT_READY: not node.ready,
        Rule.NODE_SELECTOR: not match.node_selector_matches(pod, node.labels),
        Rule.NODE_AFFINITY: not match.node_affinity_matches(pod, labels=node.labels, name=node.name),
        Rule.VOLUME_AFFINITY: not all(
            match.any_term_matches(terms, labels=node.labels, name=node.name) for terms in pod.volume_affinity
        ),
        Rule.TAINT: match.untolerated(node.taints, pod.tolerations) is not None,
        Rule.RESOURCES: bool(pod.requests.short_of(free(snapshot, node))),
        Rule.HOST_PORT: any(match.ports_collide(mine, taken) for mine in pod.host_ports for taken in ports),
        Rule.POD_AFFINITY: not _has_company(pod, node, placed=placed),
        Rule.POD_ANTI_AFFINITY: _clashes(pod, node, placed=placed),
        Rule.TOPOLOGY_SPREAD: any(_skewed(snapshot, pod, node=node, rule=rule) for rule in pod.spread),
    }
    return {rule for rule, verdict in verdicts.items() if verdict}


def _has_company(pod: Pod, node: Node, *, placed: list[Placed]) -> bool:
    keys = {term.topology_key for term in pod.affinity}
    if not all(key in node.labels for key in keys):
        return False
    friends = [other for other in placed if all(match.term_selects(term, other.pod) for term in pod.affinity)]
    seen = {(key, friend.labels[key]) for friend in friends for key in keys if key in friend.labels}
    if not seen and all(match.term_selects(term, pod) for term in pod.affinity):
        return True
    return all((key, node.labels[key]) in seen for key in keys)


def _clashes(pod: Pod, node: Node, *, placed: list[Placed]) -> bool:
    def together(key: str, other: Placed) -> bool:
        return key in node.labels and node.labels[key] == other.labels.get(key)

    mine = any(match.term_selects(t, o.pod) and together(t.topology_key, o) for t in pod.anti_affinity for o in placed)
    theirs = any(
        match.term_selects(t, pod) and together(t.topology_key, o) for o in placed for t in o.pod.anti_affinity
    )
    return mine or theirs


def _skewed(snapshot: Snapshot, pod: Pod, *, node: Node, rule: SpreadConstraint) -> bool:
    if rule.topology_key not in node.labels:
        return True
    counts: dict[str, int] = defaultdict(int)
    for other in snapshot.nodes:
        if _is_domain(other, pod, rule=rule):
            matching = [p for p in snapshot.pods if p.node_name == other.name and _counts(p, pod, rule=rule)]
            counts[other.labels[rule.topology_key]] += len(matching)
    too_few = rule.min_domains is not None and len(counts) < rule.min_domains
    least = 0 if too_few else min(counts.values(), default=0)
    itself = int(_counts(pod, pod, rule=rule))
    return counts.get(node.labels[rule.topology_key], 0) + itself - least > rule.max_skew


def _counts(other: Pod, pod: Pod, *, rule: SpreadConstraint) -> bool:
    return other.namespace == pod.namespace and match.selects(rule.selector, other.labels)


def _is_domain(node: Node, pod: Pod, *, rule: SpreadConstraint) -> bool:
    taints = node.taints + match.state_taints(cordoned=node.cordoned, ready=node.ready)
    affine = match.node_affinity_matches(pod, labels=node.labels, name=node.name)
    return (
        all(each.topology_key in node.labels for each in pod.spread)
        and (
            rule.node_affinity_policy is NodePolicy.IGNORE or (affine and match.node_selector_matches(pod, node.labels))
        )
        and (rule.node_taints_policy is NodePolicy.IGNORE or match.untolerated(taints, pod.tolerations) is None)
    )
