"""Prices are kept fresh, and the last good ones serve."""

from datetime import timedelta

import pytest

from adapters.aws.memory.prices import MemoryPriceHistory, MemoryPriceSource
from adapters.aws.ports.prices import SERVED_AT_MOST, RegionPrices
from adapters.aws.prices.keeper import PriceKeeper
from adapters.catalog.figures import Advice
from adapters.clock import VirtualClock
from adapters.redis.memory import MemoryPrices
from domain.errors import RejectedError, TransientError

EAST, WEST = "us-east-1", "us-west-2"
SPOT = {("m6i.large", "use1-az1"): 35_000, ("m6i.large", "use1-az2"): 36_000}


class Setting:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.source = MemoryPriceSource(
            {EAST: dict(SPOT), WEST: {("m6i.large", "usw2-az1"): 30_000}},
            {EAST: {"m6i.large": 96_000}, WEST: {"m6i.large": 96_000}},
            {EAST: {"m6i.large": Advice(saving_percent=60, bucket=1)}},
        )
        self.store = MemoryPrices(self.clock)
        self.history = MemoryPriceHistory()
        self.keeper = PriceKeeper(self.source, self.store, self.history, self.clock, regions=[EAST, WEST])

    async def stored(self, region: str = EAST) -> dict[str, int] | None:
        found = await self.store.get(region, ["m6i.large"])
        return dict(found["m6i.large"]) if found else None


@pytest.fixture
def setting() -> Setting:
    return Setting()


async def test_a_refresh_stores_prices_by_zone_and_keeps_their_history(setting: Setting) -> None:
    report = await setting.keeper.refresh_prices()
    assert report.refreshed == (EAST, WEST)
    assert await setting.stored() == {"use1-az1": 35_000, "use1-az2": 36_000}
    assert len(setting.history.changes) == report.changes == 3


async def test_only_prices_that_changed_enter_the_history(setting: Setting) -> None:
    await setting.keeper.refresh_prices()
    await setting.clock.advance(300)
    setting.source.spot_prices[EAST] = dict(SPOT) | {("m6i.large", "use1-az1"): 40_000}
    assert (await setting.keeper.refresh_prices()).changes == 1
    last = setting.history.changes[-1]
    assert (last.pool.zone_id, last.micro_usd_per_h, last.at) == ("use1-az1", 40_000, setting.clock.now())


async def test_the_last_good_prices_serve_when_a_source_fails_and_their_age_is_told(setting: Setting) -> None:
    await setting.keeper.refresh_prices()
    await setting.clock.advance(900)
    setting.source.failing[EAST] = TransientError("throttled")
    report = await setting.keeper.refresh_prices()
    assert report.refreshed == (WEST,)
    assert report.problems == (f"{EAST}: throttled",)
    assert await setting.stored() == {"use1-az1": 35_000, "use1-az2": 36_000}
    ages = {age.region: age.spot for age in report.ages}
    assert ages == {EAST: timedelta(seconds=900), WEST: timedelta(0)}


async def test_an_empty_answer_replaces_nothing(setting: Setting) -> None:
    await setting.keeper.refresh_prices()
    setting.source.spot_prices[EAST] = {}
    assert (await setting.keeper.refresh_prices()).refreshed == (WEST,)
    assert setting.keeper.known[EAST].spot == SPOT


async def test_prices_that_are_too_old_are_not_given_out_any_more(setting: Setting) -> None:
    await setting.keeper.refresh_prices()
    setting.source.failing[EAST] = TransientError("away")
    await setting.clock.advance(SERVED_AT_MOST.total_seconds() + 1)
    await setting.keeper.refresh_prices()
    assert await setting.stored() is None
    assert setting.keeper.known[EAST].spot == SPOT


async def test_after_a_restart_only_what_changed_meanwhile_enters_the_history(setting: Setting) -> None:
    await setting.keeper.refresh_prices()
    await setting.clock.advance(600)
    setting.source.spot_prices[WEST] = {("m6i.large", "usw2-az1"): 31_000}
    again = PriceKeeper(setting.source, setting.store, setting.history, setting.clock, regions=[EAST, WEST])
    assert (await again.refresh_prices()).changes == 1


async def test_after_a_restart_the_last_prices_serve_where_the_source_is_away(setting: Setting) -> None:
    await setting.keeper.refresh_prices()
    await setting.clock.advance(700)
    assert await setting.stored() is None
    setting.source.failing[EAST] = TransientError("away")
    again = PriceKeeper(setting.source, setting.store, setting.history, setting.clock, regions=[EAST])
    (east,) = (await again.refresh_prices()).ages
    assert east.spot == timedelta(seconds=700)
    assert await setting.stored() == {"use1-az1": 35_000, "use1-az2": 36_000}


async def test_a_problem_is_forgotten_when_it_has_passed(setting: Setting) -> None:
    setting.source.failing[EAST] = RejectedError("not allowed")
    assert (await setting.keeper.refresh_prices()).problems
    del setting.source.failing[EAST]
    assert (await setting.keeper.refresh_prices()).problems == ()


async def test_on_demand_prices_are_kept_where_the_source_fails(setting: Setting) -> None:
    assert await setting.keeper.refresh_on_demand([EAST, WEST]) == {}
    setting.source.failing[EAST] = TransientError("away")
    assert await setting.keeper.refresh_on_demand([EAST, WEST]) == {EAST: "away"}
    assert setting.keeper.known[EAST].on_demand == {"m6i.large": 96_000}


async def test_spot_prices_wait_for_no_price_list(setting: Setting) -> None:
    await setting.keeper.refresh_prices()
    assert setting.source.asked == [f"spot {EAST}", f"spot {WEST}"]


async def test_advice_is_kept_when_the_feed_fails_or_leaves_a_region_out(setting: Setting) -> None:
    assert await setting.keeper.refresh_advice() == f"the feed does not know {WEST}"
    setting.source.failing["advice"] = RejectedError("the feed is malformed")
    assert await setting.keeper.refresh_advice() == "the feed is malformed"
    assert setting.keeper.known[EAST].advice == {"m6i.large": Advice(saving_percent=60, bucket=1)}


async def test_what_was_never_had_has_no_age(setting: Setting) -> None:
    (east, _) = setting.keeper.ages()
    assert (east.spot, east.on_demand, east.advice) == (None, None, None)


async def test_regions_come_and_go_and_those_that_stay_keep_what_is_known_of_them(setting: Setting) -> None:
    await setting.keeper.refresh_prices()
    setting.keeper.follow([RegionPrices(region=EAST), RegionPrices(region="eu-west-1", on_demand={"m6i.large": 1})])
    assert setting.keeper.known.keys() == {EAST, "eu-west-1"}
    assert setting.keeper.known[EAST].spot == SPOT
    assert setting.keeper.known["eu-west-1"].on_demand == {"m6i.large": 1}
