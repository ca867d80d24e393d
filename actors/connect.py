"""Opens what a process of the platform works with, from its settings."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager

from pydantic import SecretStr

from actors.services import Services
from adapters.aws.late import aws_of
from adapters.clock import SystemClock
from adapters.postgres.pool import PoolSettings, PostgresDatabase
from adapters.redis.hub import redis_hub
from adapters.settings import Settings, load_keys, load_settings
from domain.errors import InputError


@asynccontextmanager
async def services_of(settings: Settings) -> AsyncIterator[Services]:
    """Database, bus and keys of a process, closed at the end.

    Raises
    ------
    InputError
        When the settings name no database or no Redis: `spotopt up` starts them and hands their URLs on.
    TransientError
        When the database cannot be reached.
    """
    clock = SystemClock()
    dsn, redis_url = _required("database_url", settings.database_url), _required("redis_url", settings.redis_url)
    pool = PoolSettings(connections=settings.database_connections)
    database = await PostgresDatabase.connect(dsn, pool)
    try:
        async with redis_hub(redis_url, clock) as hub, aclosing(aws_of(settings, redis_url, clock)) as aws:
            keys = load_keys(settings)
            yield Services(settings=settings, keys=keys, clock=clock, database=database, hub=hub, aws=aws)
    finally:
        await database.close()


class Connection:
    """Services of an actor, which has no context of its own: opened once, on first use, and kept until it ends."""

    def __init__(self, given: Mapping[str, object] | None = None) -> None:
        self._context = services_of(load_settings(given))

    async def open(self) -> Services:
        """Open them."""
        return await self._context.__aenter__()

    async def close(self) -> None:
        """Close them."""
        await self._context.__aexit__(None, None, None)


def _required(name: str, url: SecretStr | None) -> str:
    if url is None:
        raise InputError("settings", name, "is needed by a process of its own; `spotopt up` hands it on")
    return url.get_secret_value()
