"""Plans are made with the market's prices, and with the catalogue's while the market is away."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from actors.planning.make import make_plan
from adapters.catalog import LiveFigures, load_catalog
from domain.errors import TransientError
from domain.market import CapacityType
from domain.plan import Plan
from tests.unit.planning.test_make import order

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "web-shop.json.gz"
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def example() -> list[dict]:
    return orjson.loads(gzip.decompress(EXAMPLE.read_bytes()))["items"]


@pytest.fixture(scope="module")
def plain(example) -> Plan:
    """Without a market."""
    made = make_plan(order(example, time_limit_s=0.2)).plan
    assert made is not None
    return made


def away(region: str) -> LiveFigures | None:
    raise TransientError(f"the market does not answer for {region}")


def test_a_plan_is_made_with_the_prices_of_the_market(example, plain) -> None:
    asked = []

    def twice_as_dear(region: str) -> LiveFigures:
        asked.append(region)
        catalog = load_catalog(region)
        dear = {
            offer.pool.instance_type: round(2_000_000 * offer.price_usd_per_h)
            for offer in catalog.offerings
            if offer.capacity_type is CapacityType.ON_DEMAND
        }
        return LiveFigures(region=region, on_demand_micro_usd=dear, on_demand_at=NOW)

    made = make_plan(order(example, time_limit_s=0.2), ask_market=twice_as_dear)
    assert made.plan is not None, made.failure
    assert asked
    assert made.plan.cost_usd_per_h > 1.5 * plain.cost_usd_per_h
    assert any("2026-11-23" in note for note in made.plan.notes)


def test_while_the_market_is_away_the_catalogue_must_do(example, plain) -> None:
    made = make_plan(order(example, time_limit_s=0.2), ask_market=away)
    assert made.plan is not None
    assert made.plan.cost_usd_per_h == plain.cost_usd_per_h
