"""What the market costs, and how old that is, as an interface (platform scope)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from domain.market import Pool
from domain.validate import require_utc


class MarketSource(StrEnum):
    """Where figures of the market come from."""

    SPOT = "spot"
    ON_DEMAND = "on_demand"
    ADVISOR = "advisor"


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePoint:
    """A Spot price from a time on, micro-USD per hour."""

    pool: Pool
    at: datetime
    micro_usd_per_h: int

    def __post_init__(self) -> None:
        require_utc(at=self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What the Spot advisor says of a type in a region: bucket 0..4, and what a month's probability follows from it."""

    region: str
    instance_type: str
    bucket: int
    probability_per_month: float
    saving_percent: int
    as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketAge:
    """When figures of a region were last had, absent when never, and why the last try failed."""

    region: str
    source: MarketSource
    had_at: datetime | None
    tried_at: datetime
    problem: str = ""

    def __post_init__(self) -> None:
        require_utc(had_at=self.had_at, tried_at=self.tried_at)


class Market(Protocol):
    """Prices and interruption rates (platform scope)."""

    async def append(self, points: Sequence[PricePoint]) -> int:
        """Keep Spot prices in the history; says how many were new."""

    async def last(self, region: str, *, since: datetime) -> tuple[PricePoint, ...]:
        """The last Spot price of each pool of a region."""

    async def put_spot(self, region: str, prices: Mapping[tuple[str, str], int], *, as_of: date) -> None:
        """Keep the Spot prices in force, by type and zone id; of types and zones that are not known nothing is kept."""

    async def put_on_demand(self, region: str, prices: Mapping[str, int], *, as_of: date) -> None:
        """Keep on-demand prices by type."""

    async def on_demand(self, region: str) -> Mapping[str, int]:
        """On-demand prices by type, micro-USD per hour."""

    async def put_rates(self, rates: Sequence[Rate]) -> None:
        """Keep interruption rates."""

    async def rates(self, region: str) -> tuple[Rate, ...]:
        """Interruption rates of a region, by type."""

    async def note(self, ages: Sequence[MarketAge]) -> None:
        """Keep when figures were had or tried; a time that is absent leaves the one before."""

    async def ages(self) -> tuple[MarketAge, ...]:
        """How old everything is, by region and source."""

    async def regions_in_use(self) -> tuple[str, ...]:
        """Regions with clusters that are connected or were found in an account, sorted."""
