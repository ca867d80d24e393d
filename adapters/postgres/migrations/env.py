"""Alembic's way into our migrations: one connection, handed in by `adapters.postgres.migrate`, one transaction."""

from typing import cast

from alembic import context
from sqlalchemy import Connection

from adapters.postgres.migrations.run import access_sql, run_text

LOCK = "SELECT pg_advisory_xact_lock(hashtext('spotopt migrations'))"
"""Two services that start at once migrate one after the other."""

connection = cast("Connection", context.config.attributes["connection"])
context.configure(connection=connection, transactional_ddl=True)
with context.begin_transaction():
    run_text(connection, LOCK)
    context.run_migrations()
    run_text(connection, access_sql())
