"""Runs of periodic jobs."""

from datetime import datetime

from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from domain.work import ClockRun

SQL = load("clock_runs")


class PostgresClockRuns(Repository):
    """`adapters.postgres.ports.ClockRuns`."""

    __slots__ = ()

    async def begin(self, job: str, due_at: datetime, *, now: datetime, stale_before: datetime) -> bool:
        """Claim a run."""
        values = {"job": job, "due_at": due_at, "now": now, "stale_before": stale_before}
        return bool(await self._session.rows(SQL["begin"], values))

    async def finish(self, job: str, due_at: datetime, *, now: datetime, error: str = "") -> bool:
        """Note that a run has ended."""
        values = {"job": job, "due_at": due_at, "now": now, "error": error}
        return await self._session.run(SQL["finish"], values) > 0

    async def last_due(self, job: str) -> datetime | None:
        """When the youngest run that has ended was due."""
        (row,) = await self._session.rows(SQL["last_due"], {"job": job})
        due: datetime | None = row["due_at"]
        return due

    async def history(self, job: str, limit: int = 50) -> tuple[ClockRun, ...]:
        """Runs, youngest first."""
        return await self._session.all(ClockRun, SQL["history"], {"job": job, "most": limit})

    async def prune(self, due_before: datetime) -> int:
        """Delete old runs that have ended."""
        return await self._session.run(SQL["prune"], {"due_before": due_before})
