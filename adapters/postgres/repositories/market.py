"""Prices and interruption rates."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from adapters.postgres.ports.market import MarketAge, PricePoint, Rate
from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.rows import Row, columns_of
from domain.market import CapacityType, Pool

SQL = load("market")


class PostgresMarket(Repository):
    """`adapters.postgres.ports.Market`."""

    __slots__ = ()

    async def append(self, points: Sequence[PricePoint]) -> int:
        """Keep Spot prices in the history."""
        if not points:
            return 0
        values = {
            "region": [point.pool.region for point in points],
            "zone_id": [point.pool.zone_id for point in points],
            "instance_type": [point.pool.instance_type for point in points],
            "at": [point.at for point in points],
            "price": [point.micro_usd_per_h for point in points],
        }
        return await self._session.run(SQL["append"], values)

    async def last(self, region: str, *, since: datetime) -> tuple[PricePoint, ...]:
        """The last Spot price of each pool of a region."""
        return tuple(map(_point, await self._session.rows(SQL["last"], {"region": region, "since": since})))

    async def put_spot(self, region: str, prices: Mapping[tuple[str, str], int], *, as_of: date) -> None:
        """Keep the Spot prices in force."""
        rows = [(name, zone_id, price) for (name, zone_id), price in prices.items()]
        await self._put(region, CapacityType.SPOT, rows, as_of=as_of)

    async def put_on_demand(self, region: str, prices: Mapping[str, int], *, as_of: date) -> None:
        """Keep on-demand prices by type."""
        rows = [(name, None, price) for name, price in prices.items()]
        await self._put(region, CapacityType.ON_DEMAND, rows, as_of=as_of)

    async def on_demand(self, region: str) -> Mapping[str, int]:
        """On-demand prices by type."""
        rows = await self._session.rows(SQL["on_demand"], {"region": region})
        return {row["instance_type"]: row["price_micro_usd_per_h"] for row in rows}

    async def put_rates(self, rates: Sequence[Rate]) -> None:
        """Keep interruption rates."""
        if rates:
            await self._session.run(SQL["put_rates"], columns_of(rates))

    async def rates(self, region: str) -> tuple[Rate, ...]:
        """Interruption rates of a region."""
        return await self._session.all(Rate, SQL["rates"], {"region": region})

    async def note(self, ages: Sequence[MarketAge]) -> None:
        """Keep when figures were had or tried."""
        if ages:
            await self._session.run(SQL["note"], columns_of(ages))

    async def ages(self) -> tuple[MarketAge, ...]:
        """How old everything is."""
        return await self._session.all(MarketAge, SQL["ages"])

    async def regions_in_use(self) -> tuple[str, ...]:
        """Regions with clusters."""
        return tuple(row["region"] for row in await self._session.rows(SQL["regions_in_use"]))

    async def _put(
        self, region: str, capacity_type: CapacityType, rows: Sequence[tuple[str, str | None, int]], *, as_of: date
    ) -> None:
        values = {
            "region": region,
            "capacity_type": capacity_type,
            "instance_type": [name for name, _, _ in rows],
            "zone_id": [zone_id for _, zone_id, _ in rows],
            "price": [price for _, _, price in rows],
            "as_of": as_of,
        }
        await self._session.run(SQL["put_prices"], values)


def _point(row: Row) -> PricePoint:
    pool = Pool(region=row["region"], zone_id=row["zone_id"], instance_type=row["instance_type"])
    return PricePoint(pool=pool, at=row["at"], micro_usd_per_h=row["price_micro_usd_per_h"])
