"""Keeps the figures of all clusters up to date, and makes hours of savings from them."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import orjson
import structlog

from actors.insight.census import Census, census_of
from actors.insight.figures import figures_of
from actors.insight.prices import read_prices
from actors.services import Services
from adapters.redis import keys
from adapters.redis.ports import Message
from domain.errors import InputError, TransientError
from domain.spend import Baseline, ClusterFleet, FleetDue, NodeGroup
from domain.work import StoredSnapshot

REPRICED_AFTER = timedelta(minutes=30)
"""Figures are made anew that often though nothing has changed but, perhaps, prices."""

MOST_AT_ONCE = 500
LONGEST_S = 20.0
"""One round ends after so long; the clusters that were left are the first of the next one. Counting a cluster of 1 000
pods takes 60 ms of a core (2026-11)."""

RATES_KEPT = timedelta(days=3)
"""Longer than hours are caught up."""

FIGURES_CHANGED = "figures_changed"
"""What pages are told: nodes, pods, costs or the open plan of a cluster are not what they were."""

HOUR = timedelta(hours=1)

log = structlog.get_logger(__name__)


class FleetKeeper:
    """The work of the clock that is about figures. Doing any of it twice changes nothing."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def figure(self, _: datetime) -> str:
        """Reckon the clusters whose snapshot, plan or prices are newer than their figures."""
        clock = self._services.clock
        ends_at_s = clock.monotonic() + LONGEST_S
        async with self._services.database.platform() as tx:
            due = await tx.fleets.due(before=clock.now() - REPRICED_AFTER, most=MOST_AT_ONCE)
        done, changed = 0, list[FleetDue]()
        for one in due:
            if clock.monotonic() > ends_at_s:
                break
            try:
                if await self._figured(one):
                    changed.append(one)
                done += 1
            except InputError as err:
                log.warning("a snapshot cannot be reckoned", cluster=str(one.cluster_id), error=str(err))
        await self._tell(changed)
        left = f", {len(due) - done} left" if len(due) > done else ""
        return f"reckoned {done} clusters{left}" if due else ""

    async def close_hour(self, due_at: datetime) -> str:
        """Make savings of the hour before ``due_at``, and forget rates of long ago."""
        async with self._services.database.platform() as tx:
            clusters = await tx.fleets.fill_hour(due_at - HOUR)
            await tx.fleets.prune(due_at - RATES_KEPT)
        return f"savings of {clusters} clusters" if clusters else ""

    async def _figured(self, due: FleetDue) -> bool:
        """Reckon one cluster; says whether there is something new to see."""
        async with self._services.database.platform() as tx:
            snapshot = await tx.snapshots.get(due.cluster_id)
            baseline = await tx.fleets.baseline(due.cluster_id)
            planned = await tx.fleets.planned(due.plan_id) if due.plan_id else ()
            old = await tx.fleets.get(due.cluster_id)
        if snapshot is None:
            return False
        census = await asyncio.to_thread(census_of, snapshot.body)
        first = baseline or _first_baseline(due, census, now=self._services.clock.now())
        fleet = await self._reckoned(due, snapshot, census=census, baseline=first, planned=planned)
        await self._keep(fleet, old, first if baseline is None else None)
        return not fleet.looks_like(old)

    async def _reckoned(
        self,
        due: FleetDue,
        snapshot: StoredSnapshot,
        *,
        census: Census,
        baseline: Baseline,
        planned: Sequence[NodeGroup],
    ) -> ClusterFleet:
        groups = (*census.groups, *baseline.groups, *planned)
        return figures_of(
            due,
            snapshot,
            census=census,
            prices=await read_prices(self._services.hub.prices, due.region, groups),
            baseline=baseline,
            planned=planned,
            now=self._services.clock.now(),
        )

    async def _keep(self, fleet: ClusterFleet, old: ClusterFleet | None, first: Baseline | None) -> None:
        """Store figures; a cluster's first nodes become its baseline."""
        async with self._services.database.platform() as tx:
            if first is not None and first.groups:
                await tx.fleets.set_baseline(first)
            await tx.fleets.put(fleet)
            if old is None or (old.rates, old.nodes, old.spot_nodes) != (fleet.rates, fleet.nodes, fleet.spot_nodes):
                await tx.fleets.add_rates(fleet)

    async def _tell(self, changed: Sequence[FleetDue]) -> None:
        """Drop answers that are out of date, then have pages ask again."""
        hub, now = self._services.hub, self._services.clock.now()
        try:
            for organization_id in {one.organization_id for one in changed}:
                await hub.answers.drop(str(organization_id))
            await hub.bus.publish_many([_news(str(one.cluster_id), now) for one in changed])
        except TransientError as err:
            log.info("pages see new figures within minutes", clusters=len(changed), error=str(err))


def _news(cluster: str, now: datetime) -> Message:
    body = orjson.dumps({"topic": FIGURES_CHANGED, "cluster_id": cluster, "at": now, "data": {}})
    return Message(channel=keys.cluster_events(cluster), body=body)


def _first_baseline(due: FleetDue, census: Census, *, now: datetime) -> Baseline:
    return Baseline(
        cluster_id=due.cluster_id,
        organization_id=due.organization_id,
        set_at=now,
        groups=census.groups,
        workload_mcpu=census.workload_mcpu,
    )
