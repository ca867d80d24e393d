"""What happens when the server dies, and when callers are cut off. On a server of its own, which it may kill."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from adapters.embedded.folder import DataFolder
from adapters.postgres.migrate import migrate
from adapters.postgres.pool import PoolSettings, PostgresDatabase
from adapters.postgres.seed import seed_defaults
from domain.errors import TransientError
from tests.integration.conftest import PostgresServer
from tests.unit.postgres.builders import NOW, add_cluster, add_organization, make_event

MORTAL = PoolSettings(connections=2, patience_s=20.0)
IMPATIENT = PoolSettings(connections=2, patience_s=0.2, connect_timeout_s=1.0)


@pytest.fixture
async def mortal() -> AsyncIterator[PostgresServer]:
    with tempfile.TemporaryDirectory(prefix="spotopt-test-") as path, DataFolder(Path(path)) as folder:
        server = PostgresServer(folder)
        await server.start()
        dsn = server.create_empty("mortal")
        await asyncio.to_thread(migrate, dsn)
        yield server
        await server.stop()


async def test_what_was_accepted_survives_kill_9_and_the_next_call_waits_for_the_server(
    mortal: PostgresServer,
) -> None:
    database = await PostgresDatabase.connect(mortal.dsn("mortal"), MORTAL)
    await seed_defaults(database, now=NOW)
    cluster = await add_cluster(database)
    events = [make_event(cluster) for _ in range(100)]
    async with database.single() as tx:
        assert len(await tx.inbox.accept(events)) == 100
    os.kill(mortal.pid, signal.SIGKILL)
    count, _ = await asyncio.gather(unfinished(database), mortal.start())
    assert count == {2: 100}
    await database.close()


async def unfinished(database: PostgresDatabase) -> dict[int, int]:
    # A transaction may have begun on a process that outlives the server by a moment: then the caller begins anew.
    while True:
        with suppress(TransientError):
            async with database.platform() as tx:
                return dict(await tx.inbox.count_unfinished())


async def test_a_transaction_that_the_server_dies_in_is_transient_and_takes_everything_back(
    mortal: PostgresServer,
) -> None:
    database = await PostgresDatabase.connect(mortal.dsn("mortal"), MORTAL)
    await seed_defaults(database, now=NOW)
    organization = await add_organization(database)

    async def suspend_and_die() -> None:
        async with database.platform() as tx:
            await tx.organizations.suspend(organization.id, NOW)
            os.kill(mortal.pid, signal.SIGKILL)
            while True:  # the server's other processes live until they notice
                await tx.organizations.get(organization.id)

    with pytest.raises(TransientError):
        await asyncio.wait_for(suspend_and_die(), 30)
    await mortal.start()
    async with database.platform() as tx:
        found = await tx.organizations.get(organization.id)
    assert found is not None
    assert found.suspended_at is None
    await database.close()


async def test_a_server_that_stays_away_is_told_of_after_the_patience(tmp_path: Path) -> None:
    with pytest.raises(TransientError):
        await PostgresDatabase.connect(f"postgresql://postgres@/postgres?host={tmp_path}", IMPATIENT)


async def test_a_caller_that_is_cancelled_leaves_neither_row_nor_broken_connection(
    database: PostgresDatabase,
) -> None:
    organization = await add_organization(database)
    suspended = asyncio.Event()

    async def suspend_and_wait() -> None:
        async with database.platform() as tx:
            await tx.organizations.suspend(organization.id, NOW)
            suspended.set()
            await asyncio.Event().wait()

    for _ in range(8):
        task = asyncio.create_task(suspend_and_wait())
        await suspended.wait()
        suspended.clear()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with database.platform() as tx:
        found = await tx.organizations.get(organization.id)
    assert found is not None
    assert found.suspended_at is None
    assert await database.ping() < 5
