"""Specifications of sagas, from decisions and from the single actions that a cluster's state machine asks for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from domain.commands import AskAws, AwsActionKind
from domain.errors import InputError
from domain.proposal import Concern, ProposedLaunch, RatedPool
from domain.saga import LaunchOrder, NodePoolRequirement, PricedPool, Removal, SagaSpec
from domain.units import to_micro_usd
from solvers.decision import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedNode:
    """What is known of a node that a plan removes."""

    instance_id: str
    asg: str = ""
    price_micro_usd_per_h: int = 0
    cordoned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What all orders of one plan share."""

    saga_id: UUID
    organization_id: UUID
    cluster_id: UUID
    observed_at: datetime
    lifetime: timedelta
    width: int
    plan_generation: int | None = None


def of_decision(
    decision: Decision, frame: Frame, *, nodes: Mapping[str, RemovedNode], karpenter: Iterable[NodePoolRequirement] = ()
) -> SagaSpec:
    """One saga for all that was decided.

    A node that goes waits for the launches of its own proposal; one that AWS takes waits for nothing. With
    ``karpenter`` the launches are left to it.

    Raises
    ------
    InputError
        A node that is to be removed is not known.
    """
    requirements = tuple(karpenter)
    removals: list[Removal] = []
    launches: list[LaunchOrder] = []
    for number, chosen in enumerate(decision.chosen):
        proposal = chosen.proposal
        orders = () if requirements else tuple(_order(one, number) for one in proposal.launches)
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
        karpenter=requirements,
        plan_generation=frame.plan_generation,
        promised_micro_usd_per_h=max(0, saving) if for_money else 0,
        width=frame.width,
    )


def of_action(
    command: AskAws, frame: Frame, *, order: LaunchOrder | None = None, node: RemovedNode | None = None
) -> SagaSpec:
    """A saga for one launch, or for the end of one node that somebody else has emptied.

    Raises
    ------
    InputError
        What the action is about is not known.
    """
    if command.kind is AwsActionKind.LAUNCH and order is None:
        raise InputError(f"launch {command.node}", "", "nothing is known to launch it from")
    if command.kind is AwsActionKind.TERMINATE and node is None:
        raise InputError(f"node {command.node}", "", "its instance is not known")
    removals = (_emptied(command.node, node),) if node is not None else ()
    return SagaSpec(
        id=frame.saga_id,
        organization_id=frame.organization_id,
        cluster_id=frame.cluster_id,
        observed_at=frame.observed_at,
        stale_at=command.expires_at,
        reason=command.reason,
        launches=(order,) if order is not None else (),
        removals=removals,
        plan_generation=command.plan,
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
        price_micro_usd_per_h=node.price_micro_usd_per_h,
        after=after,
        was_cordoned=node.cordoned,
    )


def _emptied(name: str, node: RemovedNode) -> Removal:
    return Removal(node=name, instance_id=node.instance_id, asg=node.asg, emptied=True, was_cordoned=True)
