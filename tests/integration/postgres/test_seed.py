"""The seed is whole, may run again, and its report finds what is missing."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from argon2 import PasswordHasher

from adapters.postgres.pool import PoolSettings, PostgresDatabase
from adapters.postgres.seed import SeedOutcome, seed, verify
from tests.integration.conftest import PostgresServer
from tests.unit.postgres.builders import NOW, after


@pytest.fixture(scope="module")
def seeded(postgres_server: PostgresServer) -> tuple[str, SeedOutcome]:
    dsn = postgres_server.create()

    async def first() -> SeedOutcome:
        database = await PostgresDatabase.connect(dsn, PoolSettings(connections=2))
        outcome = await seed(database, now=NOW, admin_email="admin@example.com")
        await database.close()
        return outcome

    return dsn, asyncio.run(first())


@pytest.fixture
async def database(seeded: tuple[str, SeedOutcome]) -> AsyncIterator[PostgresDatabase]:
    database = await PostgresDatabase.connect(seeded[0], PoolSettings(connections=2))
    yield database
    await database.close()


async def test_a_fresh_seed_passes_every_check(database: PostgresDatabase) -> None:
    report = await verify(database)
    assert [check for check in report.checks if not check.passed] == []
    assert {check.kind for check in report.checks} == {"count", "nulls", "foreign key"}
    assert report.passed


async def test_the_first_admin_has_the_password_that_was_told_once(
    database: PostgresDatabase, seeded: tuple[str, SeedOutcome]
) -> None:
    outcome = seeded[1]
    async with database.platform() as tx:
        admin = await tx.users.by_email("admin@example.com")
    assert admin is not None
    assert PasswordHasher().verify(admin.password_hash, outcome.admin_password)
    assert outcome.admin_password not in repr(outcome)


async def test_a_second_seed_changes_nothing(database: PostgresDatabase) -> None:
    again = await seed(database, now=after(60), admin_email="other@example.com")
    assert (sum(again.changed.values()), again.admin_password) == (0, "")


async def test_a_seed_keeps_what_admins_and_the_price_service_have_set(
    database: PostgresDatabase, seeded: tuple[str, SeedOutcome]
) -> None:
    owner = await asyncpg.connect(seeded[0])
    await owner.execute("UPDATE instance_pricing SET as_of = '2099-01-01', price_micro_usd_per_h = 7")
    async with database.platform() as tx:
        await tx.config.set("SAFE_MODE", "TRUE", by="admin@example.com", now=NOW)
    await seed(database, now=after(60))
    assert await owner.fetchval("SELECT max(price_micro_usd_per_h) FROM instance_pricing") == 7
    async with database.platform() as tx:
        assert await tx.config.get("SAFE_MODE") == "TRUE"
    await owner.close()


async def test_the_report_names_what_is_missing(postgres_server: PostgresServer) -> None:
    database = await PostgresDatabase.connect(postgres_server.create(), PoolSettings(connections=2))
    report = await verify(database)
    await database.close()
    failed = {check.name for check in report.checks if not check.passed}
    assert not report.passed
    assert {"aws_regions", "instance_specs", "super admins", "default_templates"} <= failed
    assert any("SAFE_MODE" in name for name in failed)
