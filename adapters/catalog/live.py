"""Figures of a region that were asked of AWS lately, over those of a catalogue file. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from adapters.catalog.figures import Advice, RegionFigures
from domain.validate import require_utc


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFigures:
    """What AWS has told of a region, each part with its time (UTC), absent where there is none fit for use.

    ``spot_micro_usd`` is by type and zone id. Money is micro-USD per hour.
    """

    region: str
    spot_micro_usd: Mapping[tuple[str, str], int] = field(default_factory=dict)
    on_demand_micro_usd: Mapping[str, int] = field(default_factory=dict)
    advice: Mapping[str, Advice] = field(default_factory=dict)
    spot_at: datetime | None = None
    on_demand_at: datetime | None = None
    advice_at: datetime | None = None

    def __post_init__(self) -> None:
        require_utc(spot_at=self.spot_at, on_demand_at=self.on_demand_at, advice_at=self.advice_at)


def with_live(figures: RegionFigures, live: LiveFigures | None) -> RegionFigures:
    """The figures of a file with the live ones over them; a part that is older than the file's own is left out.

    Parts replace each other by type, so that what AWS does not tell of just now is still known.
    """
    if live is None:
        return figures
    told, dates = figures, figures.as_of
    if live.on_demand_at and live.on_demand_at.date() >= (dates.on_demand or live.on_demand_at.date()):
        prices = {**figures.on_demand_micro_usd, **live.on_demand_micro_usd}
        dates = dates.model_copy(update={"on_demand": live.on_demand_at.date()})
        told = replace(told, on_demand_micro_usd=prices)
    if live.advice_at and live.advice_at.date() >= (dates.advisor or live.advice_at.date()):
        dates = dates.model_copy(update={"advisor": live.advice_at.date()})
        told = replace(told, advice={**figures.advice, **live.advice})
    if live.spot_at and live.spot_at.date() >= (dates.spot or live.spot_at.date()):
        dates = dates.model_copy(update={"spot": live.spot_at.date()})
        told = replace(told, spot_micro_usd={**figures.spot_micro_usd, **live.spot_micro_usd})
    return replace(told, as_of=dates)
