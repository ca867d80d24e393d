"""The admin console: health, risk map, safe mode."""

import os
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from fastapi import APIRouter, Request

from actors.execution.orphans import SWEEP_ORPHANS
from adapters.aws.ports.prices import SERVED_AT_MOST
from adapters.postgres.ports.market import MarketAge, MarketSource
from adapters.redis import keys
from domain.errors import TransientError
from domain.events import EventPriority
from domain.market import Pool
from domain.work import PoolEvidence
from serve.auth.callers import SuperAdmin
from serve.gateway.agents.configs import CONFIG_VERSION, SAFE_MODE, is_on
from serve.gateway.auditing import entry
from serve.gateway.context import Gateway, GatewayDep
from serve.gateway.paging import Paging, to_answer
from serve.gateway.workers import Light
from serve.routes.responses import SIGNED_IN
from serve.schemas.admin import (
    ClientModel,
    EvidenceModel,
    FlagModel,
    GatewayModel,
    HealthAnswer,
    PartModel,
    QueueModel,
    RiskAnswer,
    RunModel,
    SafeModeAnswer,
    SafeModeBody,
    StatsAnswer,
    WorkerModel,
    WorkersAnswer,
)
from serve.schemas.base import PageAnswer

router = APIRouter(prefix="/admin", tags=["admin"])

SLOW_MS = 250.0
"""A part that answers later than this is amber: no request of a user should wait for so long."""
QUEUE_AMBER = 100
OLDEST_AMBER_S = 1.0
"""Alerts of SPEC 5: above 100 events, or above 1 s."""
PRICES_AMBER = timedelta(minutes=11)
"""Two refreshes were missed."""
EVIDENCE_SINCE = timedelta(hours=1)
PERIODIC = (
    "expire actions",
    "find silent agents",
    "sweep events",
    SWEEP_ORPHANS,
    "discover accounts",
    "refresh prices",
    "reckon fleets",
    "savings by the hour",
    "judge risk models",
    "upkeep",
)
"""Jobs of the clock whose last run is shown."""


@router.get("/health", responses=SIGNED_IN)
async def health(caller: SuperAdmin, gateway: GatewayDep) -> HealthAnswer:
    """Database, bus, queue and workers, each with its light."""
    del caller
    services = gateway.services
    parts = [
        await _timed("postgresql", services.database.ping),
        await _timed("redis", services.hub.events.depth),
        await _queue_part(gateway),
        await _orphans_part(gateway),
        *await _price_parts(gateway),
        *(PartModel(name=one.name, light=one.light, detail=one.detail) for one in await gateway.workers.look()),
    ]
    return HealthAnswer(light=_worst(parts), parts=parts, at=services.clock.now())


@router.get("/health/workers", responses=SIGNED_IN)
async def workers(caller: SuperAdmin, gateway: GatewayDep) -> WorkersAnswer:
    """Every worker, the queue of events, the last run of each periodic job, and this replica."""
    del caller
    return WorkersAnswer(
        workers=[WorkerModel.model_validate(one) for one in await gateway.workers.look()],
        queue=await _queue(gateway),
        runs=await _runs(gateway),
        gateway=GatewayModel(
            process=os.getpid(),
            answers_by_status=dict(gateway.calls),
            agents_connected=len(gateway.sockets),
            heard_of_risk_at=gateway.risk.heard_at,
        ),
        at=gateway.services.clock.now(),
    )


@router.get("/stats", responses=SIGNED_IN)
async def stats(caller: SuperAdmin, gateway: GatewayDep) -> StatsAnswer:
    """Counts and sums over all organisations; no tenant's data."""
    del caller
    now = gateway.services.clock.now()
    async with gateway.services.database.platform() as tx:
        counted = await tx.overviews.platform(now)
    return StatsAnswer(as_of=now, **counted)


@router.get("/clients", responses=SIGNED_IN)
async def clients(caller: SuperAdmin, paging: Paging, gateway: GatewayDep) -> PageAnswer[ClientModel]:
    """Organisations with how much each runs, newest first."""
    del caller
    async with gateway.services.database.platform() as tx:
        page = await tx.overviews.clients(paging)
    return to_answer(page, ClientModel.model_validate)


@router.get("/risk", responses=SIGNED_IN)
async def risk(caller: SuperAdmin, gateway: GatewayDep) -> RiskAnswer:
    """Flagged pools with the evidence of the last hour."""
    del caller
    now, flags = gateway.services.clock.now(), gateway.risk.for_all()
    seen: defaultdict[Pool, list[PoolEvidence]] = defaultdict(list)
    if flags:
        async with gateway.services.database.platform() as tx:
            for one in await tx.pools.evidence(now - EVIDENCE_SINCE):
                seen[one.pool].append(one)
    return RiskAnswer(
        flags=[
            FlagModel(
                region=flag.pool.region,
                zone_id=flag.pool.zone_id,
                instance_type=flag.pool.instance_type,
                until=flag.until,
                reason=flag.evidence,
                evidence=[_evidence(one) for one in seen[flag.pool]],
            )
            for flag in flags
        ],
        at=now,
    )


@router.get("/safe-mode", responses=SIGNED_IN)
async def read_safe_mode(caller: SuperAdmin, gateway: GatewayDep) -> SafeModeAnswer:
    """Whether safe mode is on."""
    del caller
    async with gateway.services.database.platform() as tx:
        return SafeModeAnswer(on=is_on(await tx.config.get(SAFE_MODE)))


@router.post("/safe-mode", responses=SIGNED_IN)
async def switch_safe_mode(
    body: SafeModeBody, caller: SuperAdmin, request: Request, gateway: GatewayDep
) -> SafeModeAnswer:
    """Switch safe mode for all clusters: hosts and agents hear of it at once."""
    services, now = gateway.services, gateway.services.clock.now()
    async with services.database.platform() as tx:
        before = is_on(await tx.config.set(SAFE_MODE, "TRUE" if body.on else "FALSE", by=caller.email, now=now))
        if before != body.on:
            version = int(await tx.config.get(CONFIG_VERSION) or "0") + 1
            await tx.config.set(CONFIG_VERSION, str(version), by=caller.email, now=now)
            audited = entry(
                request,
                services.clock,
                actor=caller.email,
                organization_id=None,
                event="safe_mode_switched",
                resource=("config", SAFE_MODE),
                text=body.reason,
                before={"on": before},
                after={"on": body.on},
            )
            await tx.audit.append([audited])
    await services.hub.bus.publish(keys.PLATFORM_CONFIG, SAFE_MODE.encode())
    return SafeModeAnswer(on=body.on)


async def _timed(name: str, ask: Callable[[], Awaitable[object]]) -> PartModel:
    began_s = time.perf_counter()
    try:
        await ask()
    except TransientError as err:
        return PartModel(name=name, light=Light.RED, detail=str(err))
    took_ms = (time.perf_counter() - began_s) * 1_000
    return PartModel(name=name, light=Light.GREEN if took_ms < SLOW_MS else Light.AMBER, ms=round(took_ms, 2))


async def _queue_part(gateway: Gateway) -> PartModel:
    queue = await _queue(gateway)
    if queue is None:
        return PartModel(name="events", light=Light.RED, detail="the queue cannot be asked")
    waiting = sum(queue.waiting.values())
    calm = waiting <= QUEUE_AMBER and queue.oldest_waiting_s <= OLDEST_AMBER_S
    detail = f"{waiting} wait, the oldest for {queue.oldest_waiting_s:.1f} s, {queue.dead} given up"
    return PartModel(name="events", light=Light.GREEN if calm else Light.AMBER, detail=detail)


async def _orphans_part(gateway: Gateway) -> PartModel:
    """Instances that no plan owns cost money: the last sweep says which."""
    name = "instances without a plan"
    try:
        async with gateway.services.database.platform() as tx:
            runs = [run for run in await tx.clock_runs.history(SWEEP_ORPHANS, limit=2) if run.done_at is not None]
    except TransientError as err:
        return PartModel(name=name, light=Light.AMBER, detail=str(err))
    error = runs[0].error if runs else ""
    detail = error or ("none" if runs else "nobody has looked yet")
    return PartModel(name=name, light=Light.AMBER if error else Light.GREEN, detail=detail)


async def _price_parts(gateway: Gateway) -> list[PartModel]:
    """How old the prices of each region in use are: amber when a refresh was missed, red when they serve no more."""
    try:
        async with gateway.services.database.platform() as tx:
            ages = [age for age in await tx.market.ages() if age.source is MarketSource.SPOT]
    except TransientError:
        return []
    return [_price_part(age, gateway.services.clock.now()) for age in ages]


def _price_part(age: MarketAge, now: datetime) -> PartModel:
    old = None if age.had_at is None else now - age.had_at
    light = Light.RED if old is None or old > SERVED_AT_MOST else Light.AMBER if old > PRICES_AMBER else Light.GREEN
    told = "never had" if old is None else f"{old.total_seconds() / 60:.0f} min old"
    return PartModel(name=f"prices {age.region}", light=light, detail=f"{told}; {age.problem}" if age.problem else told)


async def _queue(gateway: Gateway) -> QueueModel | None:
    stream = gateway.services.hub.events
    try:
        depth, counts = await stream.depth(), await stream.counts()
    except TransientError:
        return None
    return QueueModel(
        waiting={_word(level): count for level, count in depth.waiting.items()},
        in_hand={_word(level): count for level, count in depth.in_hand.items()},
        delayed=depth.delayed,
        dead=depth.dead,
        oldest_waiting_s=depth.oldest_waiting_s,
        accepted=counts.accepted,
        done=counts.done,
        retried=counts.retried,
        died=counts.died,
    )


async def _runs(gateway: Gateway) -> list[RunModel]:
    runs: list[RunModel] = []
    async with gateway.services.database.platform() as tx:
        for job in PERIODIC:
            runs += [RunModel.model_validate(run) for run in await tx.clock_runs.history(job, limit=1)]
    return runs


def _evidence(one: PoolEvidence) -> EvidenceModel:
    return EvidenceModel(
        kind=one.kind,
        cluster_id=str(one.cluster_id),
        organization_id=str(one.organization_id),
        instance_id=one.instance_id,
        known=one.known,
        at=one.at,
    )


def _worst(parts: list[PartModel]) -> Light:
    lights = {part.light for part in parts}
    return Light.RED if Light.RED in lights else Light.AMBER if Light.AMBER in lights else Light.GREEN


def _word(level: EventPriority) -> str:
    return level.name.lower()
