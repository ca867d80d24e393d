"""Prices that are told beforehand, and their history as a list."""

from collections.abc import Mapping, Sequence

from adapters.aws.ports.prices import LastPrices, PriceChange, SpotPrices
from adapters.catalog.advisor import AdviceByRegion


class MemoryPriceSource:
    """Answers what it was given; ``failing`` maps a region (or ``advice``) to the error that asking ends with."""

    def __init__(
        self,
        spot: Mapping[str, SpotPrices],
        on_demand: Mapping[str, Mapping[str, int]] | None = None,
        advice: AdviceByRegion | None = None,
    ) -> None:
        self.spot_prices = dict(spot)
        self.on_demand_prices = dict(on_demand or {})
        self.advised = dict(advice or {})
        self.failing: dict[str, Exception] = {}
        self.asked: list[str] = []

    async def spot(self, region: str) -> SpotPrices:
        """The Spot prices that are in force."""
        self._ask(f"spot {region}", region)
        return self.spot_prices.get(region, {})

    async def on_demand(self, region: str) -> Mapping[str, int]:
        """On-demand prices."""
        self._ask(f"on-demand {region}", region)
        return self.on_demand_prices.get(region, {})

    async def advice(self) -> AdviceByRegion:
        """The Spot advisor's figures."""
        self._ask("advice", "advice")
        return self.advised

    def _ask(self, what: str, key: str) -> None:
        self.asked.append(what)
        if key in self.failing:
            raise self.failing[key]


class MemoryPriceHistory:
    """Changes in the order in which they came, each pool and time once."""

    def __init__(self) -> None:
        self.changes: list[PriceChange] = []

    async def append(self, changes: Sequence[PriceChange]) -> None:
        """Keep changes."""
        known = {(change.pool, change.at) for change in self.changes}
        self.changes += [change for change in changes if (change.pool, change.at) not in known]

    async def last(self, region: str) -> LastPrices | None:
        """What was kept last of each pool."""
        changes = sorted((c for c in self.changes if c.pool.region == region), key=lambda change: change.at)
        spot = {(change.pool.instance_type, change.pool.zone_id): change.micro_usd_per_h for change in changes}
        return LastPrices(spot=spot, at=changes[-1].at) if changes else None
