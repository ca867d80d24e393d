"""A cluster in arrays: what the kernels need to judge and change placements.

Pods fall into *classes*: equal requests, equal node filter, equal look to the topology. Nodes stand on *sites*: a
launchable offering, or a running node. Integer arrays throughout; resources in their own units (mCPU, bytes, counts).
"""

from collections.abc import Sequence, Sized
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from domain import labels as keys
from domain.market import Catalog
from domain.node import Node
from domain.policy import Policy
from domain.resources import Resources
from domain.snapshot import Snapshot
from domain.workload import Pod
from solvers.placement.packing import Flags, Floats, Ints
from solvers.placement.rules import NodeFilter, filter_of, tolerated
from solvers.placement.sites import (
    UNSCHEDULABLE,
    Launchable,
    Site,
    accepted,
    domain_of_node,
    launchables,
    site_of_node,
)
from solvers.placement.topology import RuleKind, Topology, looks_of, topology_of

NO_DOMAIN = -1


class Rules(NamedTuple):
    """What never changes while nodes are filled: handed to the kernels as one value.

    Shapes: classes C, sites S, resources R, counters T. ``rule_at`` and ``raise_at`` (C + 1,) index the flat arrays of
    rules and raised counters of each class. ``domain`` (T, S) is the domain of a site for each counter, ``NO_DOMAIN``
    where the key is missing, 0 for hostname counters (whose domain is the node); ``domains`` (T,) how many there are.
    ``counts_here`` (T, S) is 0 where a site does not count for a spread counter, which ``spread`` (T,) marks.
    ``fixed_at`` (S + 1,) indexes what the daemons of a site raise: ``fixed_counter`` by ``fixed_pods`` each.
    ``quota`` (T,) is how many pods a spread counter will count in the end, when all of them are still to be placed, and
    ``quota_over`` over how many domains; -1 when pods run already and only the skew of the moment can be judged.
    """

    size: Ints
    site_ok: Flags
    rule_at: Ints
    rule_kind: Ints
    rule_counter: Ints
    rule_skew: Ints
    rule_min_domains: Ints
    rule_own: Ints
    raise_at: Ints
    raise_counter: Ints
    domain: Ints
    domains: Ints
    by_node: Flags
    counts_here: Flags
    spread: Flags
    fixed_at: Ints
    fixed_counter: Ints
    fixed_pods: Ints
    quota: Ints
    quota_over: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A cluster encoded.

    Parameters
    ----------
    pods
        Every pod of the snapshot that is not a daemon or mirror.
    class_of
        Class of each pod.
    nodes
        Running nodes; node ``n`` stands on site ``len(launchables) + n``.
    capacity
        Room of each site for pods after daemons, (S, R).
    price, objective
        USD per hour of each site as billed, and with the risk premium, (S,); NaN where unknown.
    cordon_hides
        Spread counters (T,) that a node leaves as soon as it is cordoned, because its pods do not tolerate that taint.
    filter_of_class, filter_ok
        Node filter of each class (C,), and which sites each filter accepts (F, S).
    resources
        Names of the resources, in the order of the columns.
    """

    pods: tuple[Pod, ...]
    class_of: Ints
    class_pods: tuple[Pod, ...]
    nodes: tuple[Node, ...]
    launchables: tuple[Launchable, ...]
    topology: Topology
    look_of_class: Ints
    filter_of_class: Ints
    filter_ok: Flags
    cordon_hides: Flags
    rules: Rules
    capacity: Ints
    price: Floats
    objective: Floats
    vcpu: Ints
    resources: tuple[str, ...]

    def site_of_node(self, node: int) -> int:
        """Site of a running node."""
        return len(self.launchables) + node


def encode(snapshot: Snapshot, *, catalog: Catalog, policy: Policy) -> Encoded:
    """Encode a snapshot, its daemons folded into the room of the sites."""
    pods = tuple(pod for pod in snapshot.pods if not (pod.is_daemon or pod.is_mirror))
    offers = launchables(snapshot, catalog=catalog, policy=policy)
    sites = [Site(o.labels, "", o.taints) for o in offers] + [site_of_node(node) for node in snapshot.nodes]
    daemons = [pod for pod in snapshot.pods if (pod.is_daemon or pod.is_mirror) and pod.node_name]
    fixtures = [replace(pod, affinity=(), spread=()) for pod in (*snapshot.daemonsets, *daemons)]
    looks, look_of, groups = looks_of([*pods, *fixtures])
    filters: dict[NodeFilter, int] = {}
    classes: dict[tuple[Resources, int, int], int] = {}
    class_pods: list[Pod] = []
    class_of = np.empty(len(pods), np.int64)
    for p, pod in enumerate(pods):
        key = (pod.requests, filters.setdefault(filter_of(pod), len(filters)), look_of[p])
        class_of[p] = classes.setdefault(key, len(classes))
        if class_of[p] == len(class_pods):
            class_pods.append(pod)
    resources = _resource_names(pods)
    prototypes = [filter_of(daemon) for daemon in snapshot.daemonsets]
    ok = accepted([*filters, *prototypes], sites)
    topology = topology_of(looks, groups)
    look_of_class = np.array([key[2] for key in classes], np.int64)
    class_ok = ok[[key[1] for key in classes]] if classes else np.zeros((0, len(sites)), np.uint8)
    capacity = _capacity(snapshot, catalog, offers, ok[len(filters) :], resources)
    place = {node.name: len(offers) + n for n, node in enumerate(snapshot.nodes)}
    raised = [topology.raises[look] for look in look_of[len(pods) :]]
    fixed = _fixed(raised, ok[len(filters) :, : len(offers)], [place[pod.node_name] for pod in daemons], len(sites))
    price, objective = _prices(snapshot, offers, policy)
    return Encoded(
        pods=pods,
        class_of=class_of,
        class_pods=tuple(class_pods),
        nodes=snapshot.nodes,
        launchables=offers,
        topology=topology,
        look_of_class=look_of_class,
        filter_of_class=np.array([key[1] for key in classes], np.int64),
        filter_ok=ok[: len(filters)],
        cordon_hides=_cordon_hides(topology),
        rules=_rules(
            np.array([_row(key[0], resources) for key in classes], np.int64).reshape(len(classes), len(resources)),
            class_ok, look_of_class, topology, [*sites[: len(offers)], *map(domain_of_node, snapshot.nodes)], fixed,
        ),
        capacity=capacity,
        price=price,
        objective=objective,
        vcpu=_vcpus(snapshot, catalog, offers),
        resources=resources,
    )  # fmt: skip


def _resource_names(pods: Sequence[Pod]) -> tuple[str, ...]:
    """Resources that some pod requests: the others never bind. Pod slots always do."""
    used = {name for request in {pod.requests for pod in pods} for name, amount in request.items() if amount}
    return ("pods", *sorted(used - {"pods"}))


def _row(amounts: Resources, resources: tuple[str, ...]) -> list[int]:
    has = dict(amounts.items())
    return [has.get(name, 0) for name in resources]


def _capacity(
    snapshot: Snapshot, catalog: Catalog, offers: Sequence[Launchable], daemon_ok: Flags, resources: tuple[str, ...]
) -> Ints:
    """Allocatable less the daemons: prototypes on what is launched, what really runs on running nodes."""
    rows = [_row(catalog.types[o.offering.pool.instance_type].allocatable, resources) for o in offers]
    launched = np.array(rows, np.int64).reshape(len(offers), len(resources))
    for daemon, accepts in zip(snapshot.daemonsets, daemon_ok[:, : len(offers)], strict=True):
        launched -= accepts[:, None].astype(np.int64) * np.array(_row(daemon.requests, resources), np.int64)
    running = np.array([_row(n.allocatable, resources) for n in snapshot.nodes], np.int64).reshape(-1, len(resources))
    place = {node.name: n for n, node in enumerate(snapshot.nodes)}
    for pod in snapshot.pods:
        if (pod.is_daemon or pod.is_mirror) and pod.node_name:
            running[place[pod.node_name]] -= np.array(_row(pod.requests, resources), np.int64)
    return np.ascontiguousarray(np.vstack([launched, running]))


def _prices(snapshot: Snapshot, offers: Sequence[Launchable], policy: Policy) -> tuple[Floats, Floats]:
    price = [o.offering.price_usd_per_h for o in offers]
    risk = [o.offering.interruption_per_month for o in offers]
    price += [np.nan if n.price_usd_per_h is None else n.price_usd_per_h for n in snapshot.nodes]
    risk += [n.interruption_per_month for n in snapshot.nodes]
    billed = np.array(price, np.float64)
    return billed, billed * (1.0 + policy.risk_premium * np.array(risk, np.float64))


def _vcpus(snapshot: Snapshot, catalog: Catalog, offers: Sequence[Launchable]) -> Ints:
    launched = [catalog.types[o.offering.pool.instance_type].vcpu for o in offers]
    running = [
        catalog.types[n.instance_type].vcpu if n.instance_type in catalog.types else -(-n.allocatable.cpu_mcpu // 1000)
        for n in snapshot.nodes
    ]
    return np.array(launched + running, np.int64)


def _fixed(raised: Sequence[tuple[int, ...]], accepts: Flags, homes: Sequence[int], sites: int) -> list[dict[int, int]]:
    """What the daemons of each site raise: prototypes where ``accepts`` (D, launchables), then those on ``homes``."""
    fixed: list[dict[int, int]] = [{} for _ in range(sites)]
    where = [*(np.flatnonzero(row).tolist() for row in accepts), *([home] for home in homes)]
    for counters, on in zip(raised, where, strict=True):
        for site in on if counters else ():
            for t in counters:
                fixed[site][t] = fixed[site].get(t, 0) + 1
    return fixed


def _cordon_hides(topology: Topology) -> Flags:
    eligible = [counter.eligible for counter in topology.counters]
    return np.array([e is not None and not tolerated(UNSCHEDULABLE, e.tolerations) for e in eligible], np.uint8)


def _rules(
    size: Ints, class_ok: Flags, look_of_class: Ints, topology: Topology, sites: Sequence[Site],
    fixed: Sequence[dict[int, int]],
) -> Rules:  # fmt: skip
    bound = [topology.rules[look] for look in look_of_class]
    raised = [topology.raises[look] for look in look_of_class]
    flat = [rule for rules in bound for rule in rules]
    domain, domains = _domains(topology, sites)
    by_node = np.array([c.key == keys.HOSTNAME for c in topology.counters], np.uint8)
    spread = np.zeros(len(topology.counters), np.uint8)
    spread[[r.counter for r in flat if r.kind is RuleKind.SPREAD]] = 1
    counts_here = np.ones((len(topology.counters), len(sites)), np.uint8)
    limited = [t for t, counter in enumerate(topology.counters) if counter.eligible is not None]
    if limited:
        filters = [topology.counters[t].eligible for t in limited]
        counts_here[limited] = accepted([f for f in filters if f is not None], sites)
        labelled: dict[str, Flags] = {}
        for t in limited:
            for key in topology.counters[t].labelled:
                if key != keys.HOSTNAME and key not in labelled:
                    labelled[key] = np.array([key in site.labels for site in sites], np.uint8)
                counts_here[t] &= labelled.get(key, np.uint8(1))
    return Rules(
        size=np.ascontiguousarray(size),
        site_ok=np.ascontiguousarray(class_ok),
        rule_at=_offsets(bound),
        rule_kind=np.array([int(r.kind) for r in flat], np.int64),
        rule_counter=np.array([r.counter for r in flat], np.int64),
        rule_skew=np.array([r.skew for r in flat], np.int64),
        rule_min_domains=np.array([r.min_domains for r in flat], np.int64),
        rule_own=np.array([r.own for r in flat], np.int64),
        raise_at=_offsets(raised),
        raise_counter=np.array([c for counters in raised for c in counters], np.int64),
        domain=domain,
        domains=domains,
        by_node=by_node,
        counts_here=counts_here,
        spread=spread,
        fixed_at=_offsets(fixed),
        fixed_counter=np.array([t for counters in fixed for t in counters], np.int64),
        fixed_pods=np.array([pods for counters in fixed for pods in counters.values()], np.int64),
        quota=np.full(len(topology.counters), -1, np.int64),
        quota_over=np.ones(len(topology.counters), np.int64),
    )


def _offsets(lists: Sequence[Sized]) -> Ints:
    return np.concatenate([[0], np.cumsum([len(entries) for entries in lists])]).astype(np.int64)


def _domains(topology: Topology, sites: Sequence[Site]) -> tuple[Ints, Ints]:
    """Domain of each site for each counter, and the number of domains of each counter."""
    table = np.zeros((len(topology.counters), len(sites)), np.int64)
    number = np.ones(len(topology.counters), np.int64)
    by_key: dict[str, tuple[Ints, int]] = {}
    for t, counter in enumerate(topology.counters):
        if counter.key == keys.HOSTNAME:
            continue
        if counter.key not in by_key:
            values: dict[str, int] = {}
            row = [
                values.setdefault(site.labels[counter.key], len(values)) if counter.key in site.labels else NO_DOMAIN
                for site in sites
            ]
            by_key[counter.key] = (np.array(row, np.int64), max(1, len(values)))
        table[t], number[t] = by_key[counter.key]
    return table, number
