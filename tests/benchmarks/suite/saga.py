"""Sagas on an embedded PostgreSQL, with an AWS and an agent that answer at once: what is left is our own time."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from actors.execution.backoff import PoolBackoff
from actors.execution.hands import Hands
from actors.execution.runner import Runner
from adapters.clock import SystemClock
from adapters.embedded.folder import DataFolder
from adapters.embedded.postgres import EmbeddedPostgres
from adapters.postgres.migrate import migrate
from adapters.postgres.pool import PostgresDatabase
from adapters.postgres.seed import seed_defaults
from domain.saga import SagaSpec, SagaStatus
from tests.benchmarks.harness import Benchmark, Row, at_most, register, reported
from tests.unit.execution.world import Mortal, Outside, World, make_order, make_spec, replacing
from tests.unit.postgres.builders import add_cluster

NODES = 100
"""Replaced by one saga, five at once."""

SAGAS = 200
"""Under way when the service is killed, each of one node."""

BAR_MS, RESUME_BAR_S = 100.0, 5.0
LOOK_S = 0.02
"""What tells of an action's end at once in the service; here the saga looks as often instead."""


def _run(series: dict[str, Any]) -> Iterator[Row]:
    yield from asyncio.run(_measure())


async def _measure() -> list[Row]:
    async with _database() as dsn:
        return [*await _overhead(dsn), *await _resume(dsn)]


async def _overhead(dsn: str) -> list[Row]:
    world = await _world(dsn)
    spec = replacing(world, *(f"n{number}" for number in range(NODES)))
    runner = _runner(world)
    began, used = time.perf_counter(), time.process_time()
    ended = await asyncio.wait_for(runner.run(spec), timeout=300)
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    await runner.close()
    async with world.database.tenant(spec.organization_id) as tx:
        steps = len(await tx.sagas.steps(spec.id))
    await world.database.close()
    return [
        at_most(
            "saga/overhead per node", 1e3 * seconds / NODES, "ms", bar=BAR_MS, baseline=f"{NODES} nodes, 5 at once"
        ),
        reported("saga/processor per node", 1e3 * processor / NODES, "ms"),
        reported("saga/steps per node", steps / NODES, ""),
        at_most("saga/nodes not replaced", float(ended.status is not SagaStatus.DONE), "", bar=0),
    ]


async def _resume(dsn: str) -> list[Row]:
    world = await _world(dsn)
    world.joins = False
    runner = _runner(world)
    specs = [_one_node(world, number) for number in range(SAGAS)]
    for spec in specs:
        await runner.start(spec)
    await _until(lambda: world.launched_ever() == SAGAS)
    await runner.close()
    await world.database.close()
    began = time.perf_counter()
    world.database = await PostgresDatabase.connect(dsn)
    world.joins = True
    runner = _runner(world)
    resumed = await runner.resume([world.cluster.id])
    ended = await asyncio.wait_for(asyncio.gather(*(runner.wait(saga_id) for saga_id in resumed)), timeout=300)
    seconds = time.perf_counter() - began
    await runner.close()
    await world.database.close()
    wrong = sum(one.status is not SagaStatus.DONE for one in ended) + abs(world.launched_ever() - SAGAS)
    return [
        at_most(
            "saga/resumed and ended after a kill", seconds, "s", bar=RESUME_BAR_S, baseline=f"{SAGAS} sagas, all steps"
        ),
        at_most("saga/launched twice or not ended", wrong, "", bar=0),
    ]


def _one_node(world: World, number: int) -> SagaSpec:
    saga_id: UUID = uuid5(world.cluster.id, f"saga {number}")
    return make_spec(world, id=saga_id, launches=(make_order(f"new-{number}"),))


def _runner(world: World) -> Runner:
    outside = Outside(world, Mortal())
    hands = Hands(
        ec2=outside, kubernetes=outside, permit=outside, registry=outside, backoff=PoolBackoff(), clock=world.clock
    )
    return Runner(world.database, hands, world.clock, look_every_s=LOOK_S)


async def _world(dsn: str) -> World:
    database = await PostgresDatabase.connect(dsn)
    await seed_defaults(database, now=SystemClock().now())
    return World(clock=SystemClock(), database=database, cluster=await add_cluster(database), agent_s=0.0, join_s=0.0)


async def _until(reached: Any) -> None:
    async with asyncio.timeout(120):
        while not reached():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def _database() -> AsyncIterator[str]:
    with tempfile.TemporaryDirectory(prefix="spotopt-bench-") as path, DataFolder(Path(path)) as folder:
        server = EmbeddedPostgres(folder)
        await server.start()
        try:
            await asyncio.to_thread(migrate, server.dsn())
            yield server.dsn()
        finally:
            await server.stop()


register(Benchmark(name="saga", run=_run, limit_s=600.0, quick=True))
