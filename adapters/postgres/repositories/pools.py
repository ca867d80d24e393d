"""Evidence and flags of capacity pools."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.rows import Row, columns_of
from domain.commands import EvidenceKind
from domain.market import Pool
from domain.work import PoolEvidence, PoolFlag

SQL = load("pools")


class PostgresPools(Repository):
    """`adapters.postgres.ports.Pools`."""

    __slots__ = ()

    async def add_evidence(self, evidence: Sequence[PoolEvidence]) -> tuple[UUID, ...]:
        """Keep what was seen."""
        if not evidence:
            return ()
        values = columns_of(evidence) | columns_of([seen.pool for seen in evidence])
        return tuple(row["id"] for row in await self._session.rows(SQL["add_evidence"], values))

    async def evidence(self, since: datetime, pool: Pool | None = None) -> tuple[PoolEvidence, ...]:
        """What was seen since then."""
        values = {"since": since, **_values(pool)}
        return tuple(map(_evidence, await self._session.rows(SQL["evidence"], values)))

    async def flag(self, flags: Sequence[PoolFlag]) -> None:
        """Flag pools."""
        if flags:
            await self._session.run(SQL["flag"], columns_of(flags) | columns_of([flag.pool for flag in flags]))

    async def unflag(self, pool: Pool) -> bool:
        """Take a flag away."""
        return await self._session.run(SQL["unflag"], _values(pool)) > 0

    async def flags(self, now: datetime) -> tuple[PoolFlag, ...]:
        """Flags that hold now."""
        return tuple(map(_flag, await self._session.rows(SQL["flags"], {"now": now})))

    async def prune(self, before: datetime) -> int:
        """Delete evidence and flags from before that time."""
        (row,) = await self._session.rows(SQL["prune"], {"before": before})
        return int(row["number"])


def _values(pool: Pool | None) -> dict[str, object]:
    return {name: pool and getattr(pool, name) for name in ("region", "zone_id", "instance_type")}


def _pool(row: Row) -> Pool:
    return Pool(region=row["region"], zone_id=row["zone_id"], instance_type=row["instance_type"])


def _evidence(row: Row) -> PoolEvidence:
    names = ("id", "organization_id", "cluster_id", "instance_id", "known", "at")
    return PoolEvidence(pool=_pool(row), kind=EvidenceKind(row["kind"]), **{name: row[name] for name in names})


def _flag(row: Row) -> PoolFlag:
    return PoolFlag(pool=_pool(row), flagged_at=row["flagged_at"], until=row["until"], reason=row["reason"])
