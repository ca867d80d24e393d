"""Hypothesis strategies of random clusters: few types and zones, few nodes and pods, every constraint there is.

Pods come as workloads, whose replicas share their constraints, as in real clusters. Everything shrinks towards one
zone, one type, few pods and no constraints.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from domain import labels as keys
from domain.market import Arch, CapacityType, Catalog, Offering, Zone
from domain.node import Effect, Node, NodeTemplate, Taint
from domain.policy import Capacity, Policy
from domain.resources import Resources
from domain.selectors import NodeTerm, Operator
from domain.snapshot import Snapshot
from domain.workload import (
    HostPort,
    NodePolicy,
    Owner,
    Pod,
    PodDisruptionBudget,
    PodTerm,
    SpreadConstraint,
    Toleration,
)
from tests.builders import (
    ARM,
    BURSTABLE,
    GPU,
    LARGE,
    METAL,
    XLARGE,
    ZONES,
    make_budget,
    make_catalog,
    make_node,
    make_offering,
    make_pod,
    make_pod_term,
    make_resources,
    make_selector,
    make_snapshot,
    make_spread,
    make_template,
    make_term,
    require,
)

APPS = ("api", "db", "job", "ui")
NAMESPACES = ("web", "data", "kube-system")
TEAM_TAINT = Taint(key="team", value="ml", effect=Effect.NO_SCHEDULE)
EXTRA_TAINT = Taint(key="maintenance", effect=Effect.NO_EXECUTE)
MAX_NODES, MAX_PODS = 12, 40

Draw = st.DrawFn
Admit = Callable[[Snapshot, Pod, Node], bool]
"""Whether a pod may run on a node of a snapshot, other than by room: see `clusters`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a planner is given."""

    snapshot: Snapshot
    catalog: Catalog
    policy: Policy


def rarely(draw: Draw, one_in: int = 8) -> bool:
    """True once in so many draws, and never in the simplest example."""
    return draw(st.integers(0, one_in - 1)) == one_in - 1


@st.composite
def catalogs(draw: Draw, zones: Sequence[Zone]) -> Catalog:
    """One to five types, each on offer in some of the zones, at prices of their own."""
    types = draw(
        st.lists(st.sampled_from((LARGE, XLARGE, ARM, GPU, BURSTABLE, METAL)), min_size=1, max_size=5, unique=True)
    )
    everything = [make_offering(kind, zone, spot=spot) for kind in types for zone in zones for spot in (False, True)]
    chosen = [offering for offering in everything if not rarely(draw, 4)] or everything[:1]
    return make_catalog(types, zones=zones, offerings=[_priced(draw, offering) for offering in chosen])


@st.composite
def policies(draw: Draw) -> Policy:
    """Limits and weights of every kind; most let the planner move things for a small gain."""
    picky = rarely(draw)
    return Policy(
        capacity=draw(st.sampled_from((Capacity.MIXED, Capacity.SPOT, Capacity.ON_DEMAND))),
        families=("m5", "m6g") if picky else (),
        architectures=(Arch.AMD64,) if rarely(draw) else (),
        excluded_namespaces=() if rarely(draw) else ("kube-system",),
        max_pool_share=draw(st.sampled_from((1.0, 1.0, 0.7, 0.5, 0.34))),
        max_loss_share=draw(st.sampled_from((0.5, 0.3))),
        max_loss_probability=draw(st.sampled_from((1.0, 1.0, 1.0, 0.2, 0.05))),
        risk_premium=draw(st.sampled_from((0.1, 0.0, 1.0))),
        eviction_cost_usd=draw(st.sampled_from((0.0, 0.002, 0.1))),
        min_saving_share=draw(st.sampled_from((0.0, 0.02))),
        node_min_saving_share=draw(st.sampled_from((0.0, 0.05))),
        max_concurrent_actions=draw(st.integers(1, 5)),
        allow_burstable=not rarely(draw, 4),
        allow_bare_metal=rarely(draw, 4),
    )


@st.composite
def templates(draw: Draw) -> tuple[NodeTemplate, ...]:
    """The default template, at times with a tainted one of a team, at times with one for SSDs that names its types."""
    plain = make_template()
    ml = make_template("ml", {"team": "ml"}, taints=[TEAM_TAINT], families=["g4dn", "m5"])
    ssd = make_template("ssd", {"disk": "ssd"}, instance_types=["m5.large", "m6g.large"])
    return (plain, *([ml] if rarely(draw, 3) else []), *([ssd] if rarely(draw, 3) else []))


@st.composite
def pod_terms(draw: Draw, app: str) -> PodTerm:
    """A term about the pod's own workload or another one, in its own or in all namespaces."""
    about = app if draw(st.booleans()) else draw(st.sampled_from(APPS))
    key = draw(st.sampled_from((keys.HOSTNAME, keys.ZONE, keys.ARCH, "rack")))
    namespaces = draw(st.sampled_from((("web",), ("web", "data"), None)))
    return make_pod_term(make_selector(app=about), key, namespaces=namespaces)


@st.composite
def spreads(draw: Draw, app: str) -> SpreadConstraint:
    """A spread over zones or hosts, mostly of the pod's own workload."""
    about = draw(st.sampled_from(APPS)) if rarely(draw) else app
    return make_spread(
        make_selector(app=about),
        draw(st.sampled_from((keys.ZONE, keys.HOSTNAME, keys.KARPENTER_CAPACITY_TYPE))),
        max_skew=draw(st.integers(1, 3)),
        min_domains=draw(st.sampled_from((None, None, 2, 3))),
        affinity_policy=NodePolicy.IGNORE if rarely(draw, 4) else NodePolicy.HONOR,
        taints_policy=NodePolicy.HONOR if rarely(draw, 4) else NodePolicy.IGNORE,
    )


@st.composite
def node_terms(draw: Draw) -> NodeTerm:
    """A node affinity term of one requirement, of any operator."""
    return draw(
        st.sampled_from(
            (
                make_term(require(keys.ARCH, Operator.IN, "amd64")),
                make_term(require(keys.ZONE, Operator.IN, ZONES[0].name, ZONES[1].name)),
                make_term(require(keys.KARPENTER_CAPACITY_TYPE, Operator.NOT_IN, "spot")),
                make_term(require("disk", Operator.EXISTS)),
                make_term(require("team", Operator.DOES_NOT_EXIST)),
                make_term(require(keys.KARPENTER_INSTANCE_PREFIX + "cpu", Operator.GT, "2")),
                make_term(require(keys.KARPENTER_INSTANCE_PREFIX + "cpu", Operator.LT, "90")),
                make_term(names=[require("metadata.name", Operator.IN, "n0", "n1")]),
                make_term(),
            )
        )
    )


@st.composite
def requests(draw: Draw) -> Resources:
    """From next to nothing to more than any type has."""
    cpu = draw(st.sampled_from((0.1, 0.25, 0.5, 1.0, 1.5, 1.9, 3.5, 0.0)))
    gib = draw(st.sampled_from((0.25, 0.5, 1.0, 2.0, 4.0, 7.5, 0.0)))
    gpus = {"nvidia.com/gpu": 1} if rarely(draw, 10) else {}
    giant = 1000 if rarely(draw, 30) else 1
    return make_resources(cpu * giant, gib, disk_gib=10 if rarely(draw) else 0, extended=gpus)


@st.composite
def workloads(draw: Draw) -> tuple[Pod, ...]:
    """One to eight replicas, still pending, with the constraints of their workload."""
    app, namespace = draw(st.sampled_from(APPS)), draw(st.sampled_from(NAMESPACES))
    number = draw(st.integers(0, 999))
    first = make_pod(
        "replica",
        namespace=namespace,
        labels={"app": app, "workload": f"{app}-{number}"},
        requests=draw(requests()),
        owner=Owner(kind="Deployment", name=f"{app}-{number}"),
        node_selector=draw(st.sampled_from(({"disk": "ssd"}, {keys.ZONE: ZONES[0].name}))) if rarely(draw) else None,
        node_affinity=draw(st.lists(node_terms(), min_size=1, max_size=2)) if rarely(draw, 5) else (),
        volume_affinity=[(draw(node_terms()),)] if rarely(draw, 10) else (),
        tolerations=[draw(tolerations())] if rarely(draw, 4) else (),
        affinity=[draw(pod_terms(app))] if rarely(draw) else (),
        anti_affinity=[draw(pod_terms(app))] if rarely(draw, 5) else (),
        spread=draw(st.lists(spreads(app), min_size=1, max_size=2)) if rarely(draw, 4) else (),
        host_ports=[draw(host_ports())] if rarely(draw) else (),
        do_not_disrupt="annotated" if rarely(draw, 12) else "",
    )
    replicas = draw(st.integers(1, 8))
    return tuple(replace(first, name=f"{app}-{number}-{i}") for i in range(replicas))


@st.composite
def tolerations(draw: Draw) -> Toleration:
    """One that fits the team's taint, or all taints, or another effect."""
    fits = Toleration(key="team", value="ml")
    return draw(st.sampled_from((fits, Toleration(exists=True), replace(fits, effect=Effect.NO_EXECUTE))))


@st.composite
def host_ports(draw: Draw) -> HostPort:
    """Ports that often collide."""
    return HostPort(
        port=draw(st.sampled_from((80, 443))),
        protocol=draw(st.sampled_from(("TCP", "UDP"))),
        ip=draw(st.sampled_from(("0.0.0.0", "10.0.0.1", "10.0.0.2"))),
    )


@st.composite
def nodes(draw: Draw, catalog: Catalog, choices: Sequence[NodeTemplate]) -> list[Node]:
    """Up to twelve running nodes of the catalogue, a few of them odd in one way or another."""
    count = draw(st.integers(0, MAX_NODES))
    return [_node(draw, name=f"n{i}", catalog=catalog, choices=choices) for i in range(count)]


@st.composite
def budgets(draw: Draw, pods: Sequence[Pod]) -> tuple[PodDisruptionBudget, ...]:
    """Budgets over some workloads, at times over a whole namespace on top."""
    found = {(pod.namespace, pod.labels["workload"]) for pod in pods if "workload" in pod.labels}
    chosen = [(namespace, workload) for namespace, workload in sorted(found) if rarely(draw, 3)]
    of_workloads = [
        make_budget(workload, draw(st.integers(0, 2)), namespace=namespace, selector=make_selector(workload=workload))
        for namespace, workload in chosen
    ]
    everything = [make_budget("all", draw(st.integers(0, 3)), namespace="web")] if rarely(draw) else []
    return (*of_workloads, *everything)


@st.composite
def clusters(draw: Draw, admit: Admit | None = None) -> Case:
    """A whole cluster with its policy and catalogue.

    Running pods sit on nodes with room. ``admit`` decides what else must hold for them; without it they may break
    rules, as pods do whose nodes were relabelled after they were scheduled.
    """
    zones = ZONES[: draw(st.integers(1, 3))]
    catalog, choices = draw(catalogs(zones)), draw(templates())
    running = draw(nodes(catalog, choices))
    daemonsets = _daemonsets(draw)
    snapshot = make_snapshot(running, _fixtures(draw, running, daemonsets), zones=zones, templates=choices)
    waiting = _unique(draw(st.lists(workloads(), max_size=8)))
    for pod in waiting:
        home = "" if rarely(draw, 5) else _home(draw, pod, snapshot=snapshot, admit=admit)
        snapshot = replace(snapshot, pods=(*snapshot.pods, replace(pod, node_name=home)))
    snapshot = replace(snapshot, daemonsets=daemonsets, budgets=draw(budgets(waiting)))
    return Case(snapshot=snapshot, catalog=catalog, policy=draw(policies()))


def free(snapshot: Snapshot, node: Node) -> Resources:
    """What the pods of a node leave."""
    room = node.allocatable
    for pod in snapshot.pods:
        if pod.node_name == node.name:
            room = room.minus_floored(pod.requests)
    return room


def _priced(draw: Draw, offering: Offering) -> Offering:
    factor = draw(st.sampled_from((1.0, 0.8, 1.3)))
    chance = draw(st.sampled_from((0.05, 0.0, 0.2))) if offering.capacity_type is CapacityType.SPOT else 0.0
    return replace(offering, price_usd_per_h=offering.price_usd_per_h * factor, interruption_per_month=chance)


def _node(draw: Draw, *, name: str, catalog: Catalog, choices: Sequence[NodeTemplate]) -> Node:
    offering = draw(st.sampled_from(catalog.offerings))
    node = make_node(
        name,
        catalog.types[offering.pool.instance_type],
        zone=offering.zone,
        spot=offering.capacity_type is CapacityType.SPOT,
        price=offering.price_usd_per_h,
        template=draw(st.sampled_from(choices)),
        labels={"rack": draw(st.sampled_from("12"))} if rarely(draw, 3) else None,
        taints=[EXTRA_TAINT] if rarely(draw, 12) else [],
        ready=not rarely(draw, 12),
        cordoned=rarely(draw, 12),
        do_not_disrupt="annotated" if rarely(draw, 12) else "",
    )
    price = None if rarely(draw, 20) else node.price_usd_per_h
    return replace(node, price_usd_per_h=price, interruption_per_month=offering.interruption_per_month)


def _daemonsets(draw: Draw) -> tuple[Pod, ...]:
    agent = make_pod("agent", 0.1, gib=0.25, namespace="kube-system", labels={"app": "agent"}, is_daemon=True)
    everywhere = replace(agent, tolerations=(Toleration(exists=True),))
    exporter = make_pod(
        "exporter",
        0.05,
        gib=0.1,
        namespace="kube-system",
        labels={"app": "exporter"},
        is_daemon=True,
        node_selector={keys.ARCH: "amd64"},
        host_ports=[HostPort(port=80)],
    )
    return (*([everywhere] if draw(st.booleans()) else []), *([exporter] if rarely(draw, 4) else []))


def _fixtures(draw: Draw, running: Sequence[Node], daemonsets: Sequence[Pod]) -> list[Pod]:
    """Pods that belong to their node: daemons where their selector lets them, at times a mirror pod."""
    daemons = [
        replace(daemon, name=f"{daemon.name}-{node.name}", node_name=node.name)
        for node in running
        for daemon in daemonsets
        if all(node.labels.get(key) == value for key, value in daemon.node_selector)
    ]
    mirrors = [
        make_pod(f"static-{node.name}", 0.1, gib=0.1, namespace="kube-system", is_mirror=True, on=node.name)
        for node in running
        if rarely(draw, 15)
    ]
    return daemons + mirrors


def _home(draw: Draw, pod: Pod, *, snapshot: Snapshot, admit: Admit | None) -> str:
    """A node with room, the search starting anywhere; none when there is none."""
    start = draw(st.integers(0, max(0, len(snapshot.nodes) - 1)))
    for node in (*snapshot.nodes[start:], *snapshot.nodes[:start]):
        if not pod.requests.short_of(free(snapshot, node)) and (admit is None or admit(snapshot, pod, node)):
            return node.name
    return ""


def _unique(groups: Sequence[tuple[Pod, ...]]) -> list[Pod]:
    pods = {pod.key: pod for group in groups for pod in group}
    return list(pods.values())[:MAX_PODS]
