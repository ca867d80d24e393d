"""The registry at work over twins: who hears of a flag, what survives a restart, what a lost Redis gets back."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from actors.risk.copy import OWN_CHANGES, RiskCopy
from actors.risk.service import TICK_EVERY_S, RegistryService, pools_of_regions
from actors.services import Services
from adapters.redis import keys
from adapters.redis.hub import memory_hub
from adapters.redis.ports.bus import Gap, Message, Subscription
from domain.commands import EvidenceKind, ReportEvidence
from domain.market import Pool
from tests.unit.planning.test_desk import settle
from tests.unit.platform_world import CLUSTER, ORGANIZATION, World

POOL = Pool(region="us-east-1", zone_id="use1-az6", instance_type="m5.large")
OTHER_POOL = replace(POOL, instance_type="c5.large")
OTHERS = UUID(int=4242)


def evidence(world: World, *, known: bool = True, cause: str = "e1") -> ReportEvidence:
    return ReportEvidence(
        cause=cause,
        pool=POOL,
        kind=EvidenceKind.INTERRUPTION,
        instance_id=f"i-{cause}",
        known=known,
        at=world.clock.now(),
    )


async def registry_of(services: Services) -> RegistryService:
    registry = RegistryService(services)
    await registry.start()
    return registry


async def copy_of(services: Services) -> tuple[RiskCopy, "asyncio.Task[None]"]:
    copy = RiskCopy(services.hub, services.clock)
    task = asyncio.create_task(copy.run())
    await copy.ready.wait()
    return copy, task


async def test_an_interruption_of_one_customer_is_known_to_every_process_for_all(world: World) -> None:
    registry = await registry_of(world.services)
    copy, task = await copy_of(world.services)
    await registry.report(CLUSTER, ORGANIZATION, evidence(world))
    await settle()
    assert copy.flagged("us-east-1", OTHERS) == (POOL,)
    assert copy.flagged("eu-west-1", OTHERS) == ()
    (flag,) = await world.services.hub.risk.list_all()
    assert flag.evidence == {"kinds": {"interruption": 1}, "organisations": 1, "score": pytest.approx(0.632)}
    task.cancel()


async def test_an_instance_that_nobody_knows_flags_for_its_reporter_alone(world: World) -> None:
    registry = await registry_of(world.services)
    copy, task = await copy_of(world.services)
    await registry.report(CLUSTER, ORGANIZATION, evidence(world, known=False))
    await settle()
    assert copy.flagged("us-east-1", ORGANIZATION) == (POOL,)
    assert copy.flagged("us-east-1", OTHERS) == ()
    task.cancel()


async def test_a_process_that_starts_later_knows_what_is_flagged(world: World) -> None:
    registry = await registry_of(world.services)
    await registry.report(CLUSTER, ORGANIZATION, evidence(world))
    copy, task = await copy_of(world.services)
    assert copy.flagged("us-east-1", OTHERS) == (POOL,)
    task.cancel()


async def test_a_registry_that_starts_again_knows_what_it_knew_and_counts_nothing_twice(world: World) -> None:
    first = await registry_of(world.services)
    await first.report(CLUSTER, ORGANIZATION, evidence(world))
    second = await registry_of(world.services)
    assert (await second.explain(POOL, OTHERS)).for_all
    verdict = await second.report(CLUSTER, ORGANIZATION, evidence(world))
    assert not verdict.accepted


async def test_flags_that_redis_has_lost_are_set_again(world: World) -> None:
    registry = await registry_of(world.services)
    await registry.report(CLUSTER, ORGANIZATION, evidence(world))
    emptied = replace(world.services, hub=memory_hub(world.clock))
    again = await registry_of(emptied)
    assert [flag.pool for flag in await emptied.hub.risk.list_all()] == [POOL]
    assert await again.repair() == 0


async def test_a_flag_ends_by_itself(world: World) -> None:
    registry = await registry_of(world.services)
    copy, task = await copy_of(world.services)
    await registry.report(CLUSTER, ORGANIZATION, evidence(world))
    await settle()
    await world.clock.advance(1_801)
    assert copy.flagged("us-east-1", OTHERS) == ()
    assert await world.services.hub.risk.check(POOL) is None
    task.cancel()


async def test_an_admin_may_take_a_flag_back(world: World) -> None:
    registry = await registry_of(world.services)
    copy, task = await copy_of(world.services)
    await registry.report(CLUSTER, ORGANIZATION, evidence(world))
    assert await registry.clear(POOL)
    await settle()
    assert copy.flagged("us-east-1", OTHERS) == ()
    assert not await registry.clear(POOL)
    assert not (await (await registry_of(world.services)).explain(POOL, OTHERS)).for_all
    task.cancel()


async def test_the_map_names_evidence_and_everybody_else_hears_numbers_only(world: World) -> None:
    registry = await registry_of(world.services)
    await registry.report(CLUSTER, ORGANIZATION, evidence(world))
    (row,) = await registry.map("us-east-1")
    assert row.sightings[0].evidence.organisation == str(ORGANIZATION)
    assert str(ORGANIZATION) not in str(await registry.explain(POOL, OTHERS))
    assert await registry.map("eu-west-1") == ()


def test_every_region_has_hundreds_of_spot_pools() -> None:
    pools = pools_of_regions()
    assert len(pools) == 15
    assert min(pools.values()) > 500


async def test_a_warning_flags_at_once_and_is_stored_with_its_report(world: World) -> None:
    registry = await registry_of(world.services)
    copy, task = await copy_of(world.services)
    await registry.warn(CLUSTER, ORGANIZATION, evidence(world))
    await settle()
    assert copy.flagged("us-east-1", OTHERS) == (POOL,)
    assert not (await (await registry_of(world.services)).explain(POOL, OTHERS)).for_all
    assert not (await registry.report(CLUSTER, ORGANIZATION, evidence(world))).accepted
    explanation = await (await registry_of(world.services)).explain(POOL, OTHERS)
    assert (explanation.for_all, explanation.kinds) == (True, {EvidenceKind.INTERRUPTION: 1})
    task.cancel()


async def test_a_warning_whose_report_never_comes_is_stored_by_the_next_tick(world: World) -> None:
    registry = await registry_of(world.services)
    await registry.warn(CLUSTER, ORGANIZATION, evidence(world))
    task = asyncio.create_task(registry.run())
    await world.clock.advance(TICK_EVERY_S)
    await settle()
    assert (await (await registry_of(world.services)).explain(POOL, OTHERS)).for_all
    task.cancel()


async def test_a_flag_that_is_told_again_is_no_news(world: World) -> None:
    registry = await registry_of(world.services)
    copy, task = await copy_of(world.services)
    await registry.report(CLUSTER, ORGANIZATION, evidence(world))
    await settle()
    heard_at = copy.heard_at
    await world.clock.advance(1.0)
    await registry.repair()
    await settle()
    assert copy.heard_at == heard_at == world.clock.now() - timedelta(seconds=1)
    task.cancel()


async def test_a_flag_for_all_says_it_for_its_own_organisation_too(world: World) -> None:
    registry = await registry_of(world.services)
    async with world.services.hub.bus.subscribe(OWN_CHANGES, keys.RISK_CHANGES) as told:
        await registry.report(CLUSTER, ORGANIZATION, evidence(world))
        await registry.report(CLUSTER, ORGANIZATION, replace(evidence(world, known=False, cause="e2"), pool=OTHER_POOL))
        channels = [message.channel async for message in first(told, 2) if isinstance(message, Message)]
    assert channels == [keys.RISK_CHANGES, OWN_CHANGES]


async def first(told: Subscription, count: int) -> AsyncIterator[Message | Gap]:
    for _ in range(count):
        yield await told.__anext__()
