import json
from collections.abc import Callable
from typing import Any

import pytest

from adapters.catalog.advisor import PAUSES_S, fetch_advisor, parse_advisor
from adapters.catalog.figures import Advice
from domain.errors import RejectedError, TransientError


def feed(**rows: Any) -> bytes:
    systems = {"Linux": rows, "Windows": {"m6i.large": {"s": 1, "r": 1}}}
    return json.dumps({"ranges": [{"index": 0}], "spot_advisor": {"eu-west-1": systems}}).encode()


def test_saving_and_bucket_of_linux_are_read() -> None:
    found = parse_advisor(feed(**{"m6i.large": {"s": 61, "r": 4}}))
    assert found == {"eu-west-1": {"m6i.large": Advice(saving_percent=61, bucket=4)}}


@pytest.mark.parametrize(
    ("row", "told"),
    [({"s": 61, "r": 5}, r"eu-west-1\.Linux\.m6i\.large\.r"), ({"s": 100, "r": 0}, "less than 100"), ({}, "required")],
)
def test_a_row_out_of_bounds_is_refused_by_name(row: dict[str, int], told: str) -> None:
    with pytest.raises(RejectedError, match=told):
        parse_advisor(feed(**{"m6i.large": row}))


def test_an_answer_that_is_not_the_feed_is_refused() -> None:
    with pytest.raises(RejectedError, match="the feed is malformed"):
        parse_advisor(b"<html>")


@pytest.mark.parametrize("url", ["file:///etc/hostname", "spot-advisor-data.json", "http://[broken"])
def test_an_address_that_is_no_http_is_refused_at_once(url: str) -> None:
    with pytest.raises(RejectedError, match="no http address"):
        fetch_advisor(url, wait=pytest.fail)


def answering(*answers: bytes | Exception) -> Callable[[str], bytes]:
    """A download that answers these in turn."""
    left = list(answers)

    def download(_: str) -> bytes:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return download


def test_a_feed_that_comes_at_the_third_try_is_read() -> None:
    pauses: list[float] = []
    download = answering(TransientError("slow"), TransientError("slow"), feed(**{"m6i.large": {"s": 61, "r": 4}}))
    assert "eu-west-1" in fetch_advisor(download=download, wait=pauses.append)
    assert tuple(pauses) == PAUSES_S


def test_a_feed_that_never_comes_ends_after_three_tries() -> None:
    with pytest.raises(TransientError, match="third"):
        fetch_advisor(download=answering(*map(TransientError, ("first", "second", "third"))), wait=lambda _: None)


def test_a_feed_that_is_refused_is_not_asked_for_again() -> None:
    with pytest.raises(RejectedError):
        fetch_advisor(download=answering(RejectedError("403")), wait=pytest.fail)
