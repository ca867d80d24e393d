"""What nodes cost now: Spot prices as last read from AWS, else those of the catalogue."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from adapters.catalog import load_catalog
from adapters.redis.ports import Prices
from domain.errors import InputError, TransientError
from domain.market import CapacityType, Zone
from domain.spend import NodeGroup
from domain.units import to_micro_usd

ByPlace = Mapping[tuple[str, str], int]
"""Micro-USD per hour by instance type and zone id."""

MOST_CATALOGUES = 64
"""Regions with their zones that are kept unpacked: 2 MB each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """Prices of one region. On-demand prices are the same in all its zones."""

    on_demand: Mapping[str, int]
    spot: ByPlace

    def priced(self, group: NodeGroup) -> NodeGroup:
        """The group with what its nodes cost. Spot whose price is not known is taken to cost the on-demand price."""
        on_demand = self.on_demand.get(group.instance_type)
        price = on_demand
        if group.capacity_type is CapacityType.SPOT:
            price = self.spot.get((group.instance_type, group.zone_id), on_demand)
        if price is None:
            return replace(group, cost_micro_usd_per_h=0, on_demand_micro_usd_per_h=0, priced=False)
        return replace(
            group,
            cost_micro_usd_per_h=group.nodes * price,
            on_demand_micro_usd_per_h=group.nodes * (on_demand if on_demand is not None else price),
            priced=True,
        )


async def read_prices(fresh: Prices, region: str, groups: Collection[NodeGroup]) -> PriceTable:
    """Prices for nodes of these types and zones. Without the fresh ones the catalogue's count."""
    zone_ids = tuple(sorted({group.zone_id for group in groups}))
    table = await asyncio.to_thread(catalogue_prices, region, zone_ids)
    types = sorted({group.instance_type for group in groups})
    try:
        seen = await fresh.get(region, types)
    except TransientError:
        return table
    spot = {(name, zone_id): price for name, by_zone in seen.items() for zone_id, price in by_zone.items()}
    return replace(table, spot={**table.spot, **spot})


@lru_cache(maxsize=MOST_CATALOGUES)
def catalogue_prices(region: str, zone_ids: tuple[str, ...]) -> PriceTable:
    """Prices of the carried catalogue; none for a region or zones that it does not know."""
    try:
        catalog = load_catalog(region, zones=[Zone(id=zone_id, name=zone_id) for zone_id in zone_ids])
    except InputError:
        return PriceTable(on_demand={}, spot={})
    on_demand: dict[str, int] = {}
    spot: dict[tuple[str, str], int] = {}
    for offering in catalog.offerings:
        price = to_micro_usd(offering.price_usd_per_h)
        if offering.capacity_type is CapacityType.SPOT:
            spot[offering.pool.instance_type, offering.pool.zone_id] = price
        else:
            on_demand[offering.pool.instance_type] = price
    return PriceTable(on_demand=on_demand, spot=spot)
