"""Keeps prices and advice of the regions in use fresh, stores them, and hands them to planning.

Survives its own death: what was had last is in the database, and serves until AWS answers again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from actors.prices.history import StoredHistory
from actors.services import Services
from adapters.aws.ports.prices import SERVED_AT_MOST, RegionPrices
from adapters.aws.prices.keeper import PriceKeeper
from adapters.catalog import LiveFigures
from adapters.catalog.figures import Advice
from adapters.catalog.hazard import INTERRUPTION_PER_MONTH
from adapters.postgres.ports.market import MarketAge, MarketSource, Rate

ON_DEMAND_EVERY = timedelta(days=1)
"""They change a few times a year."""

ADVICE_EVERY = timedelta(hours=6)
"""SPEC 4. The feed itself changes a few times a day."""

RETRY_AFTER = timedelta(minutes=30)
"""After a try that failed: the Price List and the feed are long, and what was had last serves."""

Ages = Mapping[tuple[str, MarketSource], MarketAge]

log = structlog.get_logger(__name__)


class MarketService:
    """The market of the regions in use."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._keeper = PriceKeeper(
            services.aws.prices,
            services.hub.prices,
            StoredHistory(services.database, services.clock),
            services.clock,
        )
        self._told: frozenset[str] = frozenset()

    async def refresh(self) -> str:
        """Ask for what is due, and store it; what was done, in words.

        Spot prices are due each time, the rest when it is old. A source that fails leaves what was had last.

        Raises
        ------
        TransientError
            The database or Redis is away.
        """
        ages = await self._follow()
        regions = tuple(self._keeper.known)
        if not regions:
            return ""
        problems = await self._spot()
        problems += await self._on_demand([one for one in regions if self._due(ages, one, MarketSource.ON_DEMAND)])
        problems += await self._advice([one for one in regions if self._due(ages, one, MarketSource.ADVISOR)])
        for problem in sorted(set(problems) - self._told):
            log.warning("a source of prices has failed", error=problem)
        self._told = frozenset(problems)
        return f"prices of {len(regions)} regions" + (f", {len(problems)} in vain: {problems[0]}" if problems else "")

    def figures(self, region: str) -> LiveFigures | None:
        """What is known of a region and fresh enough to plan with, ``None`` when it is not in use."""
        known = self._keeper.known.get(region)
        if known is None:
            return None
        fresh = known.spot_at is not None and self._services.clock.now() - known.spot_at <= SERVED_AT_MOST
        return LiveFigures(
            region=region,
            spot_micro_usd=known.spot if fresh else {},
            on_demand_micro_usd=known.on_demand,
            advice=known.advice,
            spot_at=known.spot_at if fresh else None,
            on_demand_at=known.on_demand_at,
            advice_at=known.advice_at,
        )

    def spot_at(self) -> dict[str, datetime]:
        """When the Spot prices of each region were last had (UTC); regions that never were are left out."""
        return {region: known.spot_at for region, known in self._keeper.known.items() if known.spot_at}

    async def _follow(self) -> Ages:
        """Keep the regions in use; new ones begin with what is stored of them."""
        async with self._services.database.platform() as tx:
            regions = await tx.market.regions_in_use()
            ages = {(age.region, age.source): age for age in await tx.market.ages()}
        new = [region for region in regions if region not in self._keeper.known]
        stored = {region: await self._stored(region, ages) for region in new}
        self._keeper.follow([stored.get(region) or RegionPrices(region=region) for region in regions])
        return ages

    async def _stored(self, region: str, ages: Ages) -> RegionPrices:
        """What was had of a region. What the seed has put there is no better than the catalogue, and left to it."""
        on_demand_at, advice_at = (
            ages[(region, source)].had_at if (region, source) in ages else None
            for source in (MarketSource.ON_DEMAND, MarketSource.ADVISOR)
        )
        async with self._services.database.platform() as tx:
            on_demand = await tx.market.on_demand(region) if on_demand_at else {}
            rates = await tx.market.rates(region) if advice_at else ()
        advice = {one.instance_type: Advice(saving_percent=one.saving_percent, bucket=one.bucket) for one in rates}
        return RegionPrices(
            region=region, on_demand=on_demand, on_demand_at=on_demand_at, advice=advice, advice_at=advice_at
        )

    def _due(self, ages: Ages, region: str, source: MarketSource) -> bool:
        age, now = ages.get((region, source)), self._services.clock.now()
        if age is None:
            return True
        every = ON_DEMAND_EVERY if source is MarketSource.ON_DEMAND else ADVICE_EVERY
        old = age.had_at is None or now - age.had_at >= every
        return old and (not age.problem or now - age.tried_at >= RETRY_AFTER)

    async def _spot(self) -> list[str]:
        before = {region: known.spot for region, known in self._keeper.known.items()}
        report = await self._keeper.refresh_prices()
        now, notes = self._services.clock.now(), []
        for age in report.ages:
            had = age.region in report.refreshed
            notes.append(_age(age.region, MarketSource.SPOT, now=now, had=had, problem=age.problem))
            prices = self._keeper.known[age.region].spot
            changed = {pool: price for pool, price in prices.items() if before[age.region].get(pool) != price}
            if changed:
                async with self._services.database.platform() as tx:
                    await tx.market.put_spot(age.region, changed, as_of=now.date())
        await self._note(notes)
        return list(report.problems)

    async def _on_demand(self, regions: Sequence[str]) -> list[str]:
        failed, now = await self._keeper.refresh_on_demand(regions), self._services.clock.now()
        for region in regions:
            if region not in failed:
                async with self._services.database.platform() as tx:
                    prices = self._keeper.known[region].on_demand
                    await tx.market.put_on_demand(region, prices, as_of=now.date())
        problems = {region: failed.get(region, "") for region in regions}
        await self._note(
            [
                _age(region, MarketSource.ON_DEMAND, now=now, had=not problem, problem=problem)
                for region, problem in problems.items()
            ]
        )
        return [f"{region}: {problem}" for region, problem in failed.items()]

    async def _advice(self, due: Sequence[str]) -> list[str]:
        """The feed holds all regions: one that is due has it read for all."""
        if not due:
            return []
        problem, now = await self._keeper.refresh_advice(), self._services.clock.now()
        known = self._keeper.known
        had = [region for region, prices in known.items() if prices.advice_at == now]
        async with self._services.database.platform() as tx:
            for region in had:
                await tx.market.put_rates(_rates(region, known[region].advice, now))
        await self._note(
            [
                _age(region, MarketSource.ADVISOR, now=now, had=region in had, problem="" if region in had else problem)
                for region in known
            ]
        )
        return [problem] if problem else []

    async def _note(self, ages: Sequence[MarketAge]) -> None:
        async with self._services.database.platform() as tx:
            await tx.market.note(ages)


def _age(region: str, source: MarketSource, *, now: datetime, had: bool, problem: str) -> MarketAge:
    return MarketAge(region=region, source=source, had_at=now if had else None, tried_at=now, problem=problem)


def _rates(region: str, advice: Mapping[str, Advice], now: datetime) -> list[Rate]:
    return [
        Rate(
            region=region,
            instance_type=name,
            bucket=one.bucket,
            probability_per_month=INTERRUPTION_PER_MONTH[one.bucket],
            saving_percent=one.saving_percent,
            as_of=now.date(),
        )
        for name, one in advice.items()
    ]
