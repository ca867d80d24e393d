"""What is known of the platform, and the lines by which it is told."""

from datetime import UTC, datetime

import pytest

from domain.errors import InvariantError
from serve.operations.board import Board
from serve.operations.messages import Part, Report, Word, decode, encode
from tests.unit.operations.fakes import WHERE

GOOD, BAD = Part(name="Planner", healthy=True, pid=7, latency_ms=1.5), Part(name="Clock", healthy=False)


def board() -> Board:
    return Board(pid=1, started_at=datetime(2026, 1, 1, tzinfo=UTC), where=WHERE)


@pytest.mark.parametrize(
    "report",
    [
        Report(word=Word.DONE, step="Ray", took_s=1.5),
        Report(word=Word.FAILED, detail="line\nbreak", final=True),
        Report(word=Word.HEALTH, parts=(GOOD, BAD), queues={"plans waiting": 3}),
    ],
)
def test_a_report_survives_its_line(report: Report) -> None:
    line = encode(report)
    assert line.count(b"\n") == 1
    assert decode(line) == report


@pytest.mark.parametrize("line", [b"hello\n", b"{}\n", b'{"word": "never heard", "parts": []}\n', b"[1]\n"])
def test_a_line_that_is_no_report_is_named(line: bytes) -> None:
    with pytest.raises(InvariantError, match="has sent no report"):
        decode(line)


def test_it_is_starting_then_ready_then_degraded_then_stopping() -> None:
    known = board()
    assert known.document((GOOD,), {})["state"] == "starting"
    known.hear(Report(word=Word.READY))
    assert known.document((GOOD,), {})["state"] == "ready"
    known.hear(Report(word=Word.HEALTH, parts=(GOOD, BAD)))
    assert known.document((), {})["state"] == "degraded"
    known.stopping = True
    assert known.document((), {})["state"] == "stopping"


def test_a_step_under_way_has_no_time_yet() -> None:
    known = board()
    known.hear(Report(word=Word.BEGUN, step="Ray"))
    assert known.document((), {})["steps"] == {"Ray": None}
    known.hear(Report(word=Word.DONE, step="Ray", took_s=2.0))
    assert known.document((), {})["steps"] == {"Ray": 2.0}


def test_parts_of_a_dead_platform_are_not_healthy() -> None:
    known = board()
    known.hear(Report(word=Word.READY))
    known.hear(Report(word=Word.HEALTH, parts=(GOOD,)))
    known.platform_died()
    document = known.document((), {})
    assert document["state"] == "starting"
    assert document["parts"][0] == {**document["parts"][0], "healthy": False, "pid": None}


def test_queues_of_both_processes_are_shown_together() -> None:
    known = board()
    known.hear(Report(word=Word.HEALTH, queues={"plans waiting": 2}))
    assert known.document((), {"events waiting": 1})["queues"] == {"events waiting": 1, "plans waiting": 2}
