"""Twins of what clusters run and cost."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from uuid import UUID

from adapters.postgres.memory.tables import MemoryRepository, View
from adapters.postgres.ports.fleets import OPEN_PLAN, UNHEARD_S
from domain.fleet import Cluster, ClusterStatus, Heartbeat
from domain.insight import SavingsHour
from domain.market import CapacityType
from domain.spend import Baseline, ClusterFleet, FleetDue, NodeGroup, Rates
from domain.work import StoredPlan, StoredSnapshot

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRow:
    """A row of the table of rates."""

    cluster_id: UUID
    organization_id: UUID
    at: datetime
    rates: Rates
    spot_nodes: int
    on_demand_nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A rate, and the hours for which it held."""

    row: RateRow
    hours: float


def spans(view: View, *, since: datetime, until: datetime) -> Iterator[Span]:
    """Rates that held within a time, each until the next one and no longer than its cluster was heard of."""
    heard = {beat.cluster_id: beat.at for beat in view.all(Heartbeat)}
    rows = sorted(view.all(RateRow), key=lambda row: (row.cluster_id, row.at))
    for row, following in zip_longest(rows, rows[1:]):
        if row.cluster_id not in heard:
            continue
        ends = [until, heard[row.cluster_id] + timedelta(seconds=UNHEARD_S)]
        if following is not None and following.cluster_id == row.cluster_id:
            ends.append(following.at)
        length = min(ends) - max(row.at, since)
        if length > timedelta():
            yield Span(row=row, hours=length / HOUR)


class MemoryFleets(MemoryRepository):
    """Twin of `Fleets`."""

    async def due(self, *, before: datetime, most: int) -> tuple[FleetDue, ...]:
        """Clusters whose figures are older than what they are made of."""
        self._view.platform_only()
        found: list[tuple[datetime | None, FleetDue]] = []
        for snapshot in self._view.all(StoredSnapshot):
            cluster = self._view.get(Cluster, snapshot.cluster_id)
            fleet = self._view.get(ClusterFleet, snapshot.cluster_id)
            if cluster is None or cluster.status is ClusterStatus.DISCONNECTED:
                continue
            due = self._due(cluster)
            marks = (snapshot.hash, due.plan_mark)
            if fleet is None or (fleet.snapshot_hash, fleet.plan_mark) != marks or fleet.figured_at < before:
                found.append((fleet.figured_at if fleet else None, due))
        found.sort(key=lambda one: (one[0] is not None, one[0] or before, one[1].cluster_id))
        return tuple(due for _, due in found[:most])

    async def get(self, cluster_id: UUID) -> ClusterFleet | None:
        """The figures of a cluster."""
        return self._view.get(ClusterFleet, cluster_id)

    async def put(self, fleet: ClusterFleet) -> None:
        """Keep the figures of a cluster."""
        old = self._view.get(ClusterFleet, fleet.cluster_id)
        if old is None or old.figured_at <= fleet.figured_at:
            self._view.put(fleet.cluster_id, fleet)

    async def add_rates(self, fleet: ClusterFleet) -> None:
        """Keep what it costs from now on."""
        row = RateRow(
            cluster_id=fleet.cluster_id,
            organization_id=fleet.organization_id,
            at=fleet.figured_at,
            rates=fleet.rates,
            spot_nodes=fleet.spot_nodes,
            on_demand_nodes=fleet.nodes - fleet.spot_nodes,
        )
        self._view.insert((row.cluster_id, row.at), row)

    async def baseline(self, cluster_id: UUID) -> Baseline | None:
        """What savings of a cluster are told against."""
        return self._view.get(Baseline, cluster_id)

    async def set_baseline(self, baseline: Baseline) -> bool:
        """Keep a baseline unless there is one."""
        return self._view.insert(baseline.cluster_id, baseline)

    async def planned(self, plan_id: UUID) -> tuple[NodeGroup, ...]:
        """The nodes that a plan leads to."""
        plan = self._view.get(StoredPlan, plan_id)
        if plan is None or plan.status not in OPEN_PLAN:
            return ()
        nodes = plan.body.get("nodes", [])
        assert isinstance(nodes, list)  # noqa: S101 - as plans are written
        counted = Counter((str(n["instance_type"]), str(n["zone_id"]), str(n["capacity_type"])) for n in nodes)
        return tuple(
            NodeGroup(instance_type=name, zone_id=zone_id, capacity_type=CapacityType(kind), nodes=number)
            for (name, zone_id, kind), number in sorted(counted.items())
        )

    async def fill_hour(self, hour: datetime) -> int:
        """Make one hour's savings of all clusters."""
        self._view.platform_only()
        by_cluster: dict[UUID, list[Span]] = {}
        for span in spans(self._view, since=hour, until=hour + HOUR):
            by_cluster.setdefault(span.row.cluster_id, []).append(span)
        for cluster_id, own in by_cluster.items():
            self._view.put((cluster_id, hour), _hour_of(own, hour))
        return len(by_cluster)

    async def prune(self, before: datetime) -> int:
        """Delete rates that ended before that time."""
        self._view.platform_only()
        old = self._view.all(RateRow, lambda row: row.at < before)
        last = {row.cluster_id: row.at for row in sorted(old, key=lambda row: row.at)}
        return self._view.drop_all(RateRow, lambda row: row.at < before and row.at != last[row.cluster_id])

    def _due(self, cluster: Cluster) -> FleetDue:
        plans = self._view.all(StoredPlan, lambda plan: plan.cluster_id == cluster.id)
        last = max(plans, key=lambda plan: plan.generation, default=None)
        return FleetDue(
            cluster_id=cluster.id,
            organization_id=cluster.organization_id,
            region=cluster.region,
            plan_id=last.id if last else None,
            plan_mark=f"{last.generation} {last.status}" if last else "",
        )


def _hour_of(own: list[Span], hour: datetime) -> SavingsHour:
    def total(of: str) -> int:
        amount: float = sum(getattr(span.row.rates, of) * span.hours for span in own)
        return round(amount)

    return SavingsHour(
        organization_id=own[0].row.organization_id,
        cluster_id=own[0].row.cluster_id,
        hour=hour,
        baseline_micro_usd=total("baseline_micro_usd_per_h"),
        actual_micro_usd=total("cost_micro_usd_per_h"),
        spot_node_minutes=round(sum(span.row.spot_nodes * span.hours * 60 for span in own)),
        on_demand_node_minutes=round(sum(span.row.on_demand_nodes * span.hours * 60 for span in own)),
        spot_saving_micro_usd=total("spot_saving_micro_usd_per_h"),
    )
