"""The table of clusters: filters, order and pages as a request names them."""

import base64
import binascii
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Query

from actors.cluster.records import Mode
from domain.fleet import ClusterStatus
from domain.overview import ClusterQuery, ClusterSort, ClusterTable
from domain.paging import MAX_PAGE
from serve.gateway.problems import invalid
from serve.schemas.base import without_nul
from serve.schemas.clusters import ClusterPageAnswer, ClusterRowModel

USUAL_ROWS = (50, 100, MAX_PAGE)
"""Rows of a page that whoever has not thought about it asks for."""
MOST_SKIPPED = 1_000_000
"""More clusters than an organisation has."""


class Order(StrEnum):
    """Smallest or largest first. What is not known comes last either way."""

    ASCENDING = "asc"
    DESCENDING = "desc"


async def _query(
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="rows of the page")] = 50,
    cursor: Annotated[str | None, Query(max_length=64, description="`next` of the page before")] = None,
    q: Annotated[str, Query(max_length=100, description="part of the name, in any case")] = "",
    status: Annotated[list[ClusterStatus], Query(max_length=10)] = [],  # noqa: B006 - FastAPI copies it
    region: Annotated[list[str], Query(max_length=50)] = [],  # noqa: B006 - FastAPI copies it
    mode: Annotated[list[Mode], Query(max_length=10)] = [],  # noqa: B006 - FastAPI copies it
    sort: ClusterSort = ClusterSort.CREATED,
    order: Order = Order.DESCENDING,
) -> ClusterQuery:
    return ClusterQuery(
        words=_storable("q", q),
        statuses=tuple(sorted(set(status))),
        regions=tuple(sorted({_storable("region", one) for one in region})),
        modes=tuple(sorted(set(mode))),
        sort=sort,
        descending=order is Order.DESCENDING,
        skip=_skipped(cursor) if cursor else 0,
        limit=limit,
    )


WhichClusters = Annotated[ClusterQuery, Depends(_query)]


def is_first_look(query: ClusterQuery) -> bool:
    """Whether it is what pages ask for when they open: worth keeping, and too few to fill Redis with on purpose."""
    filtered = query.words or query.statuses or query.regions or query.modes
    return not filtered and query.skip == 0 and query.limit in USUAL_ROWS


def name_of(query: ClusterQuery) -> str:
    """All that the answer to a first look depends on."""
    return f"{query.sort} {query.descending} {query.limit}"


def table_answer(table: ClusterTable, query: ClusterQuery) -> ClusterPageAnswer:
    """A page as it is sent."""
    end = query.skip + len(table.rows)
    return ClusterPageAnswer(
        items=[ClusterRowModel.model_validate(row) for row in table.rows],
        next=_cursor(end) if table.rows and end < table.total else None,
        total=table.total,
    )


def _cursor(skipped: int) -> str:
    return base64.urlsafe_b64encode(b"%d rows" % skipped).decode()


def _skipped(cursor: str) -> int:
    try:
        number, _, word = base64.b64decode(cursor, altchars=b"-_", validate=True).partition(b" ")
        if word == b"rows" and number.isdigit() and int(number) <= MOST_SKIPPED:
            return int(number)
    except (binascii.Error, ValueError) as err:
        raise invalid("query.cursor", "is not the `next` of a page") from err
    raise invalid("query.cursor", "is not the `next` of a page")


def _storable(name: str, word: str) -> str:
    try:
        return without_nul(word)
    except ValueError as err:
        raise invalid(f"query.{name}", str(err)) from err
