"""Specifications of sagas, from decisions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from domain.errors import InputError
from domain.proposal import Concern, ProposedLaunch, RatedPool
from domain.saga import LaunchOrder, PricedPool, Removal, SagaSpec
from domain.units import to_micro_usd
from solvers.decision import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedNode:
    """What is known of a node that a plan removes.

    ``lower_min_to`` is the minimum that its group must have for the node to end through it, where it must be lowered.
    ``drained``: an agent was told to empty it already.
    """

    instance_id: str
    asg: str = ""
    lower_min_to: int | None = None
    cordoned: bool = False
    drained: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What all orders of one plan share. ``lifetime`` is until when after ``observed_at`` it may begin."""

    saga_id: UUID
    organization_id: UUID
    cluster_id: UUID
    observed_at: datetime
    lifetime: timedelta
    width: int
    plan_generation: int | None = None


def of_decision(decision: Decision, frame: Frame, *, nodes: Mapping[str, RemovedNode]) -> SagaSpec:
    """One saga for all that was decided.

    A node that goes waits for the launches of its own proposal; one that AWS takes waits for nothing. Launches of
    Karpenter's NodePools are left to it.

    Raises
    ------
    InputError
        A node that is to be removed is not known.
    """
    left_to_karpenter = {one.template for one in decision.node_pools}
    removals: list[Removal] = []
    launches: list[LaunchOrder] = []
    for number, chosen in enumerate(decision.chosen):
        proposal = chosen.proposal
        orders = tuple(_order(one, number) for one in proposal.launches if one.template not in left_to_karpenter)
        launches += orders
        waits = () if proposal.concern is Concern.LOSS else tuple(order.name for order in orders)
        for name in proposal.removes:
            if name not in nodes:
                raise InputError("decision", f"node {name}", "must be known to be removed")
            removals.append(_removal(name, nodes[name], waits))
    saving = to_micro_usd(decision.saving_usd_per_h)
    for_money = all(chosen.proposal.concern is Concern.SAVING for chosen in decision.chosen)
    return SagaSpec(
        id=frame.saga_id,
        organization_id=frame.organization_id,
        cluster_id=frame.cluster_id,
        observed_at=frame.observed_at,
        stale_at=frame.observed_at + frame.lifetime,
        reason="; ".join(chosen.reason.text for chosen in decision.chosen)[:1_000],
        launches=tuple(launches),
        removals=tuple(removals),
        karpenter=decision.node_pools,
        plan_generation=frame.plan_generation,
        promised_micro_usd_per_h=max(0, saving) if for_money else 0,
        width=frame.width,
    )


def priced(pools: Iterable[RatedPool]) -> tuple[PricedPool, ...]:
    """Pools as they are ordered."""
    return tuple(PricedPool(pool=one.pool, price_micro_usd_per_h=to_micro_usd(one.price_usd_per_h)) for one in pools)


def _order(launch: ProposedLaunch, number: int) -> LaunchOrder:
    spot, on_demand = priced(launch.spot), priced(launch.on_demand)
    return LaunchOrder(
        name=f"{number}.{launch.name}",  # proposals of different modules may call their nodes the same
        template=launch.template,
        spot=spot,
        on_demand=on_demand,
        planned_micro_usd_per_h=(*spot, *on_demand)[0].price_micro_usd_per_h,
    )


def _removal(name: str, node: RemovedNode, after: tuple[str, ...]) -> Removal:
    return Removal(
        node=name,
        instance_id=node.instance_id,
        asg=node.asg,
        lower_min_to=node.lower_min_to,
        after=() if node.drained else after,
        emptied=node.drained,
        was_cordoned=node.cordoned,
    )
