"""The history of Spot prices in the database."""

from collections.abc import Sequence
from datetime import timedelta

from adapters.aws.ports.prices import LastPrices, PriceChange
from adapters.clock import Clock
from adapters.postgres.ports import Database
from adapters.postgres.ports.market import MarketSource, PricePoint

LOOK_BACK = timedelta(days=90)
"""A price that has not changed for longer is asked anew: AWS' own history ends there."""

BATCH = 5_000
"""Rows of one statement: a region has some thousand pools."""


class StoredHistory:
    """`adapters.aws.ports.prices.PriceHistory` in the database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def append(self, changes: Sequence[PriceChange]) -> None:
        """Keep changes; one that is kept already is not kept twice."""
        points = [
            PricePoint(pool=change.pool, at=change.at, micro_usd_per_h=change.micro_usd_per_h) for change in changes
        ]
        for start in range(0, len(points), BATCH):
            async with self._database.platform() as tx:
                await tx.market.append(points[start : start + BATCH])

    async def last(self, region: str) -> LastPrices | None:
        """What was kept last of each pool; it counts as of the last good answer, in which nothing had changed."""
        async with self._database.platform() as tx:
            points = await tx.market.last(region, since=self._clock.now() - LOOK_BACK)
            ages = await tx.market.ages()
        if not points:
            return None
        had = [age.had_at for age in ages if (age.region, age.source) == (region, MarketSource.SPOT) and age.had_at]
        return LastPrices(
            spot={(point.pool.instance_type, point.pool.zone_id): point.micro_usd_per_h for point in points},
            at=max([*had, *(point.at for point in points)]),
        )
