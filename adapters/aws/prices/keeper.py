"""Keeps the prices of all regions fresh. Where a source fails, the last good figures serve, and their age is told."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from adapters.aws.ports.prices import (
    SERVED_AT_MOST,
    PriceChange,
    PriceHistory,
    PriceReport,
    PriceSource,
    RegionPrices,
    SpotPrices,
    Staleness,
)
from adapters.clock import Clock
from adapters.redis.ports import Prices
from adapters.redis.ports.stores import PRICE_TTL_S
from domain.errors import RejectedError, TransientError
from domain.market import Pool


class PriceKeeper:
    """Refreshes prices and advice, and holds the last good ones.

    Parameters
    ----------
    store
        Where processes read current Spot prices.
    history
        Where changes go.
    """

    def __init__(
        self,
        source: PriceSource,
        store: Prices,
        history: PriceHistory,
        clock: Clock,
        *,
        regions: Sequence[str] = (),
    ) -> None:
        self._source = source
        self._store = store
        self._history = history
        self._clock = clock
        self._known: dict[str, RegionPrices] = {}
        self._problems: dict[str, str] = {}
        self._unrecalled: set[str] = set()
        self.follow([RegionPrices(region=region) for region in regions])

    @property
    def known(self) -> Mapping[str, RegionPrices]:
        """The last good figures, by region."""
        return dict(self._known)

    def follow(self, start: Sequence[RegionPrices]) -> None:
        """Keep exactly these regions from now on; those that are new begin with what is given of them."""
        self._unrecalled |= {prices.region for prices in start} - self._known.keys()
        self._known = {prices.region: self._known.get(prices.region, prices) for prices in start}
        self._unrecalled &= self._known.keys()

    async def refresh_prices(self) -> PriceReport:
        """Ask for the Spot prices of all regions side by side (every 5 min).

        Raises
        ------
        TransientError
            Redis or the history is away. Sources that fail raise nothing: the report names them.
        """
        await self._recall()
        outcomes = await asyncio.gather(*(self._refresh_spot(region) for region in self._known))
        changes = [change for found in outcomes if found is not None for change in found]
        if changes:
            await self._history.append(changes)
        await self._publish()
        refreshed = tuple(name for name, found in zip(self._known, outcomes, strict=True) if found is not None)
        return PriceReport(refreshed=refreshed, changes=len(changes), ages=self.ages())

    async def refresh_on_demand(self, regions: Sequence[str]) -> Mapping[str, str]:
        """Ask for the on-demand prices of regions; what failed, by region.

        Once a day: they change a few times a year, and their list is long.
        """
        problems = await asyncio.gather(*(self._refresh_on_demand(region) for region in regions))
        return {region: problem for region, problem in zip(regions, problems, strict=True) if problem}

    async def refresh_advice(self) -> str:
        """Ask for the advisor's figures (every 6 h); what failed, empty when nothing did."""
        try:
            advice = await self._source.advice()
        except (TransientError, RejectedError) as err:
            return str(err)
        now = self._clock.now()
        for region in self._known.keys() & advice.keys():
            self._known[region] = replace(self._known[region], advice=advice[region], advice_at=now)
        silent = sorted(self._known.keys() - advice.keys())
        return f"the feed does not know {', '.join(silent)}" if silent else ""

    def ages(self) -> tuple[Staleness, ...]:
        """How old the figures of each region are."""
        return tuple(self._age(prices) for prices in self._known.values())

    def _age(self, prices: RegionPrices) -> Staleness:
        def since(moment: datetime | None) -> timedelta | None:
            return None if moment is None else self._clock.now() - moment

        return Staleness(
            region=prices.region,
            spot=since(prices.spot_at),
            on_demand=since(prices.on_demand_at),
            advice=since(prices.advice_at),
            problem=self._problems.get(prices.region, ""),
        )

    async def _refresh_spot(self, region: str) -> list[PriceChange] | None:
        """Changes of Spot prices; none at all when the source failed."""
        self._problems.pop(region, None)
        try:
            spot = await self._source.spot(region)
        except (TransientError, RejectedError) as err:
            self._problems[region] = str(err)
            return None
        if not spot:
            return None
        before, now = self._known[region], self._clock.now()
        self._known[region] = replace(before, spot=spot, spot_at=now)
        return list(changes_of(region, before.spot, spot, at=now))

    async def _refresh_on_demand(self, region: str) -> str:
        try:
            on_demand = await self._source.on_demand(region)
        except (TransientError, RejectedError) as err:
            return str(err)
        if on_demand:
            now = self._clock.now()
            self._known[region] = replace(self._known[region], on_demand=on_demand, on_demand_at=now)
        return ""

    async def _recall(self) -> None:
        """After a start: what was kept last is what the first answers are compared with, and serves if none comes."""
        for region in sorted(self._unrecalled):
            last = await self._history.last(region)
            if last is not None and self._known[region].spot_at is None:
                self._known[region] = replace(self._known[region], spot=last.spot, spot_at=last.at)
            self._unrecalled.discard(region)

    async def _publish(self) -> None:
        for prices in self._known.values():
            if prices.spot_at is None or self._clock.now() - prices.spot_at > SERVED_AT_MOST:
                continue
            by_type: dict[str, dict[str, int]] = {}
            for (name, zone_id), price in prices.spot.items():
                by_type.setdefault(name, {})[zone_id] = price
            # Twice the time between two refreshes: a late one leaves no hole.
            await self._store.put(prices.region, by_type, ttl_s=2 * PRICE_TTL_S)


def changes_of(region: str, before: SpotPrices, after: SpotPrices, *, at: datetime) -> Iterable[PriceChange]:
    """Prices that are new or differ."""
    for (name, zone_id), price in after.items():
        if before.get((name, zone_id)) != price:
            pool = Pool(region=region, zone_id=zone_id, instance_type=name)
            yield PriceChange(pool=pool, at=at, micro_usd_per_h=price)
