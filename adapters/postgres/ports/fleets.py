"""What clusters run and cost, and what people look at, as interfaces."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from domain.overview import Activity, Client, ClusterQuery, ClusterTable, Spent, SpentMonth, Totals
from domain.paging import Page, PageRequest
from domain.spend import Baseline, ClusterFleet, FleetDue, NodeGroup

OPEN_PLAN = ("recommended", "awaiting_approval", "accepted")
"""Plans that would still take something off the bill."""

UNHEARD_S = 300.0
"""Costs are reckoned for so long after the last heartbeat: of what runs later nobody knows."""


class Fleets(Protocol):
    """What each cluster runs and costs, and the hours made of it."""

    async def due(self, *, before: datetime, most: int) -> tuple[FleetDue, ...]:
        """Clusters with a snapshot or plan that is not in their figures, or figures from before that time.

        The oldest come first (platform scope).
        """

    async def get(self, cluster_id: UUID) -> ClusterFleet | None:
        """The figures of a cluster."""

    async def put(self, fleet: ClusterFleet) -> None:
        """Keep the figures of a cluster in place of older ones."""

    async def add_rates(self, fleet: ClusterFleet) -> None:
        """Keep what it costs from ``figured_at`` on, until the next change."""

    async def baseline(self, cluster_id: UUID) -> Baseline | None:
        """What savings of a cluster are told against."""

    async def set_baseline(self, baseline: Baseline) -> bool:
        """Keep a baseline; false when there is one, which stays."""

    async def planned(self, plan_id: UUID) -> tuple[NodeGroup, ...]:
        """The nodes that a plan leads to, without their cost; none when it is no longer open."""

    async def fill_hour(self, hour: datetime) -> int:
        """Make one hour's savings of all clusters from their rates; says of how many (platform scope).

        An hour that was filled before is filled anew. Counted up to `UNHEARD_S` after the last heartbeat.
        """

    async def prune(self, before: datetime) -> int:
        """Delete rates that ended before that time (platform scope)."""


class Overviews(Protocol):
    """What people of one organisation look at."""

    async def table(self, organization_id: UUID, query: ClusterQuery) -> ClusterTable:
        """A page of clusters with their figures and last plans."""

    async def totals(self, organization_id: UUID) -> Totals:
        """All clusters together, those that are disconnected left out of all but their count."""

    async def groups(self, organization_id: UUID) -> tuple[NodeGroup, ...]:
        """Nodes of all clusters together by type, zone and capacity type, the most expensive first."""

    async def months(self, organization_id: UUID, *, since: date, until: datetime) -> tuple[SpentMonth, ...]:
        """What was spent by month, from the month of ``since`` to before the hour ``until``, oldest first."""

    async def running(self, organization_id: UUID, *, hour: datetime, now: datetime) -> Spent:
        """What was spent since the beginning of an hour that is not over, by rates."""

    async def activity(self, organization_id: UUID, request: PageRequest) -> Page[Activity]:
        """What happened, newest first."""

    async def clients(self, request: PageRequest) -> Page[Client]:
        """All organisations with how much each runs, newest first (platform scope)."""

    async def platform(self, now: datetime) -> Mapping[str, int]:
        """Counts and sums over all organisations, by name (platform scope)."""
