"""Prices and advice through boto3 against the world's market."""

import pytest

from adapters.aws.clients import Clients
from adapters.aws.memory.prices import MemoryPriceHistory
from adapters.aws.prices.keeper import PriceKeeper
from adapters.aws.prices.source import BotoPriceSource
from adapters.redis.memory import MemoryPrices
from demo.aws.market import figures_of
from demo.aws.world import ADVISOR_PATH, Fault, World
from tests.integration.aws.conftest import Here, HurriedClock
from tests.unit.aws.builders import REGION


@pytest.fixture
def source(clients: Clients, clock: HurriedClock, here: Here) -> BotoPriceSource:
    return BotoPriceSource(clients, clock, advisor_url=here.url + ADVISOR_PATH)


async def test_spot_prices_of_a_region_come_by_zone_over_several_pages(source: BotoPriceSource, world: World) -> None:
    prices = await source.spot(REGION)
    known = {zone.id for zone in figures_of(REGION).zones}
    assert {key: price for key, price in world.market.spot(REGION).items() if key in prices} == prices
    assert len(prices) > 2_000
    assert {zone_id for _, zone_id in prices} <= known
    assert world.counts()["DescribeSpotPriceHistory"] > 2


async def test_on_demand_prices_are_those_of_the_price_list(source: BotoPriceSource) -> None:
    assert await source.on_demand(REGION) == figures_of(REGION).on_demand_micro_usd


async def test_advice_is_that_of_the_feed(source: BotoPriceSource) -> None:
    advice = await source.advice()
    assert advice[REGION] == figures_of(REGION).advice


async def test_recorded_prices_take_the_place_of_the_catalogues(source: BotoPriceSource, world: World) -> None:
    world.market.recorded = {REGION: {("m6i.large", "use1-az1"): 12_345}}
    assert await source.spot(REGION) == {("m6i.large", "use1-az1"): 12_345}


async def test_a_region_that_aws_does_not_answer_for_keeps_its_last_prices(
    source: BotoPriceSource, world: World, clock: HurriedClock
) -> None:
    world.market.recorded = {REGION: {("m6i.large", "use1-az1"): 12_345}}
    store = MemoryPrices(clock)
    keeper = PriceKeeper(source, store, MemoryPriceHistory(), clock, regions=[REGION])
    await keeper.refresh_prices()
    world.faults.append(Fault(operation="DescribeSpotPriceHistory", code="InternalError", status=500, times=9))
    report = await keeper.refresh_prices()
    assert report.refreshed == ()
    assert report.problems
    assert await store.get(REGION, ["m6i.large"]) == {"m6i.large": {"use1-az1": 12_345}}
