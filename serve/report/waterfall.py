"""Where the saving comes from: terms that add up exactly to the difference between now and planned.

Nodes that stay change nothing, so only the nodes that go and the nodes that come are compared. What either group costs
is ``capacity * list price of a unit of capacity * share of the list price that is paid``; going from one group to the
other changes these three factors one after the other, Spot first, then the list price, then the capacity, and each
change is a term. The order is a choice (any order adds up); it counts Spot at the size and types that run today.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.market import CapacityType, Catalog
from domain.node import Node
from domain.plan import Plan, PlannedNode
from domain.resources import Resources
from domain.snapshot import Snapshot
from domain.units import GIB, MCPU_PER_CPU
from serve.words import percent

GIB_PER_UNIT = 8.0
"""Memory worth as much as one vCPU. Within a generation AWS asks about as much for 8 to 10 GiB more (c, m and r types
of the same vCPUs, on-demand, us-east-1, 2026) as for one vCPU more."""

_NOTHING_USD_PER_H = 5e-7
"""Half a micro-USD: amounts below are rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One part of the difference. ``usd_per_h`` is negative where it saves."""

    name: str
    meaning: str
    usd_per_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Nodes taken together. Costs in USD per hour; ``list_price`` at on-demand prices; ``spot_list_price`` of Spot."""

    paid: float
    spot_paid: float
    list_price: float
    spot_list_price: float
    units: float

    @property
    def unit_price(self) -> float:
        return self.list_price / self.units

    @property
    def spot_share(self) -> float:
        return self.spot_list_price / self.list_price

    @property
    def spot_level(self) -> float | None:
        """Paid share of the list price of the Spot nodes."""
        return self.spot_paid / self.spot_list_price if self.spot_list_price else None


def waterfall(plan: Plan, *, snapshot: Snapshot, catalog: Catalog) -> tuple[Term, ...]:
    """Terms from ``plan.cost_usd_per_h`` to ``plan.planned_cost_usd_per_h``; those that are nothing are left out."""
    stays = {node.name for node in plan.nodes if node.existing}
    gone = _group([node for node in snapshot.nodes if node.name not in stays], catalog=catalog)
    come = _group([node for node in plan.nodes if not node.existing], catalog=catalog)
    terms = _between(gone, come)
    rest = plan.planned_cost_usd_per_h - plan.cost_usd_per_h - sum(term.usd_per_h for term in terms)
    terms.append(Term(name="Other", meaning="Nodes that stay, counted at another price than before.", usd_per_h=rest))
    return tuple(term for term in terms if abs(term.usd_per_h) > _NOTHING_USD_PER_H)


def units(vcpus: float, *, memory_bytes: float) -> float:
    """Units of capacity, in which CPU and memory can be added."""
    return vcpus + memory_bytes / GIB / GIB_PER_UNIT


def _between(gone: _Group | None, come: _Group | None) -> list[Term]:
    if gone is None and come is None:
        return []
    if come is None:
        meaning = "The pods of the nodes that go fit into the room of the nodes that stay."
        return [Term(name="Tighter packing", meaning=meaning, usd_per_h=-gone.paid if gone else 0.0)]
    if gone is None:
        meaning = "Nodes that are added and replace none, for pods that have no place today."
        return [Term(name="Room for waiting pods", meaning=meaning, usd_per_h=come.paid)]
    return _three_factors(gone, come)


def _three_factors(gone: _Group, come: _Group) -> list[Term]:
    level_then = come.spot_level or gone.spot_level or 1.0
    level_now = gone.spot_level or level_then
    more_spot = gone.list_price * (come.spot_share - gone.spot_share) * (level_then - 1.0)
    better_pools = gone.list_price * gone.spot_share * (level_then - level_now)
    paid_share = come.paid / come.list_price
    better_types = gone.units * (come.unit_price - gone.unit_price) * paid_share
    packing = (come.units - gone.units) * come.unit_price * paid_share
    shares = f"{percent(gone.spot_share)} of what goes is Spot, {percent(come.spot_share)} of what comes"
    levels = f"Spot costs {percent(level_then)} of the on-demand price there"
    return [
        Term(
            name="Spot instead of on-demand" if more_spot <= 0 else "On-demand instead of Spot",
            meaning=f"The nodes that go, were they bought as the new ones are: {shares}; {levels}.",
            usd_per_h=more_spot,
        ),
        Term(
            name="Cheaper types and pools" if better_types + better_pools <= 0 else "Dearer types and pools",
            meaning=(
                "The same capacity in the new types and Spot pools: list price of a unit of capacity "
                f"${gone.unit_price:.4f} → ${come.unit_price:.4f} an hour, a unit being 1 vCPU or {GIB_PER_UNIT:g} GiB."
            ),
            usd_per_h=better_types + better_pools,
        ),
        Term(
            name="Tighter packing" if packing <= 0 else "More capacity",
            meaning=f"Units of capacity that are replaced: {gone.units:,.0f} → {come.units:,.0f}.",
            usd_per_h=packing,
        ),
    ]


def _group(nodes: Iterable[Node | PlannedNode], *, catalog: Catalog) -> _Group | None:
    """The nodes with a known price, ``None`` when there are none."""
    prices = {
        (o.pool.instance_type, o.pool.zone_id): o.price_usd_per_h
        for o in catalog.offerings
        if o.capacity_type == CapacityType.ON_DEMAND
    }
    paid = spot_paid = list_price = spot_list_price = units = 0.0
    for node in nodes:
        if not node.price_usd_per_h:
            continue
        # A type that is no longer sold on demand has no list price; what is paid is the best there is to say.
        full = prices.get((node.instance_type, node.zone.id), node.price_usd_per_h)
        is_spot = node.capacity_type == CapacityType.SPOT
        paid += node.price_usd_per_h
        list_price += full if is_spot else node.price_usd_per_h
        spot_paid += node.price_usd_per_h if is_spot else 0.0
        spot_list_price += full if is_spot else 0.0
        units += _units(node.instance_type, node.allocatable, catalog=catalog)
    if not units:
        return None
    return _Group(paid=paid, spot_paid=spot_paid, list_price=list_price, spot_list_price=spot_list_price, units=units)


def _units(instance_type: str, allocatable: Resources, *, catalog: Catalog) -> float:
    known = catalog.types.get(instance_type)
    vcpu = known.vcpu if known else allocatable.cpu_mcpu / MCPU_PER_CPU
    memory_bytes = known.memory_bytes if known else allocatable.memory_bytes
    return units(vcpu, memory_bytes=memory_bytes)
