"""Queries by name: what their marks become, and what is refused."""

from pathlib import Path
from uuid import uuid4

import pytest

from adapters.postgres.queries import load, parse
from domain.errors import InvariantError

FOLDER = Path(__file__).parents[3] / "adapters" / "postgres" / "sql"


def test_parameters_are_numbered_in_the_order_of_their_first_use() -> None:
    query = parse("q", "SELECT :b::uuid, :a WHERE x = :b;\n")
    assert (query.text, query.parameters) == ("SELECT $1::uuid, $2 WHERE x = $1", ("b", "a"))


def test_values_are_handed_over_in_the_order_of_the_parameters() -> None:
    assert parse("q", "SELECT :b, :a").arguments({"a": 1, "b": 2, "c": 3}) == [2, 1]


def test_a_missing_value_is_named() -> None:
    with pytest.raises(InvariantError, match="query q needs a value for 'a'"):
        parse("q", "SELECT :a").arguments({})


def test_mine_binds_a_row_to_the_tenant() -> None:
    assert parse("q", "WHERE {mine c}").text == "WHERE ($1::uuid IS NULL OR c.organization_id = $1)"
    assert parse("q", "WHERE {mine}").parameters == ("tenant",)


def test_page_lies_behind_the_cursor() -> None:
    query = parse("q", "WHERE {page c.at c.id}")
    assert query.text.startswith("WHERE (c.at, c.id) < (coalesce($1, 'infinity'::timestamptz), coalesce($2, 'ffff")
    assert query.parameters == ("after_at", "after_id")


def test_a_query_for_the_platform_says_so_and_comments_are_left_out() -> None:
    query = parse("q", "-- scope: platform\nSELECT 1;\n\n-- about the next one\n")
    assert (query.text, query.platform_only) == ("SELECT 1", True)
    assert not parse("q", "SELECT 1").platform_only


@pytest.mark.parametrize("aggregate", sorted(file.stem for file in FOLDER.glob("*.sql")))
def test_every_file_of_queries_can_be_read(aggregate: str) -> None:
    queries = load(aggregate)
    assert queries
    for query in queries.values():
        assert query.text
        assert "{" not in query.text.replace("'{}'", ""), query.name
        assert query.arguments(dict.fromkeys(query.parameters, uuid4())) is not None
