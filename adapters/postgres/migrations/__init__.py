"""Alembic migrations made of plain SQL: a revision in ``versions``, its statements in ``sql``."""
