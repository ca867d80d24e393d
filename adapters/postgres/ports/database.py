"""The way in: transactions bound to one tenant, or to the platform."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from adapters.postgres.ports.clusters import Accounts, ApiKeys, Clusters, Policies, Snapshots, Templates
from adapters.postgres.ports.fleets import Fleets, Overviews
from adapters.postgres.ports.lab import Lab, Models
from adapters.postgres.ports.market import Market
from adapters.postgres.ports.platform import AuditLog, ClockRuns, Config, Insights, Pools
from adapters.postgres.ports.saga import Sagas
from adapters.postgres.ports.simulations import Simulations
from adapters.postgres.ports.sites import Sites
from adapters.postgres.ports.tenancy import Organizations, Tokens, Users
from adapters.postgres.ports.work import Actions, Inbox, Jobs, Plans


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """All repositories over one connection. Of no use after its context has ended."""

    organizations: Organizations
    users: Users
    tokens: Tokens
    accounts: Accounts
    sites: Sites
    market: Market
    clusters: Clusters
    api_keys: ApiKeys
    templates: Templates
    policies: Policies
    snapshots: Snapshots
    jobs: Jobs
    plans: Plans
    actions: Actions
    inbox: Inbox
    pools: Pools
    audit: AuditLog
    config: Config
    clock_runs: ClockRuns
    insights: Insights
    fleets: Fleets
    overviews: Overviews
    sagas: Sagas
    models: Models
    lab: Lab
    simulations: Simulations


class Database(Protocol):
    """PostgreSQL, or its twin.

    A context that ends normally commits; one that ends by an exception takes everything back.
    """

    def tenant(self, organization_id: UUID) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that sees and changes rows of one organisation only, whatever its queries say."""

    def platform(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction across tenants: for consumers, the clock and admins."""

    def single(self) -> AbstractAsyncContextManager[Transaction]:
        """Across tenants, each statement on its own, one round trip each: for what is asked a thousand times a second.

        Only for calls that are one statement: `ApiKeys.find`, `ApiKeys.touch`, `Actions.take_pending`,
        `Actions.have_pending`, `Clusters.beat`, `Inbox.accept`, `Snapshots.put` and reads.
        """

    async def ping(self) -> float:
        """Seconds that a round trip takes.

        Raises
        ------
        TransientError
            The database cannot be reached.
        """

    async def close(self) -> None:
        """Let go of all connections, waiting a little for those in use."""
