"""The twin of `adapters.postgres.pool.PostgresDatabase`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from adapters.postgres.memory.clusters import MemoryAccounts, MemoryApiKeys, MemoryClusters
from adapters.postgres.memory.fleets import MemoryFleets
from adapters.postgres.memory.inbox import MemoryInbox
from adapters.postgres.memory.lab import MemoryLab, MemoryModels
from adapters.postgres.memory.market import MemoryMarket
from adapters.postgres.memory.overviews import MemoryOverviews
from adapters.postgres.memory.platform import (
    DEFAULT_CONFIG_ROWS,
    MemoryAuditLog,
    MemoryClockRuns,
    MemoryConfig,
    MemoryInsights,
    MemoryPools,
)
from adapters.postgres.memory.policies import MemoryPolicies, MemorySnapshots, MemoryTemplates
from adapters.postgres.memory.saga import MemorySagas
from adapters.postgres.memory.simulations import MemorySimulations
from adapters.postgres.memory.sites import MemorySites
from adapters.postgres.memory.tables import Tables, View
from adapters.postgres.memory.tenancy import MemoryOrganizations, MemoryTokens, MemoryUsers
from adapters.postgres.memory.work import MemoryActions, MemoryJobs, MemoryPlans
from adapters.postgres.ports import Transaction


class MemoryDatabase:
    """`adapters.postgres.ports.Database` in memory, seeded with what the seed gives the real one.

    Transactions that run at once see each other's changes before they end; tests that need more ask the real one.
    """

    def __init__(self) -> None:
        self._tables = Tables()
        for row in DEFAULT_CONFIG_ROWS:
            self._tables.of(type(row))[row.key] = row

    @asynccontextmanager
    async def tenant(self, organization_id: UUID) -> AsyncIterator[Transaction]:
        """A transaction that sees and changes rows of one organisation only."""
        async with self._transaction(View(self._tables, organization_id)) as transaction:
            yield transaction

    @asynccontextmanager
    async def platform(self) -> AsyncIterator[Transaction]:
        """A transaction across tenants."""
        async with self._transaction(View(self._tables, None)) as transaction:
            yield transaction

    @asynccontextmanager
    async def single(self) -> AsyncIterator[Transaction]:
        """Across tenants; nothing is taken back."""
        yield _over(View(self._tables, None))

    async def ping(self) -> float:
        """No time at all."""
        return 0.0

    async def close(self) -> None:
        """Nothing to let go of."""

    @asynccontextmanager
    async def _transaction(self, view: View) -> AsyncIterator[Transaction]:
        try:
            yield _over(view)
        except BaseException:
            view.roll_back()
            raise


def _over(view: View) -> Transaction:
    return Transaction(
        organizations=MemoryOrganizations(view),
        users=MemoryUsers(view),
        tokens=MemoryTokens(view),
        accounts=MemoryAccounts(view),
        sites=MemorySites(view),
        market=MemoryMarket(view),
        clusters=MemoryClusters(view),
        api_keys=MemoryApiKeys(view),
        templates=MemoryTemplates(view),
        policies=MemoryPolicies(view),
        snapshots=MemorySnapshots(view),
        jobs=MemoryJobs(view),
        plans=MemoryPlans(view),
        actions=MemoryActions(view),
        inbox=MemoryInbox(view),
        pools=MemoryPools(view),
        audit=MemoryAuditLog(view),
        config=MemoryConfig(view),
        clock_runs=MemoryClockRuns(view),
        insights=MemoryInsights(view),
        fleets=MemoryFleets(view),
        overviews=MemoryOverviews(view),
        sagas=MemorySagas(view),
        models=MemoryModels(view),
        lab=MemoryLab(view),
        simulations=MemorySimulations(view),
    )
