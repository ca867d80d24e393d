"""Whether kube-scheduler would let a pod onto a node, rule by rule, and why not.

Source: the filters of Kubernetes 1.33: ``NodeUnschedulable``, ``NodeAffinity``, ``VolumeBinding``, ``TaintToleration``,
``NodeResourcesFit``, ``NodePorts``, ``InterPodAffinity``, ``PodTopologySpread``.
"""

from collections.abc import Iterator

from domain.workload import Pod
from solvers.checker import match
from solvers.checker.census import Kind, SpreadRule
from solvers.checker.cluster import Cluster
from solvers.checker.site import Site
from solvers.checker.violation import Rule

Objection = tuple[Rule, str]
"""A rule and what about it does not hold."""


def objections(cluster: Cluster, pod: Pod, *, site: Site) -> tuple[Objection, ...]:
    """Every rule that keeps a pod which runs nowhere off a node as things are now; empty when it may go there."""
    return tuple(_objections(cluster, pod, site=site))


def fits(cluster: Cluster, pod: Pod, *, site: Site) -> bool:
    """Whether no rule objects: as `objections`, but it stops at the first."""
    return not any(True for _ in _objections(cluster, pod, site=site))


def state(site: Site) -> Iterator[Objection]:
    """A plan places nothing on cordoned or unready nodes, even for pods that tolerate those taints."""
    if site.cordoned:
        yield Rule.CORDONED, "the node is cordoned"
    if not site.ready:
        yield Rule.NOT_READY, "the node is not ready"


def node_rules(pod: Pod, site: Site) -> Iterator[Objection]:
    """Rules between a pod and the labels and taints of a node."""
    if not match.node_selector_matches(pod, site.labels):
        yield Rule.NODE_SELECTOR, f"the node lacks labels of {dict(pod.node_selector)}"
    if not match.node_affinity_matches(pod, labels=site.labels, name=site.field_name):
        yield Rule.NODE_AFFINITY, "no term of the required node affinity matches"
    if not all(match.any_term_matches(v, labels=site.labels, name=site.field_name) for v in pod.volume_affinity):
        yield Rule.VOLUME_AFFINITY, "a volume cannot be reached from the node"
    taint = match.untolerated(site.taints, pod.tolerations)
    if taint is not None:
        yield Rule.TAINT, f"taint {taint} is not tolerated"


def room(kind: Kind, site: Site) -> Iterator[Objection]:
    """Requests against what is free. What a pod does not ask for is not looked at, however overcommitted."""
    for resource, amount in kind.needs:
        if amount > site.free(resource):
            yield Rule.RESOURCES, f"{resource}: {amount} requested, {site.free(resource)} free"


def ports(pod: Pod, site: Site) -> Iterator[Objection]:
    """Host ports against those taken."""
    for port in pod.host_ports:
        if any(taken and match.ports_collide(port, other) for other, taken in site.ports.items()):
            yield Rule.HOST_PORT, f"port {port.port}/{port.protocol} on {port.ip} is taken"


def neighbours(kind: Kind, site: Site) -> Iterator[Objection]:
    """Required pod affinity and anti-affinity, the latter from both sides."""
    if not _company(kind, site):
        yield Rule.POD_AFFINITY, "a required pod affinity term finds no pod in the node's domain"
    for term, tally in kind.apart:
        if tally.at(site):
            yield Rule.POD_ANTI_AFFINITY, f"it must stay apart from a pod in the same {term.topology_key}"
    for tally in kind.repelled_by:
        if tally.at(site):
            yield Rule.POD_ANTI_AFFINITY, f"a pod in the same {tally.topology_key} must stay apart from it"


def spread(rule: SpreadRule, site: Site, *, itself: int) -> Iterator[Objection]:
    """A topology spread constraint, ``itself`` being 1 when the pod counts and is not placed yet."""
    constraint, key = rule.constraint, rule.constraint.topology_key
    if key not in site.labels:
        yield Rule.TOPOLOGY_SPREAD, f"the node has no label {key}"
        return
    skew = rule.tally.at(site) + itself - _least(rule)
    if skew > constraint.max_skew:
        yield Rule.TOPOLOGY_SPREAD, f"skew over {key} would be {skew}, at most {constraint.max_skew} is allowed"


def _objections(cluster: Cluster, pod: Pod, *, site: Site) -> Iterator[Objection]:
    kind = cluster.census.kind(pod)
    yield from state(site)
    yield from room(kind, site)
    yield from node_rules(pod, site)
    yield from ports(pod, site)
    yield from neighbours(kind, site)
    for rule in kind.spread:
        yield from spread(rule, site, itself=rule.itself)


def _company(kind: Kind, site: Site) -> bool:
    """All topology keys must be on the node; the first pod of a series that selects itself needs no company yet."""
    if any(tally.topology_key not in site.labels for tally in kind.near):
        return False
    first_of_series = kind.founder and not any(tally.counts for tally in kind.near)
    return first_of_series or all(tally.at(site) for tally in kind.near)


def _least(rule: SpreadRule) -> int:
    """The fewest matching pods of any domain, 0 when there are fewer domains than ``minDomains``."""
    eligibility, wanted = rule.tally.eligibility, rule.constraint.min_domains or 0
    if eligibility is not None and eligibility.domains(rule.constraint.topology_key) < wanted:
        return 0
    return rule.tally.least()
