"""What of a plan is carried out: the plan taken apart, and each part judged by the decision engine."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from actors.cluster.records import Leaving, instance_id_of
from actors.planning.karpenter import NodePools, left_to_karpenter
from actors.planning.order import Circumstances, PlanOrder
from domain.canonical import KubeObject
from domain.commands import Priority
from domain.market import Catalog
from domain.node import Node
from domain.plan import Plan, Reason
from domain.proposal import Concern, Module, Proposal
from domain.snapshot import Snapshot
from solvers.decision import Decision, Facts, NodeState, Refusal, Rule, resolve
from solvers.decision.parts import Shop, parts_of

URGENT = (Priority.INTERRUPTION, Priority.PENDING)
"""Plans that place what has no place, and move nothing else."""


def decided(
    order: PlanOrder, plan: Plan, whole: Snapshot, *, catalog: Catalog, objects: Sequence[KubeObject] = ()
) -> tuple[Decision, tuple[Leaving, ...]]:
    """Decide on a plan.

    Parameters
    ----------
    whole
        The cluster as it was seen, with nodes that go, prices joined.
    objects
        The same as the agent sent it, for Karpenter's NodePools.

    Returns
    -------
    The decision, and the nodes that it removes.
    """
    circumstances = order.circumstances
    here = {node.name for node in whole.nodes}
    uncovered = {
        name: module
        for name, module in circumstances.going.items()
        if name in here and name not in circumstances.covered
    }
    shop = Shop(catalog=catalog, policy=order.policy, avoid=frozenset(order.excluded_pools))
    proposals = [
        _left_to_others(one, circumstances)
        for one in parts_of(plan, whole, going=uncovered, shop=shop, observed_at=order.observed_at)
    ]
    put_off = [one for one in proposals if order.priority in URGENT and one.concern is Concern.SAVING]
    decision = resolve(
        [one for one in proposals if one not in put_off],
        facts=_facts(order, whole),
        policy=replace(circumstances.limits, base=order.policy),
        now=order.ordered_at,
    )
    refused = (*decision.refused, *map(_put_off, put_off))
    decision = replace(decision, refused=tuple(sorted(refused, key=lambda one: one.proposal)))
    if circumstances.karpenter:
        pools = NodePools.of(objects, whole, catalog, at_once=order.policy.max_concurrent_actions)
        decision = left_to_karpenter(decision, pools, now=order.ordered_at)
    nodes = {node.name: node for node in whole.nodes}
    removed = [name for chosen in decision.chosen for name in chosen.proposal.removes]
    return decision, tuple(_leaving(nodes[name]) for name in removed)


def _left_to_others(proposal: Proposal, circumstances: Circumstances) -> Proposal:
    """What AWS takes is replaced even where another plan is at work on the node: that one sees to its end."""
    if proposal.concern is not Concern.LOSS:
        return proposal
    return replace(proposal, removes=tuple(name for name in proposal.removes if name not in circumstances.busy))


def _facts(order: PlanOrder, whole: Snapshot) -> Facts:
    circumstances, past = order.circumstances, order.circumstances.past
    return Facts(
        nodes={node.name: _state(node, past.changed.get(node.name)) for node in whole.nodes},
        # What one leaves because AWS recommends it is not taken: its own proposal must not be refused for it.
        going=frozenset(name for name, module in circumstances.going.items() if module is Module.INTERRUPTION),
        busy=circumstances.busy,
        flagged=frozenset(order.excluded_pools),
        resting=circumstances.resting,
        disruptions=past.disruptions,
        capacity_failures=past.capacity_failures,
        fallbacks=past.fallbacks,
    )


def _put_off(proposal: Proposal) -> Refusal:
    text = "an urgent plan holds nothing that only saves money: it comes with the next plan"
    rule = Rule.STABILITY_FIRST
    return Refusal(proposal=proposal.id, rule=rule, reason=Reason(code=rule, text=text))


def _state(node: Node, changed_at: datetime | None) -> NodeState:
    return NodeState(
        template=node.template,
        price_usd_per_h=node.price_usd_per_h,
        interruption_per_month=node.interruption_per_month,
        ready=node.ready,
        cordoned=node.cordoned,
        protected=node.do_not_disrupt,
        changed_at=changed_at,
    )


def _leaving(node: Node) -> Leaving:
    return Leaving(
        node=node.name,
        instance_id=instance_id_of(node.provider_id),
        template=node.template,
        cordoned=node.cordoned,
    )
