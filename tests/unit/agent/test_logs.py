"""Logs are JSON, a line each, and hold nothing secret, also when something fails."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from agent import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def fail(token: str) -> None:
    raise RuntimeError(f"no good, {len(token)} characters")


def test_a_failure_is_told_with_its_place_and_without_its_variables(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info")
    try:
        fail("spotopt_secret")
    except RuntimeError:
        structlog.get_logger(__name__).exception("it failed", part="actions")
    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["part"]) == ("it failed", "error", "actions")
    assert "no good" in json.dumps(line["exception"])
    assert "spotopt_secret" not in json.dumps(line)


def test_what_is_below_the_level_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning")
    log = structlog.get_logger(__name__)
    log.info("well")
    log.warning("not so well")
    assert [line["event"] for line in lines(capsys)] == ["not so well"]


def test_libraries_speak_json_too_and_only_of_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("debug")
    logging.getLogger("httpx").info("a request")
    logging.getLogger("websockets").warning("trouble")
    assert [(line["event"], line["level"]) for line in lines(capsys)] == [("trouble", "warning")]
