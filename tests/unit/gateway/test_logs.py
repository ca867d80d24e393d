"""Log lines: JSON, without secrets, told to whoever watches."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from serve.gateway.logs import LogForwarder, configure
from tests.unit.gateway.house import House, make_settings


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the process writes to standard error."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


@pytest.fixture
def forwarder(printed: io.StringIO) -> Iterator[LogForwarder]:
    del printed  # it must be in place before the handler takes hold of it
    root = logging.getLogger()
    handlers, level, access = root.handlers, root.level, logging.getLogger("uvicorn.access").disabled
    made = LogForwarder()
    configure(make_settings(), made)
    yield made
    root.handlers, logging.getLogger("uvicorn.access").disabled = handlers, access
    root.setLevel(level)
    structlog.reset_defaults()


async def test_our_lines_and_those_of_libraries_look_the_same(
    forwarder: LogForwarder, spot: House, printed: io.StringIO
) -> None:
    structlog.stdlib.get_logger("ours").info("plan stored", cluster="c1", password="hunter2")
    logging.getLogger("theirs").warning("cannot reach postgresql://owner:hunter2@db/spot")
    await forwarder.publish(spot.hub.bus)
    await spot.clock.advance(0)
    told = [json.loads(line) for line in spot.gateway.recent_logs.lines()]
    for lines in (told, [json.loads(line) for line in printed.getvalue().splitlines()]):
        ours, theirs = (next(line for line in lines if line["logger"] == name) for name in ("ours", "theirs"))
        assert (ours["event"], ours["cluster"], ours["level"]) == ("plan stored", "c1", "info")
        assert theirs["level"] == "warning"
        assert "hunter2" not in json.dumps(lines)


async def test_a_failure_is_logged_with_its_cause(forwarder: LogForwarder, spot: House) -> None:
    try:
        raise ZeroDivisionError("the cause")
    except ZeroDivisionError:
        logging.getLogger("theirs").exception("it failed")
    await forwarder.publish(spot.hub.bus)
    await spot.clock.advance(0)
    line = next(line for line in map(json.loads, spot.gateway.recent_logs.lines()) if line["event"] == "it failed")
    assert "ZeroDivisionError: the cause" in line["exception"]
