"""PostgreSQL does with what AWS has shown what any database must do."""

import asyncpg
import pytest

from adapters.postgres.pool import PostgresDatabase
from tests.unit.postgres.contract_aws import *  # noqa: F403

EMPTY = """
    DELETE FROM market_ages; DELETE FROM spot_price_history; DELETE FROM instance_pricing;
    DELETE FROM interruption_rates;
"""
KNOWN = """
    INSERT INTO aws_regions (region, name) VALUES ('us-east-1', 'Virginia') ON CONFLICT DO NOTHING;
    INSERT INTO aws_zones (zone_id, region) VALUES ('use1-az1', 'us-east-1') ON CONFLICT DO NOTHING;
    INSERT INTO instance_families (family, architecture, types, has_gpu, burstable, current_generation)
    VALUES ('m5', 'x86_64', 1, false, false, true) ON CONFLICT DO NOTHING;
    INSERT INTO instance_specs (instance_type, family, architecture, vcpu, memory_mib, pods, gpu_count, gpu_name,
                                nvme_gb, spot, bare_metal, burstable, current_generation)
    VALUES ('m5.large', 'm5', 'x86_64', 2, 8192, 29, 0, '', 0, true, false, false, true) ON CONFLICT DO NOTHING;
"""


@pytest.fixture(autouse=True)
async def _no_market(owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    await owner.execute(EMPTY)


@pytest.fixture
async def known_types(owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    """A region, a zone and a type as the seed puts them."""
    await owner.execute(KNOWN)


async def test_prices_of_types_that_nobody_knows_are_left_out(database: PostgresDatabase, known_types: None) -> None:
    async with database.platform() as tx:
        prices = {("m5.large", "use1-az1"): 31_000, ("x99.large", "use1-az1"): 1, ("m5.large", "use1-az99"): 1}
        await tx.market.put_spot("us-east-1", prices, as_of=RATE.as_of)  # noqa: F405
        await tx.market.put_spot("mars-1", prices, as_of=RATE.as_of)  # noqa: F405
    async with database.platform_session() as session:
        rows = await session._connection.fetch("SELECT * FROM instance_pricing")
    assert [(row["instance_type"], row["zone_id"]) for row in rows] == [("m5.large", "use1-az1")]
