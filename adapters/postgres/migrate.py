"""Brings a database to the newest schema. Runs as the owner of the database, before the service connects."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from domain.errors import RejectedError, TransientError

CONNECT_TIMEOUT_S = 10
LOCK_TIMEOUT_S = 120
"""How long a migration waits for another one, and for queries on the tables it changes."""

_ONE_AT_A_TIME = threading.Lock()
"""Alembic keeps what it works on in a module; among processes the lock in the database holds."""

MIN_SERVER = 150_000
"""PostgreSQL 15: unique constraints that take NULLs as equal, and SET NULL of single columns."""


def migrate(dsn: str) -> str:
    """Bring the database to the newest schema, and set roles, rights and row-level security.

    Does nothing to the tables when it is new already; two at once wait for each other.

    Parameters
    ----------
    dsn
        Of a role that owns the database and may create roles.

    Returns
    -------
    str
        The revision of the schema.

    Raises
    ------
    TransientError
        When the database cannot be reached, or others hold locks for too long.
    RejectedError
        When the server is older than PostgreSQL 15 or the role may not do this.
    """
    with _ONE_AT_A_TIME, _connected(dsn) as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return head()


def current(dsn: str) -> str | None:
    """The revision of a database's schema, ``None`` before the first migration. Raises as `migrate` does."""
    with _connected(dsn) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """The newest revision there is."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise RejectedError("the package carries no migrations")
    return revision


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "adapters.postgres:migrations")
    config.set_main_option("path_separator", "os")
    return config


@contextmanager
def _connected(dsn: str) -> Iterator[Connection]:
    options = f"-c lock_timeout={LOCK_TIMEOUT_S}s -c timezone=UTC"
    try:
        driver = psycopg.connect(dsn, connect_timeout=CONNECT_TIMEOUT_S, options=options)
    except psycopg.OperationalError as err:
        raise TransientError(f"the database cannot be reached: {err}") from err
    engine = create_engine("postgresql+psycopg://", creator=lambda: driver, poolclass=NullPool)
    try:
        if driver.info.server_version < MIN_SERVER:
            raise RejectedError(f"PostgreSQL 15 or newer is needed, this is {driver.info.server_version // 10_000}")
        with engine.connect() as connection:
            yield connection
    except (psycopg.OperationalError, DBAPIError) as err:
        raise TransientError(f"the migration was interrupted: {err}") from err
    except psycopg.Error as err:
        raise RejectedError(f"the migration was refused: {err}") from err
    finally:
        engine.dispose()
        driver.close()
