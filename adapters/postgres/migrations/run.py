"""Statements of migrations, read from the package, so that they are found in a wheel as well."""

from importlib.resources import files

from alembic import op
from sqlalchemy import Connection

_SQL = files("adapters.postgres.migrations") / "sql"


def run_folder(name: str) -> None:
    """Run the files of one revision in the order of their names."""
    for file in sorted((_SQL / name).iterdir(), key=lambda f: f.name):
        run_text(op.get_bind(), file.read_text(encoding="utf-8"))


def run_text(connection: Connection, text: str) -> None:
    """Run any number of statements as they are, past SQLAlchemy: nothing in them is a parameter."""
    connection.connection.cursor().execute(text)


def access_sql() -> str:
    """Roles, rights and row-level security, to be run after migrations."""
    return (_SQL / "access.sql").read_text(encoding="utf-8")
