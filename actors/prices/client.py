"""The market as others see it: found by name, and started where it does not run yet."""

import asyncio
from datetime import datetime
from typing import Any

import ray
from ray.actor import ActorHandle
from ray.exceptions import RayError

from actors import runtime
from actors.clock.clock import PeriodicJob
from actors.clock.schedule import Period
from actors.hosting.client import answered
from adapters.catalog import LiveFigures
from domain.errors import TransientError

NAME = "MarketKeeper"

REFRESH_S = 300.0
"""SPEC 4: Spot prices every 5 minutes; the service itself knows when the rest is due."""

REFRESH_TIMEOUT_S = 100.0
"""Less than a periodic job may take; 15 regions take a minute at AWS' limits."""

ASK_TIMEOUT_S = 0.5
"""Longest that a plan waits for prices, which takes milliseconds; then the carried catalogue must do."""


def market() -> ActorHandle[Any]:
    """The market; the first one to ask starts it."""
    try:
        return runtime.find(NAME)
    except TransientError:
        from actors.prices.actor import MarketKeeper  # what only the market itself needs to load

        return runtime.start(runtime.ActorSpec(name=NAME, made_by=MarketKeeper))


def ask_figures(region: str) -> LiveFigures | None:
    """Prices and advice for a plan, from within a task of Ray.

    Raises
    ------
    TransientError
        When the market does not answer in time.
    """
    handle: Any = market()
    try:
        found: LiveFigures | None = ray.get(handle.figures.remote(region), timeout=ASK_TIMEOUT_S)
    except RayError as err:
        raise TransientError(f"the market does not answer: {type(err).__name__}") from err
    return found


async def refresh(_: datetime) -> str:
    """Have the market refreshed; a periodic job."""
    handle: Any = await asyncio.to_thread(market)
    said: str = await answered(handle.refresh.remote(), what=NAME, timeout_s=REFRESH_TIMEOUT_S)
    return said


def price_jobs() -> tuple[PeriodicJob, ...]:
    """The jobs of prices (SVC-PRICE-01) and advice (SVC-SCRAPE-01)."""
    return (PeriodicJob(name="refresh prices", period=Period(every_s=REFRESH_S), run=refresh),)
