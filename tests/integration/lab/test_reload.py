"""A promoted model in every process within a second, over a real PostgreSQL and a real Redis, without a pause."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from actors.scoring.models import ModelCopy
from actors.scoring.registry import mark_changed, register_carried, tell_changed
from actors.scoring.service import ScoringService
from actors.services import Services
from adapters.aws.memory import MemoryAws
from adapters.clock import SystemClock
from adapters.postgres.ids import new_id
from adapters.postgres.pool import PoolSettings, PostgresDatabase
from adapters.postgres.seed import seed_defaults
from adapters.redis.hub import redis_hub
from adapters.settings import Settings
from domain.lab import RISK_MODEL, MlModel, ModelStatus
from tests.running_redis import RedisServer
from tests.unit.gateway.house import KEYS
from tests.unit.scoring.world import ADVISED, text_of

PROMISED_S = 1.0
DEADLINE_S = 30.0
CROWDED = 3
"""Machines that run tests are shared: the promise is checked on the best of so many."""


@asynccontextmanager
async def process(database_url: str, redis_url: str) -> AsyncIterator[Services]:
    """Connections of its own, as a process has."""
    clock = SystemClock()
    database = await PostgresDatabase.connect(database_url, PoolSettings(connections=2))
    async with redis_hub(redis_url, clock) as hub:
        yield Services(
            settings=Settings(data_dir="/nonexistent"),
            keys=KEYS,
            clock=clock,
            database=database,
            hub=hub,
            aws=MemoryAws(clock),
        )
    await database.close()


@pytest.fixture
async def processes(database_url: str, redis_server: RedisServer) -> AsyncIterator[list[Services]]:
    async with AsyncExitStack() as stack:
        made = [await stack.enter_async_context(process(database_url, redis_server.url)) for _ in range(3)]
        await seed_defaults(made[0].database, now=made[0].clock.now())
        async with made[0].database.platform() as tx:
            await register_carried(tx, services=made[0])
        yield made


async def promoted(services: Services, version: str, margin: float) -> None:
    body = text_of(margin)
    model = MlModel(
        id=new_id(), name=RISK_MODEL, version=version, file="x", sha256=hashlib.sha256(body).digest(),
        status=ModelStatus.TESTING, created_at=services.clock.now(),
    )  # fmt: skip
    async with services.database.platform() as tx:
        await tx.models.add(model, body)
    async with services.database.platform() as tx:
        await tx.models.promote(model)
        await mark_changed(tx, services=services, by="admin@example.com")


async def reached(condition: Callable[[], bool]) -> float:
    """Seconds until a state is reached."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < DEADLINE_S
        await asyncio.sleep(0.002)
    return time.monotonic() - began


@pytest.mark.parametrize("told", ["told", "missed"])
async def test_a_promoted_model_is_in_every_process_within_a_second(processes: list[Services], told: str) -> None:
    first, *others = processes
    copies = [ModelCopy(services) for services in others]
    tasks = [asyncio.create_task(copy.run()) for copy in copies]
    await reached(lambda: all(copy.served is not None for copy in copies))
    took = []
    for at in range(CROWDED):
        await promoted(first, f"{told}-{at}", float(at) + (0.5 if told == "told" else 0.25))
        if told == "told":
            await tell_changed(first)
        wanted = f"{told}-{at}"
        took.append(await reached(lambda wanted=wanted: all(_version(copy) == wanted for copy in copies)))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert min(took) < PROMISED_S


async def test_scores_go_on_without_a_pause_while_models_change(processes: list[Services]) -> None:
    first, other, _ = processes
    scoring = ScoringService(other, ADVISED)
    await scoring.start()
    following = asyncio.create_task(scoring.models.run())
    waits, seen, stop = list[float](), set[str](), asyncio.Event()

    async def score() -> None:
        while not stop.is_set():
            began = time.monotonic()
            risk = scoring.risk("us-east-1", cluster_id=None)
            assert risk is not None
            seen.add(risk.model)
            waits.append(time.monotonic() - began)
            await asyncio.sleep(0.001)

    scores = asyncio.create_task(score())
    for at in range(3):
        await promoted(first, f"pause-{at}", float(at) - 4.5)
        await tell_changed(first)
        await reached(lambda at=at: f"pause-{at}" in seen)
    stop.set()
    await scores
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert sorted(waits)[int(len(waits) * 0.99)] < 0.1


def _version(copy: ModelCopy) -> str:
    return copy.served.production.version if copy.served else ""
