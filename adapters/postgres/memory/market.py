"""Twin of prices and interruption rates. It takes every region, type and zone for known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from adapters.postgres.memory.tables import MemoryRepository
from adapters.postgres.ports.market import MarketAge, PricePoint, Rate
from adapters.postgres.ports.sites import SeenCluster
from domain.fleet import Cluster, ClusterStatus
from domain.market import CapacityType


@dataclass(frozen=True, slots=True, kw_only=True)
class _Price:
    """A row of ``instance_pricing``."""

    region: str
    instance_type: str
    zone_id: str | None
    capacity_type: CapacityType
    micro_usd_per_h: int
    as_of: date


class MemoryMarket(MemoryRepository):
    """Twin of `Market`."""

    async def append(self, points: Sequence[PricePoint]) -> int:
        """Keep Spot prices in the history."""
        self._view.platform_only()
        return sum(self._view.insert((point.pool, point.at), point) for point in points)

    async def last(self, region: str, *, since: datetime) -> tuple[PricePoint, ...]:
        """The last Spot price of each pool of a region."""
        points = self._view.all(PricePoint, lambda point: point.pool.region == region and point.at >= since)
        newest = {point.pool: point for point in sorted(points, key=lambda point: point.at)}
        return tuple(newest[pool] for pool in sorted(newest))

    async def put_spot(self, region: str, prices: Mapping[tuple[str, str], int], *, as_of: date) -> None:
        """Keep the Spot prices in force."""
        for (name, zone_id), price in prices.items():
            self._put(region, name, zone_id, price=price, as_of=as_of)

    async def put_on_demand(self, region: str, prices: Mapping[str, int], *, as_of: date) -> None:
        """Keep on-demand prices by type."""
        for name, price in prices.items():
            self._put(region, name, None, price=price, as_of=as_of)

    async def on_demand(self, region: str) -> Mapping[str, int]:
        """On-demand prices by type."""
        rows = self._view.all(_Price, lambda p: p.region == region and p.capacity_type is CapacityType.ON_DEMAND)
        return {row.instance_type: row.micro_usd_per_h for row in rows}

    async def put_rates(self, rates: Sequence[Rate]) -> None:
        """Keep interruption rates."""
        self._view.platform_only()
        for rate in rates:
            self._view.put((rate.region, rate.instance_type), rate)

    async def rates(self, region: str) -> tuple[Rate, ...]:
        """Interruption rates of a region."""
        found = self._view.all(Rate, lambda rate: rate.region == region)
        return tuple(sorted(found, key=lambda rate: rate.instance_type))

    async def note(self, ages: Sequence[MarketAge]) -> None:
        """Keep when figures were had or tried."""
        self._view.platform_only()
        for age in ages:
            before = self._view.get(MarketAge, (age.region, age.source))
            had_at = age.had_at or (before.had_at if before else None)
            self._view.put((age.region, age.source), replace(age, had_at=had_at))

    async def ages(self) -> tuple[MarketAge, ...]:
        """How old everything is."""
        return tuple(sorted(self._view.all(MarketAge), key=lambda age: (age.region, age.source)))

    async def regions_in_use(self) -> tuple[str, ...]:
        """Regions with clusters."""
        self._view.platform_only()
        ours = self._view.all(Cluster, lambda cluster: cluster.status != ClusterStatus.DISCONNECTED)
        found = self._view.all(SeenCluster)
        return tuple(sorted({c.region for c in ours} | {c.region for c in found}))

    def _put(self, region: str, name: str, zone_id: str | None, *, price: int, as_of: date) -> None:
        self._view.platform_only()
        kind = CapacityType.SPOT if zone_id else CapacityType.ON_DEMAND
        row = _Price(
            region=region, instance_type=name, zone_id=zone_id, capacity_type=kind, micro_usd_per_h=price, as_of=as_of
        )
        self._view.put((region, name, zone_id), row)
