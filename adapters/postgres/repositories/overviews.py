"""What people of one organisation look at."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import partial
from uuid import UUID

from adapters.postgres.ports.fleets import UNHEARD_S
from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.rows import Row, page, page_values, read, values_of
from domain.commands import PlanStatus
from domain.fleet import Cluster, ClusterStatus
from domain.market import CapacityType
from domain.overview import (
    Activity,
    Client,
    ClusterQuery,
    ClusterRow,
    ClusterTable,
    FleetFigures,
    LastPlan,
    Spent,
    SpentMonth,
    Totals,
)
from domain.paging import Page, PageRequest
from domain.spend import NodeGroup

SQL = load("overviews")
_OF_FLEET = (
    *("nodes", "spot_nodes", "ready_nodes", "unpriced_nodes", "pods", "pending_pods"),
    *("cost_micro_usd_per_h", "baseline_micro_usd_per_h"),
)


class PostgresOverviews(Repository):
    """`adapters.postgres.ports.Overviews`."""

    __slots__ = ()

    async def table(self, organization_id: UUID, query: ClusterQuery) -> ClusterTable:
        """A page of clusters."""
        values = {"organization_id": organization_id, **values_of(query), "most": query.limit}
        rows = await self._session.rows(SQL["table"], values)
        if rows or not query.skip:
            return ClusterTable(rows=tuple(map(_cluster, rows)), total=rows[0]["total"] if rows else 0)
        (counted,) = await self._session.rows(SQL["count"], values)
        return ClusterTable(rows=(), total=counted["total"])

    async def totals(self, organization_id: UUID) -> Totals:
        """All clusters together."""
        values = {"organization_id": organization_id}
        counts = await self._session.rows(SQL["statuses"], values)
        (sums,) = await self._session.rows(SQL["totals"], values)
        return Totals(clusters={ClusterStatus(row["status"]): row["clusters"] for row in counts}, **dict(sums.items()))

    async def groups(self, organization_id: UUID) -> tuple[NodeGroup, ...]:
        """Nodes of all clusters together."""
        rows = await self._session.rows(SQL["groups"], {"organization_id": organization_id})
        return tuple(
            NodeGroup(
                instance_type=row["instance_type"],
                zone_id=row["zone_id"],
                capacity_type=CapacityType(row["capacity_type"]),
                nodes=row["nodes"],
                cost_micro_usd_per_h=row["cost"],
                on_demand_micro_usd_per_h=row["on_demand"],
                priced=row["priced"],
            )
            for row in rows
        )

    async def months(self, organization_id: UUID, *, since: date, until: datetime) -> tuple[SpentMonth, ...]:
        """What was spent by month."""
        values = {"organization_id": organization_id, "since": since, "until": until}
        rows = await self._session.rows(SQL["months"], values)
        return tuple(SpentMonth(month=row["month"], spent=read(Spent, row)) for row in rows)

    async def running(self, organization_id: UUID, *, hour: datetime, now: datetime) -> Spent:
        """What was spent since the beginning of an hour."""
        values = {"organization_id": organization_id, "hour": hour, "now": now, "unheard_s": UNHEARD_S}
        (row,) = await self._session.rows(SQL["running"], values)
        return read(Spent, row)

    async def activity(self, organization_id: UUID, request: PageRequest) -> Page[Activity]:
        """What happened, newest first."""
        values = {"organization_id": organization_id, **page_values(request)}
        rows = await self._session.rows(SQL["activity"], values)
        return page(rows, request, to=partial(read, Activity), by=("at", "id"))

    async def clients(self, request: PageRequest) -> Page[Client]:
        """All organisations with how much each runs."""
        rows = await self._session.rows(SQL["clients"], page_values(request))
        return page(rows, request, to=partial(read, Client))

    async def platform(self, now: datetime) -> Mapping[str, int]:
        """Counts and sums over all organisations."""
        (row,) = await self._session.rows(SQL["platform"], {"now": now})
        return dict(row.items())


def _cluster(row: Row) -> ClusterRow:
    seen_at = row["fleet_observed_at"]
    fleet = FleetFigures(observed_at=seen_at, **{name: row[name] for name in _OF_FLEET}) if seen_at else None
    return ClusterRow.of(read(Cluster, row), mode=row["mode"], fleet=fleet, plan=_plan(row))


def _plan(row: Row) -> LastPlan | None:
    if row["plan_id"] is None:
        return None
    return LastPlan(
        id=row["plan_id"],
        generation=row["generation"],
        status=PlanStatus(row["plan_status"]),
        created_at=row["plan_created_at"],
        saving_micro_usd_per_h=row["plan_saving"],
    )
