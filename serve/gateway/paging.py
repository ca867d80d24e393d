"""Cursors of lists: opaque to callers, a time and an id to us."""

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Depends, Query

from domain.paging import MAX_PAGE, Cursor, Page, PageRequest
from serve.gateway.problems import invalid
from serve.schemas.base import PageAnswer

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TIME_BYTES = 8

Row = TypeVar("Row")
Item = TypeVar("Item")


async def _page_request(
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="rows of the page")] = 50,
    cursor: Annotated[str | None, Query(max_length=64, description="`next` of the page before")] = None,
) -> PageRequest:
    return PageRequest(limit=limit, after=parse_cursor(cursor) if cursor else None)


Paging = Annotated[PageRequest, Depends(_page_request)]


def dump_cursor(cursor: Cursor) -> str:
    """The cursor as text, exact to the microsecond."""
    micros = (cursor.at - _EPOCH) // _MICROSECOND
    return base64.urlsafe_b64encode(micros.to_bytes(_TIME_BYTES, "big", signed=True) + cursor.id.bytes).decode()


def parse_cursor(text: str) -> Cursor:
    """Read a cursor.

    Raises
    ------
    ProblemError
        422 when it is none of ours.
    """
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True)
        micros = int.from_bytes(raw[:_TIME_BYTES], "big", signed=True)
        return Cursor(at=_EPOCH + micros * _MICROSECOND, id=UUID(bytes=raw[_TIME_BYTES:]))
    except (binascii.Error, ValueError, OverflowError) as err:
        raise invalid("query.cursor", "is not the `next` of a page") from err


def to_answer(page: Page[Row], convert: Callable[[Row], Item]) -> PageAnswer[Item]:
    """A page as it is sent."""
    following = dump_cursor(page.next) if page.next else None
    return PageAnswer(items=[convert(row) for row in page.items], next=following)
