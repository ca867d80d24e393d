"""A decision in a cluster where Karpenter launches: what its NodePools are to launch, and what is left to Karpenter.

The agent judges again, against the NodePools as they are when it changes them; what is refused here is refused before a
person has approved it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain import labels as keys
from domain.canonical import KubeObject
from domain.karpenter.requirements import allows, labels_of_type, requirements_of
from domain.karpenter.verdict import why_not
from domain.market import CapacityType, Catalog, InstanceType, Zone
from domain.node import NodeTemplate, labels_of_launched_node
from domain.plan import Reason
from domain.proposal import Concern, ProposedLaunch, RatedPool
from domain.saga import NodePoolRequirement
from domain.snapshot import Snapshot
from solvers.decision import Chosen, Decision, Refusal, Rule

BY_ITSELF = "Karpenter launches for pods without a place by itself"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePools:
    """Karpenter's NodePools in a cluster, and what may be bought there.

    Parameters
    ----------
    objects
        As the agent has sent them, by name.
    at_once
        Nodes that are worked on at once.
    """

    objects: Mapping[str, KubeObject]
    templates: Mapping[str, NodeTemplate]
    pool_of_node: Mapping[str, str]
    zones: Mapping[str, Zone]
    catalog: Catalog
    at_once: int

    @classmethod
    def of(cls, objects: Iterable[KubeObject], whole: Snapshot, catalog: Catalog, *, at_once: int) -> "NodePools":
        """Those of a cluster as it was seen."""
        return cls(
            objects={str(one["metadata"]["name"]): one for one in objects if one.get("kind") == "NodePool"},
            templates={template.name: template for template in whole.templates},
            pool_of_node={node.name: node.labels.get(keys.KARPENTER_NODE_POOL, "") for node in whole.nodes},
            zones={zone.id: zone for zone in whole.zones},
            catalog=catalog,
            at_once=at_once,
        )

    def name_of(self, template: str) -> str:
        """The NodePool that a template stands for, empty when it is another group of nodes."""
        found = self.templates.get(template)
        return found.labels.get(keys.KARPENTER_NODE_POOL, "") if found is not None else ""

    def allows(self, launch: ProposedLaunch, pool: RatedPool, capacity_type: CapacityType) -> bool:
        """Whether the NodePool of a launch allows a pool."""
        kind, zone = self.catalog.types.get(pool.pool.instance_type), self.zones.get(pool.pool.zone_id)
        found = self.objects.get(self.name_of(launch.template))
        if kind is None or zone is None or found is None:
            return False
        template = self.templates[launch.template]
        return allows(requirements_of(found), _labels(template, kind, zone, capacity_type, region=pool.pool.region))


def within_node_pools(snapshot: Snapshot, objects: Iterable[KubeObject], catalog: Catalog) -> Snapshot:
    """The snapshot with templates of NodePools limited to the instance types that these allow somewhere."""
    pools = NodePools.of(objects, snapshot, catalog, at_once=0)
    return replace(snapshot, templates=tuple(_limited(template, pools) for template in snapshot.templates))


def left_to_karpenter(decision: Decision, pools: NodePools, *, now: datetime) -> Decision:
    """The decision with what its NodePools are to launch; parts that they do not allow are refused, with the reason.

    A replacement of a node that AWS takes, and room for pods without a place, is what Karpenter launches by itself as
    soon as it sees those pods: nothing is required of it first, which would only cost time.
    """
    chosen: list[Chosen] = []
    refused = list(decision.refused)
    for one in (_without_foreign(one, pools) for one in decision.chosen):
        why = _why_not(one, pools)
        if why:
            refused.append(_refusal(one, why))
        else:
            chosen.append(_by_itself(one, pools))
    while problem := _problem(chosen, pools, now):  # what is refused takes its share of other requirements with it
        name, why = problem
        spoilt = [one for one in chosen if one.proposal.concern is not Concern.LOSS and name in _names(one, pools)]
        chosen = [one for one in chosen if one not in spoilt]
        refused += [_refusal(one, f"NodePool {name} cannot be narrowed: {why}") for one in spoilt]
    return replace(
        decision,
        chosen=tuple(_told(one, pools) for one in chosen),
        refused=tuple(sorted(refused, key=lambda one: one.proposal)),
        node_pools=tuple(_wanted(chosen, pools)),
    )


def _problem(chosen: Sequence[Chosen], pools: NodePools, now: datetime) -> tuple[str, str] | None:
    """A NodePool that does not take what is wanted of it, and why."""
    for wanted in _wanted(chosen, pools):
        why = why_not(pools.objects[wanted.node_pool], wanted, now=now)
        if why:
            return wanted.node_pool, why
    return None


def _limited(template: NodeTemplate, pools: NodePools) -> NodeTemplate:
    found = pools.objects.get(pools.name_of(template.name))
    if found is None:
        return template
    requirements = requirements_of(found)
    # A requirement speaks of the type, the place or the market alone, so one place and market will do for all types.
    somewhere = next(
        (
            (zone, market)
            for zone in pools.zones.values()
            for market in CapacityType
            if allows(requirements, _place(zone, market))
        ),
        None,
    )
    if somewhere is None:
        return template
    types = [
        kind.name
        for kind in pools.catalog.types.values()
        if allows(requirements, _labels(template, kind, *somewhere, region=pools.catalog.region))
    ]
    if not types or len(types) == len(pools.catalog.types):
        return template
    return replace(template, instance_types=tuple(sorted(types)))


def _place(zone: Zone, market: CapacityType) -> dict[str, str]:
    return {keys.ZONE: zone.name, keys.ZONE_ID: zone.id, keys.KARPENTER_CAPACITY_TYPE: str(market)}


def _labels(
    template: NodeTemplate, kind: InstanceType, zone: Zone, capacity_type: CapacityType, *, region: str
) -> dict[str, str]:
    labels = labels_of_launched_node(
        template, instance_type=kind, zone=zone, region=region, capacity_type=capacity_type
    )
    return labels | labels_of_type(kind.name)


def _without_foreign(one: Chosen, pools: NodePools) -> Chosen:
    """Pools beside the planned one that a NodePool does not allow are left out."""
    launches = tuple(_kept(launch, pools) for launch in one.proposal.launches)
    return replace(one, proposal=replace(one.proposal, launches=launches))


def _kept(launch: ProposedLaunch, pools: NodePools) -> ProposedLaunch:
    if not pools.name_of(launch.template):
        return launch
    spot = tuple(pool for pool in launch.spot if pools.allows(launch, pool, CapacityType.SPOT))
    on_demand = tuple(pool for pool in launch.on_demand if pools.allows(launch, pool, CapacityType.ON_DEMAND))
    # The planned one stands first: without it the plan would be another one, which `_why_not` says.
    if (launch.spot and launch.spot[:1] != spot[:1]) or not (spot or on_demand):
        return launch
    return replace(launch, spot=spot, on_demand=on_demand)


def _why_not(one: Chosen, pools: NodePools) -> str:
    if one.proposal.concern is Concern.LOSS:
        return ""
    if one.proposal.launches and not one.proposal.removes and all(map(pools.name_of, _templates(one))):
        return BY_ITSELF
    missing = sorted(_names(one, pools) - set(pools.objects))
    if missing:
        return f"NodePool {missing[0]} is not there"
    for launch in one.proposal.launches:
        name = pools.name_of(launch.template)
        market = CapacityType.SPOT if launch.spot else CapacityType.ON_DEMAND
        if name and not pools.allows(launch, (*launch.spot, *launch.on_demand)[0], market):
            return f"NodePool {name} does not allow {(*launch.spot, *launch.on_demand)[0].pool} ({market})"
    return ""


def _by_itself(one: Chosen, pools: NodePools) -> Chosen:
    """For nodes that AWS takes Karpenter launches by itself."""
    if one.proposal.concern is not Concern.LOSS:
        return one
    ours = tuple(launch for launch in one.proposal.launches if not pools.name_of(launch.template))
    if ours == one.proposal.launches:
        return one
    change = Reason(code=Rule.KARPENTER, text=BY_ITSELF)
    return replace(one, proposal=replace(one.proposal, launches=ours), changes=(*one.changes, change))


def _wanted(chosen: Sequence[Chosen], pools: NodePools) -> list[NodePoolRequirement]:
    """What is wanted of each NodePool that launches or gives nodes up; nodes that AWS takes are none of that."""
    planned = [one for one in chosen if one.proposal.concern is not Concern.LOSS]
    names = sorted({name for one in planned for name in _names(one, pools) if name in pools.objects})
    return [_requirement(name, planned, pools) for name in names]


def _requirement(name: str, chosen: Sequence[Chosen], pools: NodePools) -> NodePoolRequirement:
    launches = [launch for one in chosen for launch in one.proposal.launches if pools.name_of(launch.template) == name]
    removed = [node for one in chosen for node in one.proposal.removes if pools.pool_of_node.get(node) == name]
    best = [pools.catalog.types[(*launch.spot, *launch.on_demand)[0].pool.instance_type] for launch in launches]
    at_once = sorted(best, key=lambda kind: kind.vcpu, reverse=True)[: pools.at_once]
    bought = [pool.pool for launch in launches for pool in (*launch.spot, *launch.on_demand)]
    markets = {
        *(CapacityType.SPOT for launch in launches if launch.spot),
        *(CapacityType.ON_DEMAND for launch in launches if launch.on_demand),
    }
    return NodePoolRequirement(
        node_pool=name,
        template=next((launch.template for launch in launches), ""),
        instance_types=tuple(sorted({pool.instance_type for pool in bought})),
        zones=tuple(sorted({pools.zones[pool.zone_id].name for pool in bought})),
        capacity_types=tuple(sorted(markets, reverse=True)),
        nodes=len(at_once),
        vcpu=sum(kind.vcpu for kind in at_once),
        memory_bytes=sum(kind.memory_bytes for kind in at_once),
        at_once=min(pools.at_once, len(removed)),
    )


def _told(one: Chosen, pools: NodePools) -> Chosen:
    """With what is required of which NodePool, for people."""
    texts = []
    for launch in one.proposal.launches if one.proposal.concern is not Concern.LOSS else ():
        name = pools.name_of(launch.template)
        if name:
            types = sorted({pool.pool.instance_type for pool in (*launch.spot, *launch.on_demand)})
            zones = sorted({pools.zones[pool.pool.zone_id].name for pool in (*launch.spot, *launch.on_demand)})
            market = "Spot" if launch.spot else "on demand"
            also = ", else on demand" if launch.spot and launch.on_demand else ""
            text = f"NodePool {name} is to launch {market}{also} only {', '.join(types)} in {', '.join(zones)}"
            texts.append(f"{text} while the plan is at work: Karpenter launches")
    reasons = tuple(Reason(code=Rule.KARPENTER, text=text) for text in dict.fromkeys(texts))
    return replace(one, changes=(*one.changes, *reasons)) if reasons else one


def _refusal(one: Chosen, why: str) -> Refusal:
    return Refusal(proposal=one.proposal.id, rule=Rule.KARPENTER, reason=Reason(code=Rule.KARPENTER, text=why))


def _names(one: Chosen, pools: NodePools) -> set[str]:
    """NodePools that a part has to do with."""
    launched = {pools.name_of(template) for template in _templates(one)}
    return (launched | {pools.pool_of_node.get(node, "") for node in one.proposal.removes}) - {""}


def _templates(one: Chosen) -> list[str]:
    return [launch.template for launch in one.proposal.launches]
