"""The market on Ray: there is one, made when it is first needed. See `actors.prices.service` for what survives."""

from ray.util.metrics import Gauge

from actors.prices.service import MarketService
from actors.services import Services
from actors.shell import Shell
from adapters.catalog import LiveFigures


class MarketKeeper(Shell):
    """Prices and advice as an actor."""

    def __init__(self) -> None:
        super().__init__()
        self._market: MarketService
        self._age = Gauge(
            "spotopt_spot_prices_age_seconds", description="Age of a region's Spot prices", tag_keys=("region",)
        )

    async def _begin(self, services: Services) -> None:
        self._market = MarketService(services)

    async def refresh(self) -> str:
        """Ask for what is due; what was done, in words."""
        services = await self.ready()
        said = await self._market.refresh()
        for region, at in self._market.spot_at().items():
            self._age.set((services.clock.now() - at).total_seconds(), tags={"region": region})
        return said

    async def figures(self, region: str) -> LiveFigures | None:
        """What is known of a region and fresh enough to plan with."""
        await self.ready()
        return self._market.figures(region)
