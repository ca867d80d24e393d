"""Puts a supervisor together from settings and a held data folder, and runs it."""

import asyncio
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from adapters.clock import SystemClock
from adapters.embedded.folder import DataFolder
from adapters.settings import Settings, load_keys
from domain.errors import InputError
from serve.operations import control
from serve.operations.board import Where
from serve.operations.child import PlatformChild, end_leftovers
from serve.operations.environment import RayPlan, plan_ray, platform_environment
from serve.operations.ports import require_free
from serve.operations.screen import Screen
from serve.operations.stores import stores_of
from serve.operations.supervise import Supervisor, Surroundings

if TYPE_CHECKING:
    from serve.operations.database import Prepared


async def keep_house(
    settings: Settings,
    folder: DataFolder,
    *,
    environment: Mapping[str, str],
    screen: Screen,
    on_begin: Callable[[Supervisor], None],
) -> None:
    """Run the platform until the supervisor that ``on_begin`` is handed is stopped.

    Parameters
    ----------
    folder
        Held by this process.

    Raises
    ------
    InputError
        The port is taken, or a Ray cluster is to be joined without databases that its nodes can reach.
    RejectedError, TransientError
        It does not come up.
    """
    clock = SystemClock()
    _require_shared_stores(settings)
    await end_leftovers(folder.subfolder("run"), clock)
    require_free(settings.host, settings.port)
    load_keys(settings)  # made before there are several processes that would all make them
    ray = None if settings.ray_address else plan_ray(folder, settings)
    stores = stores_of(settings, folder, clock)
    given = platform_environment(
        settings, environment, database_url=stores.database_url, redis_url=stores.redis_url, ray=ray
    )
    log = folder.subfolder("logs") / "platform.log"
    around = Surroundings(
        clock=clock,
        screen=screen,
        stores=stores,
        prepare=lambda: _prepare(stores.database_url, settings),
        launch=lambda: PlatformChild(given, folder.subfolder("run"), log, clock=clock),
        where=where(settings, ray),
    )
    supervisor = Supervisor(around)
    on_begin(supervisor)
    async with control.answering(folder, supervisor.status):
        await supervisor.run()


async def _prepare(url: str, settings: Settings) -> "Prepared":
    # Migrations and the catalogue take two seconds to import: meanwhile Ray and the servers are starting.
    await asyncio.to_thread(import_module, "serve.operations.database")
    from serve.operations.database import prepare

    return await prepare(url, settings)


def _require_shared_stores(settings: Settings) -> None:
    """Embedded databases listen on this machine alone.

    Raises
    ------
    InputError
        A Ray cluster is to be joined, and no database or no Redis is given for its nodes.
    """
    for name, url in {"database_url": settings.database_url, "redis_url": settings.redis_url}.items():
        if settings.ray_address and url is None:
            problem = "is needed where RAY_ADDRESS is given: the nodes of that cluster cannot reach an embedded one"
            raise InputError("settings", name, problem)


def where(settings: Settings, ray: RayPlan | None) -> Where:
    """Where everything is."""
    dashboard = f"http://127.0.0.1:{ray.dashboard_port} (token in {ray.token_file})" if ray else settings.ray_address
    return Where(
        url=settings.url,
        docs=f"{settings.url}/api/docs",
        dashboard=dashboard,
        data_dir=str(settings.data_dir),
        logs=str(settings.data_dir / "logs"),
    )
