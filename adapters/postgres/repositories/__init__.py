"""Repositories on PostgreSQL, one per aggregate; their queries are in ``adapters/postgres/sql``."""

from adapters.postgres.ports import Transaction
from adapters.postgres.repositories.accounts import PostgresAccounts
from adapters.postgres.repositories.actions import PostgresActions
from adapters.postgres.repositories.api_keys import PostgresApiKeys
from adapters.postgres.repositories.audit import PostgresAuditLog
from adapters.postgres.repositories.clock_runs import PostgresClockRuns
from adapters.postgres.repositories.clusters import PostgresClusters
from adapters.postgres.repositories.config import PostgresConfig
from adapters.postgres.repositories.fleets import PostgresFleets
from adapters.postgres.repositories.inbox import PostgresInbox
from adapters.postgres.repositories.insights import PostgresInsights
from adapters.postgres.repositories.jobs import PostgresJobs
from adapters.postgres.repositories.lab import PostgresLab, PostgresModels
from adapters.postgres.repositories.market import PostgresMarket
from adapters.postgres.repositories.organizations import PostgresOrganizations
from adapters.postgres.repositories.overviews import PostgresOverviews
from adapters.postgres.repositories.plans import PostgresPlans
from adapters.postgres.repositories.policies import PostgresPolicies
from adapters.postgres.repositories.pools import PostgresPools
from adapters.postgres.repositories.sagas import PostgresSagas
from adapters.postgres.repositories.simulations import PostgresSimulations
from adapters.postgres.repositories.sites import PostgresSites
from adapters.postgres.repositories.snapshots import PostgresSnapshots
from adapters.postgres.repositories.templates import PostgresTemplates
from adapters.postgres.repositories.tokens import PostgresTokens
from adapters.postgres.repositories.users import PostgresUsers
from adapters.postgres.session import Session


def over(session: Session) -> Transaction:
    """All repositories over one connection."""
    return Transaction(
        organizations=PostgresOrganizations(session),
        users=PostgresUsers(session),
        tokens=PostgresTokens(session),
        accounts=PostgresAccounts(session),
        sites=PostgresSites(session),
        market=PostgresMarket(session),
        clusters=PostgresClusters(session),
        api_keys=PostgresApiKeys(session),
        templates=PostgresTemplates(session),
        policies=PostgresPolicies(session),
        snapshots=PostgresSnapshots(session),
        jobs=PostgresJobs(session),
        plans=PostgresPlans(session),
        actions=PostgresActions(session),
        inbox=PostgresInbox(session),
        pools=PostgresPools(session),
        audit=PostgresAuditLog(session),
        config=PostgresConfig(session),
        clock_runs=PostgresClockRuns(session),
        insights=PostgresInsights(session),
        fleets=PostgresFleets(session),
        overviews=PostgresOverviews(session),
        sagas=PostgresSagas(session),
        models=PostgresModels(session),
        lab=PostgresLab(session),
        simulations=PostgresSimulations(session),
    )
