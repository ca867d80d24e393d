"""Prices and advice: where they come from, where their history goes, and how old they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from domain.market import Pool
from domain.validate import require_utc

if TYPE_CHECKING:
    from adapters.catalog.advisor import AdviceByRegion
    from adapters.catalog.figures import Advice

SERVED_AT_MOST = timedelta(hours=6)
"""Spot prices older than this are not given out as prices any more: planning falls back to the catalogue's."""

SpotPrices = Mapping[tuple[str, str], int]
"""Micro-USD per hour by instance type and zone id."""


class PriceSource(Protocol):
    """Asks for prices. All raise TransientError or RejectedError, and nothing else."""

    async def spot(self, region: str) -> SpotPrices:
        """The Spot prices that are in force."""

    async def on_demand(self, region: str) -> Mapping[str, int]:
        """On-demand prices in micro-USD per hour by instance type: Linux, nothing on top."""

    async def advice(self) -> "AdviceByRegion":
        """The Spot advisor's saving and interruption bucket, by region and type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceChange:
    """A Spot price that is not what it was when last looked at."""

    pool: Pool
    at: datetime
    micro_usd_per_h: int

    def __post_init__(self) -> None:
        require_utc(at=self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastPrices:
    """The last Spot prices of a region that were kept, and when the youngest of them was."""

    spot: SpotPrices
    at: datetime

    def __post_init__(self) -> None:
        require_utc(at=self.at)


class PriceHistory(Protocol):
    """Keeps changes of Spot prices, for charts and for learning."""

    async def append(self, changes: Sequence[PriceChange]) -> None:
        """Keep changes; one that is kept already is not kept twice."""

    async def last(self, region: str) -> LastPrices | None:
        """What was kept last of each pool, for a process that has just started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionPrices:
    """What is known of a region, each part with the time at which it was last had (UTC), absent when it never was."""

    region: str
    spot: SpotPrices = field(default_factory=dict)
    on_demand: Mapping[str, int] = field(default_factory=dict)
    advice: "Mapping[str, Advice]" = field(default_factory=dict)
    spot_at: datetime | None = None
    on_demand_at: datetime | None = None
    advice_at: datetime | None = None

    def __post_init__(self) -> None:
        require_utc(spot_at=self.spot_at, on_demand_at=self.on_demand_at, advice_at=self.advice_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staleness:
    """How old a region's figures are; absent for those never had. ``problem`` is why the last try failed."""

    region: str
    spot: timedelta | None
    on_demand: timedelta | None
    advice: timedelta | None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceReport:
    """What a refresh did: regions with new Spot prices, changes found, and how old everything is now."""

    refreshed: tuple[str, ...]
    changes: int
    ages: tuple[Staleness, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """What failed, by region."""
        return tuple(f"{age.region}: {age.problem}" for age in self.ages if age.problem)
