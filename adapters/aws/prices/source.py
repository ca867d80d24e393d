"""Prices from AWS, asked in our own account: they are the same for all."""

import asyncio
from collections.abc import Mapping

from adapters.aws.clients import Clients
from adapters.aws.ports.prices import SpotPrices
from adapters.catalog import aws
from adapters.catalog.advisor import ADVISOR_URL, AdviceByRegion, fetch_advisor
from adapters.clock import Clock
from domain.market import Zone


class BotoPriceSource:
    """Asks the EC2 and Price List APIs, and downloads the advisor's feed.

    Parameters
    ----------
    advisor_url
        Where the feed lies.
    """

    def __init__(self, clients: Clients, clock: Clock, *, advisor_url: str = ADVISOR_URL) -> None:
        self._clients = clients
        self._clock = clock
        self._advisor_url = advisor_url
        self._zones: dict[str, tuple[Zone, ...]] = {}

    async def spot(self, region: str) -> SpotPrices:
        """The Spot prices that are in force."""
        zones, now = await self._zones_of(region), self._clock.now()
        return await self._clients.read_own(region, "ec2", lambda ec2: aws.fetch_spot(ec2, zones, now=now))

    async def on_demand(self, region: str) -> Mapping[str, int]:
        """On-demand prices."""
        return await self._clients.read_own(
            aws.PRICING_REGION, "pricing", lambda pricing: aws.fetch_on_demand(pricing, region)
        )

    async def advice(self) -> AdviceByRegion:
        """The Spot advisor's figures: a download with an end, its shape checked."""
        return await asyncio.to_thread(fetch_advisor, self._advisor_url)

    async def _zones_of(self, region: str) -> tuple[Zone, ...]:
        """Zones change once in years: asked once in a process."""
        if region not in self._zones:
            self._zones[region] = await self._clients.read_own(region, "ec2", aws.fetch_zones)
        return self._zones[region]
