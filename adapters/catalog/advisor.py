"""The public feed of the Spot advisor: mean saving and interruption bucket by region and type."""

import time
from collections.abc import Callable
from http.client import HTTPException
from typing import Annotated
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from pydantic import BaseModel, Field, ValidationError

from adapters.catalog.figures import Advice
from domain.errors import RejectedError, TransientError

ADVISOR_URL = "https://spot-bid-advisor.s3.amazonaws.com/spot-advisor-data.json"
TIMEOUT_S = 20.0
"""Longest silence on the line."""
LIMIT_S = 120.0
"""End of one download; the feed is some 3 MB."""
PAUSES_S = (1.0, 4.0)
"""Before the second and the third try."""
MAX_BYTES = 64 << 20
_CHUNK_BYTES = 1 << 16

AdviceByRegion = dict[str, dict[str, Advice]]


class _Row(BaseModel):
    s: Annotated[int, Field(ge=-1000, lt=100)]
    r: Annotated[int, Field(ge=0, le=4)]


class _Feed(BaseModel):
    spot_advisor: dict[str, dict[str, dict[str, _Row]]]


def fetch_advisor(
    url: str = ADVISOR_URL,
    *,
    download: Callable[[str], bytes] | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> AdviceByRegion:
    """Download and read the feed, with three tries; ``download`` stands in for HTTP, ``wait`` for sleeping.

    Raises
    ------
    TransientError
        When it cannot be had; RejectedError when the address is wrong or the answer is not the feed.
    """
    get = download or _download
    for pause in PAUSES_S:
        try:
            return parse_advisor(get(url))
        except TransientError:
            wait(pause)
    return parse_advisor(get(url))


def parse_advisor(feed: bytes) -> AdviceByRegion:
    """Advice for Linux by region and type. Raises RejectedError, naming the field, when it is not the feed."""
    try:
        regions = _Feed.model_validate_json(feed).spot_advisor
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        raise RejectedError(f"the feed is malformed at {'.'.join(map(str, first['loc']))}: {first['msg']}") from err
    return {
        region: {name: Advice(saving_percent=row.s, bucket=row.r) for name, row in systems.get("Linux", {}).items()}
        for region, systems in regions.items()
    }


def _download(url: str) -> bytes:
    if not url.startswith(("https://", "http://")):
        raise RejectedError(f"{url} is no http address")
    ends, body = time.monotonic() + LIMIT_S, bytearray()
    try:
        with urlopen(Request(url), timeout=TIMEOUT_S) as answer:  # noqa: S310 - checked above
            while chunk := answer.read(_CHUNK_BYTES):
                body += chunk
                if len(body) > MAX_BYTES or time.monotonic() > ends:
                    raise TransientError(f"{url}: no end after {len(body)} bytes")
    except HTTPError as err:
        raise (TransientError if err.code >= 500 or err.code == 429 else RejectedError)(f"{url}: {err}") from err
    except ValueError as err:
        raise RejectedError(f"{url} is no http address: {err}") from err
    except (OSError, HTTPException) as err:
        raise TransientError(f"{url}: {err}") from err
    return bytes(body)
