"""How the actors are, asked by the gateway for its health pages."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

from ray.exceptions import RayError

from actors import runtime
from actors.scoring.client import NAME as SCORER
from actors.scoring.standing import ScorerStanding
from adapters.settings import Settings
from domain.errors import TransientError
from serve.gateway.workers import Light, WorkerHealth

PING_S = 2.0
"""An actor that is restarted needs about 5 s, and shows as red meanwhile."""
SLOW_S = 0.25
"""Above this an actor is busier than it should be."""


def actor_names(settings: Settings) -> tuple[str, ...]:
    """Names of all actors there should be. Apart from `layout`, whose solvers no gateway should have to import."""
    hosts = (runtime.host_name(index) for index in range(settings.cluster_hosts))
    consumers = (runtime.consumer_name(index) for index in range(settings.event_consumers))
    return (runtime.PLANNER, runtime.REGISTRY, *hosts, *consumers, runtime.CLOCK)


async def scorer_health() -> WorkerHealth:
    """The scorer, which the first plan starts: with the model that it serves, and how that does."""
    started_s = time.monotonic()
    try:
        actor: Any = await asyncio.to_thread(runtime.find, SCORER)
    except TransientError:
        return WorkerHealth(name=SCORER, light=Light.AMBER, detail="does not run yet; the first plan starts it")
    try:
        async with asyncio.timeout(PING_S):
            standing: ScorerStanding = await actor.describe.remote()
    except (RayError, TimeoutError) as err:
        return WorkerHealth(name=SCORER, light=Light.RED, detail=_why(err))
    took_ms = round((time.monotonic() - started_s) * 1000, 2)
    return WorkerHealth(
        name=SCORER,
        light=Light.AMBER if standing.ails else Light.GREEN,
        detail=standing.sentence,
        seen_at=datetime.now(UTC),
        figures={"ping_ms": took_ms, "process": float(standing.process), **standing.figures},
    )


class ActorWorkers:
    """`serve.gateway.workers.Workers` over Ray."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    async def look(self) -> tuple[WorkerHealth, ...]:
        """All of them, asked at once."""
        return tuple(await asyncio.gather(*(_ask(name) for name in self._names), scorer_health()))


async def _ask(name: str) -> WorkerHealth:
    started_s = time.monotonic()
    try:
        actor: Any = await asyncio.to_thread(runtime.find, name)
        async with asyncio.timeout(PING_S):
            pid = await actor.ping.remote()
    except (TransientError, RayError, TimeoutError) as err:
        return WorkerHealth(name=name, light=Light.RED, detail=_why(err))
    took_s = time.monotonic() - started_s
    return WorkerHealth(
        name=name,
        light=Light.AMBER if took_s > SLOW_S else Light.GREEN,
        detail="" if took_s <= SLOW_S else "answers slowly",
        seen_at=datetime.now(UTC),
        figures={"ping_ms": round(took_s * 1000, 2), "process": float(pid)},
    )


def _why(err: Exception) -> str:
    return str(err) or f"no answer within {PING_S:g} s"
