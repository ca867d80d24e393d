"""A plan taken apart into proposals: each part makes sense by itself, so that a rule against one leaves the others.

A part is what hangs together by new nodes: nodes whose pods share a node to be launched come and go together. Nodes
that stay may take pods of several parts, since the plan has shared their room out.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.market import CapacityType, Catalog, Pool
from domain.plan import ActionKind, Plan, PlannedNode, Reason
from domain.policy import Capacity, Policy
from domain.proposal import CONCERN_OF, Module, Proposal, ProposedLaunch, RatedPool
from domain.snapshot import Snapshot
from solvers.decision.widening import widened


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """What may be bought in place of the planned pools, and which pools may not."""

    catalog: Catalog
    policy: Policy
    avoid: frozenset[Pool] = frozenset()
    _found: dict[tuple[Pool, CapacityType], tuple[RatedPool, ...]] = field(default_factory=dict, compare=False)

    def pools(self, pool: Pool, capacity_type: CapacityType) -> tuple[RatedPool, ...]:
        """The planned pool and others that will do; looked for once, since many nodes are of one kind."""
        key = (pool, capacity_type)
        if key not in self._found:
            self._found[key] = widened(pool, capacity_type, catalog=self.catalog, policy=self.policy, avoid=self.avoid)
        return self._found[key]


@dataclass(slots=True)
class _Part:
    removes: set[str] = field(default_factory=set)
    going: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)
    launches: list[PlannedNode] = field(default_factory=list)
    places_pending: bool = False


def parts_of(
    plan: Plan, whole: Snapshot, *, going: Mapping[str, Module], shop: Shop, observed_at: datetime
) -> tuple[Proposal, ...]:
    """Proposals of a plan.

    Parameters
    ----------
    whole
        The cluster as it was seen, with the nodes that go, prices joined.
    going
        Nodes that were left out of planning because they go, and who proposes to replace them.

    Notes
    -----
    A part that replaces a node that goes touches no other node: it must not wait for anything, and what is left out
    comes with the next plan.
    """
    parts = _parts(plan, whole, frozenset(going))
    evictions = Counter(action.node for action in plan.actions if action.kind is ActionKind.EVICT)
    prices = {node.name: node.price_usd_per_h or 0.0 for node in whole.nodes}
    found: list[Proposal] = []
    for part in parts:
        module = _module(part, going)
        urgent = bool(part.going)
        removes = sorted(part.going if urgent else part.removes)
        launches = tuple(_launch(node, whole.region, shop) for node in sorted(part.launches, key=lambda one: one.name))
        if any(launch is None for launch in launches):
            continue  # the catalogue has no such pool any more: it was planned from another one
        bought = tuple(launch for launch in launches if launch is not None)
        cost = sum((*one.spot, *one.on_demand)[0].price_usd_per_h for one in bought)
        found.append(
            Proposal(
                id=f"{module} {(removes or [bought[0].name])[0]}",
                module=module,
                observed_at=observed_at,
                reason=_reason(module, removes, bought),
                removes=tuple(removes),
                uses=() if urgent else tuple(sorted(part.uses)),
                launches=bought,
                evictions=0 if urgent else sum(evictions[name] for name in removes),
                origin=str(plan.generation),
                saving_usd_per_h=sum(prices.get(name, 0.0) for name in removes) - cost,
            )
        )
    return tuple(sorted(found, key=lambda one: one.id))


def _parts(plan: Plan, whole: Snapshot, going: frozenset[str]) -> list[_Part]:
    """Nodes that end or begin, those that share pods together."""
    new = {node.name: node for node in plan.nodes if not node.existing}
    ends = {action.node for action in plan.actions if action.kind is ActionKind.TERMINATE}
    home = {pod: node.name for node in plan.nodes for pod in node.pods}
    groups = _Groups([*sorted(ends | going), *sorted(new)])
    uses: list[tuple[str, str]] = []
    pending: set[str] = set()
    for pod in whole.pods:
        target = home.get(pod.key, "")
        if pod.is_daemon or pod.is_mirror or not target:
            continue
        if pod.node_name in ends or pod.node_name in going:
            if target in new:
                groups.join(pod.node_name, target)
            else:
                uses.append((pod.node_name, target))
        elif not pod.node_name and target in new:
            pending.add(target)
    parts: dict[str, _Part] = {}
    for name in groups.names:
        part = parts.setdefault(groups.root(name), _Part())
        if name in new:
            part.launches.append(new[name])
            part.places_pending |= name in pending
        else:
            (part.going if name in going else part.removes).add(name)
    for name, target in uses:
        parts[groups.root(name)].uses.add(target)
    return list(parts.values())


class _Groups:
    """Names that belong together."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self._above = {name: name for name in self.names}

    def root(self, name: str) -> str:
        """One name that stands for all that belong with it."""
        while self._above[name] != name:
            self._above[name] = name = self._above[self._above[name]]
        return name

    def join(self, one: str, other: str) -> None:
        """These belong together."""
        self._above[self.root(one)] = self.root(other)


def _module(part: _Part, going: Mapping[str, Module]) -> Module:
    """Who proposes a part: the most urgent of those who need it."""
    modules = [going[name] for name in part.going]
    if part.places_pending or (part.launches and not part.removes and not part.going):
        modules.append(Module.CAPACITY)
    return min(modules, key=lambda one: (CONCERN_OF[one], one), default=Module.PACKING)


def _launch(node: PlannedNode, region: str, shop: Shop) -> ProposedLaunch | None:
    """A planned node with the pools that will do as well; ``None`` where not even the planned one is for sale."""
    pool = Pool(region=region, zone_id=node.zone.id, instance_type=node.instance_type)
    spot = shop.pools(pool, CapacityType.SPOT) if node.capacity_type is CapacityType.SPOT else ()
    on_demand = () if shop.policy.capacity is Capacity.SPOT else shop.pools(pool, CapacityType.ON_DEMAND)
    if not spot and not on_demand:
        return None
    return ProposedLaunch(name=node.name, template=node.template, spot=spot, on_demand=on_demand)


def _reason(module: Module, removes: list[str], launches: tuple[ProposedLaunch, ...]) -> Reason:
    new = ", ".join((*one.spot, *one.on_demand)[0].pool.instance_type for one in launches)
    match module:
        case Module.INTERRUPTION | Module.REBALANCE:
            text = f"replaces {', '.join(removes)}" + (f" by {new}" if new else ": its pods fit on nodes that stay")
        case Module.CAPACITY:
            text = f"gives pods without a place {new}"
        case _:
            text = f"empties {', '.join(removes)}" + (f" onto {new}" if new else " onto nodes that stay")
    return Reason(code=module, text=text)
