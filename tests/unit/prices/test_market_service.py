"""The market of the regions in use: refreshed, stored, handed to planning, and still there after a restart."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from actors.prices.service import MarketService
from actors.services import Services
from adapters.aws.memory import MemoryAws, MemoryPriceSource
from adapters.catalog.figures import Advice
from adapters.clock import VirtualClock
from adapters.postgres.memory import MemoryDatabase
from adapters.postgres.ports.market import MarketAge, MarketSource
from adapters.redis.hub import memory_hub
from adapters.settings import load_keys, load_settings
from domain.errors import TransientError
from tests.unit.postgres.builders import add_cluster, add_organization

EAST, WEST = "us-east-1", "us-west-2"
SPOT = {("m5.large", "use1-az1"): 31_000, ("m5.large", "use1-az2"): 32_000}


class Setting:
    def __init__(self, folder: Path) -> None:
        self.clock = VirtualClock(datetime(2026, 11, 23, 12, tzinfo=UTC))
        self.source = MemoryPriceSource(
            {EAST: dict(SPOT), WEST: {("m5.large", "usw2-az1"): 30_000}},
            {EAST: {"m5.large": 96_000}},
            {EAST: {"m5.large": Advice(saving_percent=60, bucket=1)}},
        )
        key = base64.b64encode(bytes(32)).decode()
        settings = load_settings({"data_dir": folder, "session_keys": key, "encryption_keys": key})
        self.services = Services(
            settings=settings,
            keys=load_keys(settings),
            clock=self.clock,
            database=MemoryDatabase(),
            hub=memory_hub(self.clock),
            aws=MemoryAws(self.clock, prices=self.source),
        )
        self.market = MarketService(self.services)

    async def use(self, region: str) -> None:
        organization = await add_organization(self.services.database)
        await add_cluster(self.services.database, organization, region=region)

    async def ages(self) -> dict[MarketSource, MarketAge]:
        async with self.services.database.platform() as tx:
            return {age.source: age for age in await tx.market.ages() if age.region == EAST}


@pytest.fixture
async def setting(tmp_path: Path) -> Setting:
    made = Setting(tmp_path)
    await made.use(EAST)
    return made


async def test_only_regions_in_use_are_asked_for(setting: Setting) -> None:
    await setting.market.refresh()
    assert sorted(setting.source.asked) == ["advice", f"on-demand {EAST}", f"spot {EAST}"]
    await setting.use(WEST)
    await setting.market.refresh()
    assert f"spot {WEST}" in setting.source.asked
    assert setting.market.figures("eu-west-1") is None


async def test_nothing_is_asked_while_there_is_no_cluster(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    assert await setting.market.refresh() == ""
    assert setting.source.asked == []


async def test_prices_reach_redis_the_history_the_tables_and_planning(setting: Setting) -> None:
    await setting.market.refresh()
    stored = await setting.services.hub.prices.get(EAST, ["m5.large"])
    assert stored == {"m5.large": {"use1-az1": 31_000, "use1-az2": 32_000}}
    async with setting.services.database.platform() as tx:
        assert len(await tx.market.last(EAST, since=setting.clock.now() - timedelta(days=1))) == 2
        assert await tx.market.on_demand(EAST) == {"m5.large": 96_000}
        (rate,) = await tx.market.rates(EAST)
    assert (rate.bucket, rate.probability_per_month) == (1, 0.075)
    figures = setting.market.figures(EAST)
    assert figures is not None
    assert figures.spot_micro_usd == SPOT
    assert figures.on_demand_micro_usd == {"m5.large": 96_000}
    assert figures.advice == {"m5.large": Advice(saving_percent=60, bucket=1)}


async def test_each_source_is_asked_when_it_is_due(setting: Setting) -> None:
    async def asked_after(seconds: float) -> list[str]:
        await setting.clock.advance(seconds)
        setting.source.asked.clear()
        await setting.market.refresh()
        return sorted(setting.source.asked)

    assert len(await asked_after(0)) == 3
    assert await asked_after(300) == [f"spot {EAST}"]
    assert await asked_after(6 * 3_600) == ["advice", f"spot {EAST}"]
    assert await asked_after(18 * 3_600) == ["advice", f"on-demand {EAST}", f"spot {EAST}"]


async def test_a_source_that_fails_leaves_the_last_good_figures_and_its_age_is_told(setting: Setting) -> None:
    await setting.market.refresh()
    began = setting.clock.now()
    setting.source.failing = {EAST: TransientError("throttled"), "advice": TransientError("away")}
    await setting.clock.advance(24 * 3_600)
    assert "in vain" in await setting.market.refresh()
    ages = await setting.ages()
    for source, problem in (("spot", "throttled"), ("on_demand", "throttled"), ("advisor", "away")):
        assert (ages[MarketSource(source)].had_at, ages[MarketSource(source)].problem) == (began, problem)
    figures = setting.market.figures(EAST)
    assert figures is not None
    assert figures.on_demand_micro_usd == {"m5.large": 96_000}
    assert (figures.spot_micro_usd, figures.spot_at) == ({}, None)


async def test_a_long_source_that_failed_is_tried_again_only_later(setting: Setting) -> None:
    setting.source.failing = {"advice": TransientError("away")}
    await setting.market.refresh()
    await setting.clock.advance(300)
    await setting.market.refresh()
    assert setting.source.asked.count("advice") == 1
    await setting.clock.advance(1_800)
    await setting.market.refresh()
    assert setting.source.asked.count("advice") == 2


async def test_after_a_restart_what_was_stored_serves_at_once(setting: Setting) -> None:
    await setting.market.refresh()
    await setting.clock.advance(600)
    setting.source.failing = {EAST: TransientError("away"), "advice": TransientError("away")}
    again = MarketService(setting.services)
    await again.refresh()
    figures = again.figures(EAST)
    assert figures is not None
    assert figures.spot_micro_usd == SPOT
    assert figures.on_demand_micro_usd == {"m5.large": 96_000}
    assert figures.advice == {"m5.large": Advice(saving_percent=60, bucket=1)}
    assert setting.source.asked.count("advice") == 1
