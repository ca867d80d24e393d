"""Queries by name, from the files in ``sql``, each read once.

A file holds queries, each after a line ``-- name: take_pending``. ``:cluster_id`` is a parameter. Three marks stand for
what many queries share:

``{mine}``, ``{mine c}``
    The row (of alias ``c``) belongs to the tenant of the transaction; always true in platform scope.
``{page created_at id}``
    The row lies behind the page's cursor, in descending order of these two columns.
``-- scope: platform``
    On a line after the name: refused in a tenant's transaction.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from domain.errors import InvariantError

_NAME = re.compile(r"^-- name: ([a-z_]+)\n", re.MULTILINE)
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)\b")
_MINE = re.compile(r"\{mine(?: ([a-z_]+))?\}")
_PAGE = re.compile(r"\{page ([a-z_.]+) ([a-z_.]+)\}")
_COMMENT = re.compile(r"^--.*\n", re.MULTILINE)
_PLATFORM = "-- scope: platform\n"
_LAST_ID = "'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One statement in PostgreSQL's own words, and the names of its parameters in order."""

    name: str
    text: str
    parameters: tuple[str, ...]
    platform_only: bool

    def arguments(self, values: Mapping[str, object]) -> list[object]:
        """Values in the order of the parameters; more values than parameters are fine.

        Raises
        ------
        InvariantError
            When one is missing.
        """
        try:
            return [values[name] for name in self.parameters]
        except KeyError as err:
            raise InvariantError(f"query {self.name} needs a value for {err}") from err


@cache
def load(aggregate: str) -> Mapping[str, Query]:
    """All queries of ``sql/<aggregate>.sql`` by name."""
    text = (files("adapters.postgres") / "sql" / f"{aggregate}.sql").read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    names, bodies = parts[::2], parts[1::2]
    if len(set(names)) < len(names):
        raise InvariantError(f"{aggregate}.sql names a query twice")
    return {name: parse(f"{aggregate}.{name}", body) for name, body in zip(names, bodies, strict=True)}


def parse(name: str, body: str) -> Query:
    """A query from its text."""
    platform_only = body.startswith(_PLATFORM)
    text = _COMMENT.sub("", body).strip().removesuffix(";")
    text = _MINE.sub(_mine, text)
    text = _PAGE.sub(
        rf"(\1, \2) < (coalesce(:after_at, 'infinity'::timestamptz), coalesce(:after_id, {_LAST_ID}))", text
    )
    numbers: dict[str, int] = {}
    text = _PARAMETER.sub(lambda match: f"${numbers.setdefault(match[1], len(numbers) + 1)}", text)
    return Query(name=name, text=text, parameters=tuple(numbers), platform_only=platform_only)


def _mine(match: re.Match[str]) -> str:
    column = f"{match[1]}.organization_id" if match[1] else "organization_id"
    return f"(:tenant::uuid IS NULL OR {column} = :tenant)"
