"""What clusters cost and save, for cards and charts."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from domain.fleet import ClusterStatus
from domain.overview import Spent, SpentMonth, Totals
from domain.spend import BASELINE_SENTENCE, NodeGroup
from domain.units import HOURS_PER_MONTH
from serve.auth.callers import Viewer
from serve.gateway.answers import kept
from serve.gateway.context import Gateway, GatewayDep
from serve.gateway.workers import Light
from serve.routes.responses import SIGNED_IN
from serve.schemas.metrics import (
    CompositionAnswer,
    FleetHealthModel,
    KpiAnswer,
    MonthKind,
    MonthModel,
    PartModel,
    ProjectionAnswer,
)

router = APIRouter(prefix="/metrics", tags=["metrics"])

KEPT_S = 300.0
"""Cards and charts are at most so old; they are made anew when a cluster is seen to have changed."""
MOST_UNREADY_SHARE = 0.1
MONTHS_BACK, MONTHS_AHEAD = 6, 12
HOUR = timedelta(hours=1)


@router.get("/kpi", responses=SIGNED_IN, response_model=KpiAnswer)
async def kpi(caller: Viewer, gateway: GatewayDep) -> Response:
    """Spend, net savings, health and nodes of the organisation's clusters."""

    async def make() -> KpiAnswer:
        now = gateway.services.clock.now()
        totals, months = await _spent(gateway, caller.home, since=_month_of(now), now=now)
        return _kpi(totals, months.get(_month_of(now), Spent()), now)

    return await kept(gateway, caller.home, "kpi", ttl_s=KEPT_S, make=make)


@router.get("/projection", responses=SIGNED_IN, response_model=ProjectionAnswer)
async def projection(
    caller: Viewer,
    gateway: GatewayDep,
    back: Annotated[int, Query(ge=0, le=24, description="months before this one")] = MONTHS_BACK,
    ahead: Annotated[int, Query(ge=0, le=36, description="months after this one")] = MONTHS_AHEAD,
) -> Response:
    """Savings by month from Spot and from packing: what was, and what will be if all stays as it is now."""

    async def make() -> ProjectionAnswer:
        now = gateway.services.clock.now()
        first = _later(_month_of(now), -back)
        totals, spent = await _spent(gateway, caller.home, since=first, now=now)
        months = [_later(first, n) for n in range(back + 1 + ahead)]
        return ProjectionAnswer(
            months=[_month(month, spent.get(month, Spent()), totals=totals, now=now) for month in months],
            baseline=BASELINE_SENTENCE,
            as_of=now,
        )

    return await kept(gateway, caller.home, f"projection {back} {ahead}", ttl_s=KEPT_S, make=make)


@router.get("/composition", responses=SIGNED_IN, response_model=CompositionAnswer)
async def composition(caller: Viewer, gateway: GatewayDep) -> Response:
    """All nodes by family, capacity type, zone and instance type."""

    async def make() -> CompositionAnswer:
        async with gateway.services.database.tenant(caller.home) as tx:
            groups = await tx.overviews.groups(caller.home)
        return CompositionAnswer(
            nodes=sum(group.nodes for group in groups),
            cost_micro_usd_per_h=sum(group.cost_micro_usd_per_h for group in groups),
            families=_parts(groups, lambda group: group.family),
            capacity_types=_parts(groups, lambda group: str(group.capacity_type)),
            zones=_parts(groups, lambda group: group.zone_id),
            instance_types=_parts(groups, lambda group: group.instance_type),
            as_of=gateway.services.clock.now(),
        )

    return await kept(gateway, caller.home, "composition", ttl_s=KEPT_S, make=make)


async def _spent(
    gateway: Gateway, organization_id: UUID, *, since: date, now: datetime
) -> tuple[Totals, dict[date, Spent]]:
    """How all stands, and what was spent by month, this hour included."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    async with gateway.services.database.tenant(organization_id) as tx:
        totals = await tx.overviews.totals(organization_id)
        months: tuple[SpentMonth, ...] = await tx.overviews.months(organization_id, since=since, until=hour)
        running = await tx.overviews.running(organization_id, hour=hour, now=now)
    spent = {one.month: one.spent for one in months}
    this = _month_of(now)
    return totals, spent | {this: spent.get(this, Spent()) + running}


def _kpi(totals: Totals, month: Spent, now: datetime) -> KpiAnswer:
    cost, baseline = totals.cost_micro_usd_per_h, totals.baseline_micro_usd_per_h
    return KpiAnswer(
        monthly_spend_micro_usd=_monthly(cost),
        monthly_baseline_micro_usd=_monthly(baseline),
        monthly_net_savings_micro_usd=_monthly(baseline - cost),
        savings_share=(baseline - cost) / baseline if baseline else 0.0,
        spent_micro_usd=month.actual_micro_usd,
        net_savings_micro_usd=month.saving_micro_usd,
        active_nodes=totals.nodes,
        spot_share=totals.spot_nodes / totals.nodes if totals.nodes else 0.0,
        fleet=_health(totals),
        open_plans=totals.open_plans,
        monthly_plan_savings_micro_usd=_monthly(totals.plan_saving_micro_usd_per_h),
        baseline=BASELINE_SENTENCE,
        as_of=now,
    )


def _health(totals: Totals) -> FleetHealthModel:
    same = ("clusters", "nodes", "ready_nodes", "spot_nodes", "unpriced_nodes", "pods", "pending_pods")
    return FleetHealthModel(light=_light(totals), **{name: getattr(totals, name) for name in same})


def _light(totals: Totals) -> Light:
    unready = totals.nodes - totals.ready_nodes
    if totals.clusters.get(ClusterStatus.SILENT) or unready > MOST_UNREADY_SHARE * totals.nodes:
        return Light.RED
    waiting = totals.clusters.get(ClusterStatus.PENDING) or totals.pending_pods
    return Light.AMBER if waiting or unready or totals.unpriced_nodes else Light.GREEN


def _month(month: date, spent: Spent, *, totals: Totals, now: datetime) -> MonthModel:
    """A month of the chart: what was spent in it, and what runs now for the hours that are left of it."""
    this = _month_of(now)
    kind = MonthKind.PAST if month < this else MonthKind.RUNNING if month == this else MonthKind.AHEAD
    left_h = _hours_left(now) if kind is MonthKind.RUNNING else HOURS_PER_MONTH if kind is MonthKind.AHEAD else 0.0
    rates = totals.rates
    baseline = spent.baseline_micro_usd + round(rates.baseline_micro_usd_per_h * left_h)
    spend = spent.actual_micro_usd + round(rates.cost_micro_usd_per_h * left_h)
    spot = spent.spot_saving_micro_usd + round(rates.spot_saving_micro_usd_per_h * left_h)
    plan, plan_spot = totals.plan_saving_micro_usd_per_h, totals.plan_spot_saving_micro_usd_per_h
    return MonthModel(
        month=month,
        kind=kind,
        baseline_micro_usd=baseline,
        spend_micro_usd=spend,
        spot_saving_micro_usd=spot,
        packing_saving_micro_usd=baseline - spend - spot,
        plan_spot_saving_micro_usd=round(plan_spot * left_h),
        plan_packing_saving_micro_usd=round((plan - plan_spot) * left_h),
    )


def _parts(groups: Iterable[NodeGroup], name_of: Callable[[NodeGroup], str]) -> list[PartModel]:
    nodes: defaultdict[str, int] = defaultdict(int)
    costs: defaultdict[str, int] = defaultdict(int)
    for group in groups:
        nodes[name_of(group)] += group.nodes
        costs[name_of(group)] += group.cost_micro_usd_per_h
    weights = costs if any(costs.values()) else nodes
    whole = sum(weights.values())
    return [
        PartModel(name=name, nodes=nodes[name], cost_micro_usd_per_h=costs[name], share=weights[name] / whole)
        for name in sorted(nodes, key=lambda name: (-weights[name], name))
    ]


def _monthly(micro_usd_per_h: int) -> int:
    return round(micro_usd_per_h * HOURS_PER_MONTH)


def _month_of(now: datetime) -> date:
    return now.astimezone(UTC).date().replace(day=1)


def _later(month: date, months: int) -> date:
    number = month.year * 12 + month.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def _hours_left(now: datetime) -> float:
    """Of this month, which has 730 hours like any other."""
    began = datetime(now.year, now.month, 1, tzinfo=UTC)
    return max(0.0, HOURS_PER_MONTH - (now - began) / HOUR)
