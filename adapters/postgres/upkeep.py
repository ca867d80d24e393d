"""What keeps the database small and ready: for the clock to call once a day."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from adapters.postgres.ports import Database, Transaction

HANDLED_EVENTS_KEPT = timedelta(days=7)
"""Long enough to look into last week's trouble, and far longer than an agent sends an event again."""

EVIDENCE_KEPT = timedelta(days=90)
"""What the risk of pools is learnt from."""

CLOCK_RUNS_KEPT = timedelta(days=7)
EVENTS_PER_STATEMENT = 10_000
PER_STATEMENT = 500
"""Of what is large: a plan is a document, and a saga takes its steps along, about ten for each node."""


async def upkeep(
    database: Database, now: datetime, *, sagas_kept: timedelta, plans_kept: timedelta
) -> Mapping[str, int]:
    """Delete what has served its time and prepare the next months; says how many rows or partitions each took.

    Safe to call again, and to be cut off: each part is a transaction of its own.

    Parameters
    ----------
    sagas_kept
        After their end; longer than decisions look back, which is a day.
    plans_kept
        Plans that nobody has accepted, and jobs after their end. What was accepted stays.
    """
    done: dict[str, int] = {}
    many, few = EVENTS_PER_STATEMENT, PER_STATEMENT
    handled_before = now - HANDLED_EVENTS_KEPT
    done["handled events"] = await _prune(database, lambda tx: tx.inbox.prune(handled_before, most=many), most=many)
    done["sagas"] = await _prune(database, lambda tx: tx.sagas.prune(now - sagas_kept, most=few), most=few)
    done["plans"] = await _prune(database, lambda tx: tx.plans.prune(now - plans_kept, most=few), most=few)
    done["jobs"] = await _prune(database, lambda tx: tx.jobs.prune(now - plans_kept, most=few), most=few)
    async with database.platform() as tx:
        done["expired tokens"] = await tx.tokens.prune(now)
    async with database.platform() as tx:
        done["pool evidence"] = await tx.pools.prune(now - EVIDENCE_KEPT)
    async with database.platform() as tx:
        done["clock runs"] = await tx.clock_runs.prune(now - CLOCK_RUNS_KEPT)
    async with database.platform() as tx:
        done["partitions"] = await tx.insights.prepare_months(now.date())
    return done


async def _prune(database: Database, some: Callable[[Transaction], Awaitable[int]], *, most: int) -> int:
    """In transactions of so many at most."""
    total = 0
    while True:
        async with database.platform() as tx:
            gone = await some(tx)
        total += gone
        if gone < most:
            return total
