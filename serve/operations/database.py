"""The database before the service connects: schema and seed data."""

import asyncio
from dataclasses import dataclass

from adapters.postgres.migrate import migrate
from adapters.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What came of it. ``password`` is that of the first admin when it was made just now, else empty."""

    revision: str
    password: str = ""


async def prepare(url: str, settings: Settings) -> Prepared:
    """Bring the schema up to date and fill in what every platform starts with.

    Raises
    ------
    TransientError
        The database cannot be reached.
    RejectedError
        It is too old, or the role may not do this.
    """
    revision = await asyncio.to_thread(migrate, url)
    return Prepared(revision=revision)
