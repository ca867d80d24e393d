"""From an order to a checked plan, in one call that a task of Ray, or any process, can run."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

import structlog

from actors.planning.deciding import URGENT, decided
from actors.planning.karpenter import within_node_pools
from actors.planning.order import PlanAnswer, PlanOrder
from actors.scoring.risk import RegionRisk, with_risk
from adapters.catalog import LiveFigures, load_catalog
from adapters.kubernetes.snapshot import snapshot_from_objects
from domain.commands import Priority
from domain.delta import ObjectSet
from domain.documents.plan_json import cluster_of, plan_to_json
from domain.errors import InvariantError, RejectedError, TransientError
from domain.market import CapacityType, Catalog, Pool
from domain.snapshot import Snapshot
from solvers.placement import Settings, with_prices
from solvers.planning import checked_plan

log = structlog.get_logger(__name__)


AskRisk = Callable[[str, UUID, Sequence[Pool]], RegionRisk | None]
"""Tells the risk of a region's pools for a cluster that runs Spot nodes in some of them; may be away."""

AskMarket = Callable[[str], LiveFigures | None]
"""Tells prices and advice of a region as AWS tells them now; may be away."""


def make_plan(order: PlanOrder, *, ask_risk: AskRisk | None = None, ask_market: AskMarket | None = None) -> PlanAnswer:
    """Carry out an order. Input that cannot be planned, and a plan that the checker refuses, are answers too.

    Without ``ask_market``, or while it is away, prices are those of the carried catalogue. Without ``ask_risk``, or
    while it is away, the risk is that of the catalogue: the advisor's bucket.
    """
    started = time.monotonic()
    try:
        return replace(_planned(order, ask_risk, ask_market), seconds=time.monotonic() - started)
    except RejectedError as err:
        return PlanAnswer(
            request=order.request, cluster=order.cluster, failure=str(err), seconds=time.monotonic() - started
        )
    except InvariantError as err:
        return PlanAnswer(
            request=order.request,
            cluster=order.cluster,
            failure=str(err),
            is_bug=True,
            seconds=time.monotonic() - started,
        )


def _planned(order: PlanOrder, ask_risk: AskRisk | None, ask_market: AskMarket | None) -> PlanAnswer:
    objects = list(ObjectSet.from_bytes(order.objects).objects())
    whole = snapshot_from_objects(objects, region=None, zones=(), observed_at=order.observed_at, from_scratch=False)
    circumstances = order.circumstances
    snapshot = without_nodes(_to_be_placed(order, whole), tuple(circumstances.going), covered=circumstances.covered)
    if order.priority in URGENT:
        snapshot = held_still(snapshot)
    risk = _risk(order, whole, ask_risk)
    catalog = load_catalog(snapshot.region, zones=snapshot.zones, live=_live(order, whole, ask_market))
    catalog = without_pools(with_risk(catalog, risk), order.excluded_pools)
    if circumstances.karpenter:
        snapshot = within_node_pools(snapshot, objects, catalog)
    settings = Settings(time_limit_s=order.time_limit_s, seed=order.seed)
    used, made = checked_plan(snapshot, catalog=catalog, policy=order.policy, settings=settings, clock=time.monotonic)
    notes = tuple(dict.fromkeys((*whole.notes, *catalog.notes, *made.notes)))
    plan = replace(made, generation=order.generation, parent=order.parent, notes=notes)
    seen = with_prices(whole, catalog)
    decision, leaving = decided(order, plan, seen, catalog=catalog, objects=objects)
    return PlanAnswer(
        request=order.request,
        cluster=order.cluster,
        plan=plan,
        document=plan_to_json(plan, cluster=cluster_of(used, catalog), before=seen).encode(),
        decision=decision,
        leaving=leaving,
    )


def _live(order: PlanOrder, snapshot: Snapshot, ask_market: AskMarket | None) -> LiveFigures | None:
    try:
        return ask_market(snapshot.region) if ask_market else None
    except TransientError as err:
        log.warning("a plan is made with the prices of the catalogue", cluster=order.cluster, error=str(err))
        return None


def _risk(order: PlanOrder, snapshot: Snapshot, ask_risk: AskRisk | None) -> RegionRisk | None:
    running = {
        Pool(region=snapshot.region, zone_id=node.zone.id, instance_type=node.instance_type)
        for node in snapshot.nodes
        if node.capacity_type is CapacityType.SPOT
    }
    try:
        return ask_risk(snapshot.region, UUID(order.cluster), sorted(running)) if ask_risk else None
    except TransientError as err:
        log.warning("a plan is made with the risk of the catalogue", cluster=order.cluster, error=str(err))
        return None


def _to_be_placed(order: PlanOrder, whole: Snapshot) -> Snapshot:
    """Pods that wait while another plan is at work were most likely evicted by it, onto nodes that are on their way.

    A replacement buys nothing for them. Those that wait for another reason still wait when that plan has ended.
    """
    if order.priority is not Priority.INTERRUPTION or not order.circumstances.busy:
        return whole
    return replace(whole, pods=tuple(pod for pod in whole.pods if pod.node_name))


def held_still(snapshot: Snapshot) -> Snapshot:
    """The snapshot with nothing to be moved: an urgent plan places what has lost its place, on room there is or new."""
    why = "an urgent plan leaves it alone"
    nodes = tuple(replace(node, do_not_disrupt=node.do_not_disrupt or why) for node in snapshot.nodes)
    return replace(snapshot, nodes=nodes)


def without_nodes(snapshot: Snapshot, names: Sequence[str], *, covered: frozenset[str] = frozenset()) -> Snapshot:
    """The snapshot once these nodes are gone: their pods wait for a place, their daemons end with them.

    Pods of ``covered`` nodes are left out: nodes that are being launched are meant for them.
    """
    gone = frozenset(names)
    if not gone:
        return snapshot
    pods = tuple(
        replace(pod, node_name="") if pod.node_name in gone else pod
        for pod in snapshot.pods
        if not (pod.node_name in gone and (pod.is_daemon or pod.is_mirror or pod.node_name in covered))
    )
    return replace(snapshot, nodes=tuple(node for node in snapshot.nodes if node.name not in gone), pods=pods)


def without_pools(catalog: Catalog, pools: Sequence[Pool]) -> Catalog:
    """The catalogue without Spot offers of these pools; on-demand capacity of a type is not what AWS takes back."""
    flagged = frozenset(pools)
    if not flagged:
        return catalog
    offerings = tuple(
        offering
        for offering in catalog.offerings
        if offering.capacity_type is not CapacityType.SPOT or offering.pool not in flagged
    )
    note = f"{len(flagged)} Spot pools were left out because AWS has taken nodes there lately or had no room"
    return replace(catalog, offerings=offerings, notes=(*catalog.notes, note))
