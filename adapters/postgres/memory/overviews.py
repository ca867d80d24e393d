"""Twin of what people of one organisation look at."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from hashlib import md5
from typing import Any
from uuid import UUID

from adapters.postgres.memory.clusters import with_heartbeat
from adapters.postgres.memory.fleets import spans
from adapters.postgres.memory.tables import MemoryRepository, page_of
from domain.commands import PlanStatus
from domain.fleet import Cluster, ClusterPolicy, ClusterStatus, Heartbeat, PolicySection
from domain.insight import SavingsHour
from domain.overview import (
    Activity,
    ActivityKind,
    Client,
    ClusterQuery,
    ClusterRow,
    ClusterSort,
    ClusterTable,
    FleetFigures,
    LastPlan,
    Spent,
    SpentMonth,
    Totals,
)
from domain.paging import Page, PageRequest
from domain.saga import SagaStep, StepKind, StoredSaga
from domain.spend import ClusterFleet, NodeGroup
from domain.tenancy import Organization, User
from domain.work import AgentAction, InboxEvent, PoolFlag, StoredPlan

ENDED = (PlanStatus.DONE, PlanStatus.FAILED, PlanStatus.DRY_RUN, PlanStatus.REJECTED)
_SUMS = (
    *("nodes", "spot_nodes", "ready_nodes", "unpriced_nodes", "pods", "pending_pods", "cost_micro_usd_per_h"),
    *("on_demand_micro_usd_per_h", "baseline_micro_usd_per_h", "baseline_on_demand_micro_usd_per_h"),
    *("plan_saving_micro_usd_per_h", "plan_spot_saving_micro_usd_per_h"),
)
_SHOWN = (
    *("observed_at", "nodes", "spot_nodes", "ready_nodes", "unpriced_nodes", "pods", "pending_pods"),
    *("cost_micro_usd_per_h", "baseline_micro_usd_per_h"),
)


class MemoryOverviews(MemoryRepository):
    """Twin of `Overviews`."""

    async def table(self, organization_id: UUID, query: ClusterQuery) -> ClusterTable:
        """A page of clusters."""
        own = self._view.all(Cluster, lambda cluster: cluster.organization_id == organization_id)
        found = [row for row in map(self._row, own) if _matches(row, query)]
        found.sort(key=lambda row: (row.created_at, row.id), reverse=True)
        known = [row for row in found if _keys(row, query.sort)]
        known.sort(key=lambda row: _keys(row, query.sort), reverse=query.descending)
        ordered = known + [row for row in found if not _keys(row, query.sort)]
        return ClusterTable(rows=tuple(ordered[query.skip : query.skip + query.limit]), total=len(found))

    async def totals(self, organization_id: UUID) -> Totals:
        """All clusters together."""
        own = self._view.all(Cluster, lambda cluster: cluster.organization_id == organization_id)
        fleets = self._fleets(organization_id)
        return Totals(
            clusters=Counter(cluster.status for cluster in own),
            open_plans=sum(fleet.plan_saving_micro_usd_per_h != 0 for fleet in fleets),
            **{name: sum(getattr(fleet, name) for fleet in fleets) for name in _SUMS},
        )

    async def groups(self, organization_id: UUID) -> tuple[NodeGroup, ...]:
        """Nodes of all clusters together."""
        same: defaultdict[tuple[object, ...], list[NodeGroup]] = defaultdict(list)
        for group in (group for fleet in self._fleets(organization_id) for group in fleet.groups):
            same[group.instance_type, group.zone_id, group.capacity_type, group.priced].append(group)
        joined = [_joined(groups) for groups in same.values()]
        return tuple(sorted(joined, key=lambda g: (-g.cost_micro_usd_per_h, g)))

    async def months(self, organization_id: UUID, *, since: date, until: datetime) -> tuple[SpentMonth, ...]:
        """What was spent by month."""
        months: defaultdict[date, Spent] = defaultdict(Spent)
        first = since.replace(day=1)
        for hour in self._view.all(SavingsHour, lambda hour: hour.organization_id == organization_id):
            if hour.hour < until and hour.hour.date() >= first:
                months[hour.hour.date().replace(day=1)] += Spent(
                    actual_micro_usd=hour.actual_micro_usd,
                    baseline_micro_usd=hour.baseline_micro_usd,
                    spot_saving_micro_usd=hour.spot_saving_micro_usd,
                )
        return tuple(SpentMonth(month=month, spent=spent) for month, spent in sorted(months.items()))

    async def running(self, organization_id: UUID, *, hour: datetime, now: datetime) -> Spent:
        """What was spent since the beginning of an hour."""
        own = [s for s in spans(self._view, since=hour, until=now) if s.row.organization_id == organization_id]
        return Spent(
            actual_micro_usd=round(sum(s.row.rates.cost_micro_usd_per_h * s.hours for s in own)),
            baseline_micro_usd=round(sum(s.row.rates.baseline_micro_usd_per_h * s.hours for s in own)),
            spot_saving_micro_usd=round(sum(s.row.rates.spot_saving_micro_usd_per_h * s.hours for s in own)),
        )

    async def activity(self, organization_id: UUID, request: PageRequest) -> Page[Activity]:
        """What happened, newest first."""
        happened = [*self._of_plans(organization_id), *self._of_work(organization_id), *self._flags(organization_id)]
        return page_of(happened, request, by=("at", "id"))

    async def clients(self, request: PageRequest) -> Page[Client]:
        """All organisations with how much each runs."""
        self._view.platform_only()
        return page_of([self._client(organization) for organization in self._view.all(Organization)], request)

    async def platform(self, now: datetime) -> Mapping[str, int]:
        """Counts and sums over all organisations."""
        self._view.platform_only()
        clusters, fleets = self._view.all(Cluster), self._view.all(ClusterFleet)
        summed = ("nodes", "spot_nodes", "pods", "cost_micro_usd_per_h", "baseline_micro_usd_per_h")
        yesterday = now - timedelta(days=1)
        return {
            "organizations": len(self._view.all(Organization)),
            "users": len(self._view.all(User, lambda user: user.organization_id is not None)),
            "clusters": len(clusters),
            "clusters_active": sum(cluster.status is ClusterStatus.ACTIVE for cluster in clusters),
            "clusters_silent": sum(cluster.status is ClusterStatus.SILENT for cluster in clusters),
            "plans_last_day": len(self._view.all(StoredPlan, lambda plan: plan.created_at >= yesterday)),
            "pools_flagged": len(self._view.all(PoolFlag, lambda flag: flag.until > now)),
            **{name: sum(getattr(fleet, name) for fleet in fleets) for name in summed},
        }

    def _client(self, organization: Organization) -> Client:
        fleets = self._view.all(ClusterFleet, lambda fleet: fleet.organization_id == organization.id)
        return Client(
            id=organization.id,
            name=organization.name,
            created_at=organization.created_at,
            suspended_at=organization.suspended_at,
            users=len(self._view.all(User, lambda user: user.organization_id == organization.id)),
            clusters=len(self._view.all(Cluster, lambda cluster: cluster.organization_id == organization.id)),
            nodes=sum(fleet.nodes for fleet in fleets),
            cost_micro_usd_per_h=sum(fleet.cost_micro_usd_per_h for fleet in fleets),
            baseline_micro_usd_per_h=sum(fleet.baseline_micro_usd_per_h for fleet in fleets),
        )

    def _fleets(self, organization_id: UUID) -> tuple[ClusterFleet, ...]:
        gone = {c.id for c in self._view.all(Cluster, lambda c: c.status is ClusterStatus.DISCONNECTED)}
        return self._view.all(
            ClusterFleet, lambda fleet: fleet.organization_id == organization_id and fleet.cluster_id not in gone
        )

    def _row(self, cluster: Cluster) -> ClusterRow:
        fleet = self._view.get(ClusterFleet, cluster.id)
        policy = self._view.get(ClusterPolicy, cluster.id)
        mode = policy.sections[PolicySection.STRATEGY].get("mode", "recommend") if policy else "recommend"
        return ClusterRow.of(
            with_heartbeat(cluster, self._view.get(Heartbeat, cluster.id)),
            mode=str(mode),
            fleet=FleetFigures(**{name: getattr(fleet, name) for name in _SHOWN}) if fleet else None,
            plan=self._last_plan(cluster.id),
        )

    def _last_plan(self, cluster_id: UUID) -> LastPlan | None:
        plans = self._view.all(StoredPlan, lambda plan: plan.cluster_id == cluster_id)
        last = max(plans, key=lambda plan: plan.generation, default=None)
        if last is None:
            return None
        return LastPlan(
            id=last.id,
            generation=last.generation,
            status=last.status,
            created_at=last.created_at,
            saving_micro_usd_per_h=_saving(last),
        )

    def _of_plans(self, organization_id: UUID) -> Iterator[Activity]:
        for plan in self._view.all(StoredPlan, lambda plan: plan.organization_id == organization_id):
            yield self._of_plan(plan, ActivityKind.PLAN_MADE, plan.created_at)
            if plan.accepted_at is not None:
                yield self._of_plan(plan, ActivityKind.PLAN_APPROVED, plan.accepted_at)
            if plan.updated_at is not None and plan.status in ENDED:
                yield self._of_plan(plan, ActivityKind.PLAN_ENDED, plan.updated_at)

    def _of_plan(self, plan: StoredPlan, kind: ActivityKind, at: datetime) -> Activity:
        ids = {
            ActivityKind.PLAN_MADE: plan.id,
            ActivityKind.PLAN_APPROVED: _id(plan.id, "approved"),
            ActivityKind.PLAN_ENDED: _id(plan.id, "ended"),
        }
        return Activity(
            id=ids[kind],
            at=at,
            kind=kind,
            what=plan.status,
            cluster_id=plan.cluster_id,
            cluster_name=self._name(plan.cluster_id),
            status=plan.status,
            reason=plan.status_reason,
            plan_id=plan.id,
            generation=plan.generation,
            saving_micro_usd_per_h=_saving(plan),
        )

    def _of_work(self, organization_id: UUID) -> Iterator[Activity]:
        for action in self._view.all(AgentAction, lambda one: one.organization_id == organization_id):
            named = [str(action.payload[key]) for key in ("namespace", "pod", "name", "node") if key in action.payload]
            yield Activity(
                id=action.id,
                at=action.created_at,
                kind=ActivityKind.ACTION,
                what=action.kind,
                cluster_id=action.cluster_id,
                cluster_name=self._name(action.cluster_id),
                subject="/".join(named),
                status=action.status,
                reason=action.error or action.reason,
                generation=action.plan_generation,
            )
        at_aws = (StepKind.LAUNCH, StepKind.TERMINATE)
        for step in self._view.all(SagaStep, lambda one: one.organization_id == organization_id):
            if step.kind in at_aws:
                yield self._of_step(step)
        for event in self._view.all(InboxEvent, lambda one: one.organization_id == organization_id):
            yield self._of_event(event)

    def _of_step(self, step: SagaStep) -> Activity:
        saga = self._view.get(StoredSaga, step.saga_id)
        return Activity(
            id=_id(step.saga_id, step.step_id),
            at=step.asked_at,
            kind=ActivityKind.AWS,
            what=step.kind,
            cluster_id=step.cluster_id,
            cluster_name=self._name(step.cluster_id),
            subject=step.subject,
            status=step.status,
            reason=step.error,
            generation=saga.plan_generation if saga else None,
        )

    def _of_event(self, event: InboxEvent) -> Activity:
        body = event.body
        pod = "/".join(str(body[key]) for key in ("namespace", "pod_name") if key in body)
        pool = " in ".join(str(body[key]) for key in ("instance_type", "availability_zone") if key in body)
        return Activity(
            id=_id(event.cluster_id, event.event_id),
            at=event.accepted_at,
            kind=ActivityKind.EVENT,
            what=event.event_type,
            cluster_id=event.cluster_id,
            cluster_name=self._name(event.cluster_id),
            subject=pod or str(body.get("node_name") or body.get("instance_id") or ""),
            status=event.status,
            reason=pool,
        )

    def _flags(self, organization_id: UUID) -> Iterator[Activity]:
        own = self._view.all(Cluster, lambda cluster: cluster.organization_id == organization_id)
        regions = {cluster.region for cluster in own}
        for flag in self._view.all(PoolFlag, lambda flag: flag.pool.region in regions):
            pool = flag.pool
            yield Activity(
                id=UUID(_digest(pool.region + pool.zone_id + pool.instance_type)),
                at=flag.flagged_at,
                kind=ActivityKind.FLAG,
                what="pool_flagged",
                subject=str(pool),
                status="flagged",
            )

    def _name(self, cluster_id: UUID) -> str:
        cluster = self._view.get(Cluster, cluster_id)
        return cluster.name if cluster else ""


def _matches(row: ClusterRow, query: ClusterQuery) -> bool:
    return (
        query.words.lower() in row.name.lower()
        and (not query.statuses or row.status in query.statuses)
        and (not query.regions or row.region in query.regions)
        and (not query.modes or row.mode in query.modes)
    )


def _keys(row: ClusterRow, sort: ClusterSort) -> tuple[Any, ...]:
    """What a row is sorted by; nothing where that is not known."""
    key = _key(row, sort)
    return () if key is None else (key,)


def _key(row: ClusterRow, sort: ClusterSort) -> str | float | None:
    fleet, heard = row.fleet, row.last_heartbeat_at
    match sort:
        case ClusterSort.CREATED:
            return row.created_at.timestamp()
        case ClusterSort.HEARTBEAT:
            return heard.timestamp() if heard else None
        case ClusterSort.NAME:
            return row.name.lower()
        case ClusterSort.REGION:
            return row.region
        case ClusterSort.STATUS:
            return str(row.status)
        case _ if fleet is None:
            return None
        case ClusterSort.NODES:
            return fleet.nodes
        case ClusterSort.PODS:
            return fleet.pods
        case ClusterSort.SPOT_SHARE:
            return fleet.spot_share if fleet.nodes else None
        case ClusterSort.COST:
            return fleet.cost_micro_usd_per_h
        case ClusterSort.SAVING:
            return fleet.saving_micro_usd_per_h


def _joined(groups: list[NodeGroup]) -> NodeGroup:
    first = groups[0]
    return NodeGroup(
        instance_type=first.instance_type,
        zone_id=first.zone_id,
        capacity_type=first.capacity_type,
        nodes=sum(group.nodes for group in groups),
        cost_micro_usd_per_h=sum(group.cost_micro_usd_per_h for group in groups),
        on_demand_micro_usd_per_h=sum(group.on_demand_micro_usd_per_h for group in groups),
        priced=first.priced,
    )


def _saving(plan: StoredPlan) -> int:
    return plan.cost_micro_usd_per_h - plan.planned_cost_micro_usd_per_h


def _id(known_by: UUID, word: str) -> UUID:
    """As PostgreSQL makes it, so that both give the same pages."""
    return UUID(_digest(f"{known_by}{word}"))


def _digest(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()
