"""What the platform asks of its database, as interfaces. Imports no driver.

All times are handed in and are UTC. Every method may raise `domain.errors.TransientError` when the database cannot be
reached or is too slow; those that change one thing once are safe to call again.
"""

from adapters.postgres.ports.clusters import Accounts, ApiKeys, Clusters, Policies, Snapshots, Templates
from adapters.postgres.ports.database import Database, Transaction
from adapters.postgres.ports.fleets import Fleets, Overviews
from adapters.postgres.ports.lab import Lab, Models
from adapters.postgres.ports.market import Market
from adapters.postgres.ports.platform import AuditLog, ClockRuns, Config, Insights, Pools
from adapters.postgres.ports.saga import Sagas
from adapters.postgres.ports.simulations import Simulations
from adapters.postgres.ports.sites import Sites
from adapters.postgres.ports.tenancy import Organizations, Rotation, RotationOutcome, Tokens, Users
from adapters.postgres.ports.work import Actions, Inbox, Jobs, Plans, StalePlanError

__all__ = [
    "Accounts",
    "Actions",
    "ApiKeys",
    "AuditLog",
    "ClockRuns",
    "Clusters",
    "Config",
    "Database",
    "Fleets",
    "Inbox",
    "Insights",
    "Jobs",
    "Lab",
    "Market",
    "Models",
    "Organizations",
    "Overviews",
    "Plans",
    "Policies",
    "Pools",
    "Rotation",
    "RotationOutcome",
    "Sagas",
    "Simulations",
    "Sites",
    "Snapshots",
    "StalePlanError",
    "Templates",
    "Tokens",
    "Transaction",
    "Users",
]
