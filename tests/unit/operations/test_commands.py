"""What the commands print."""

import io
import os
from pathlib import Path
from typing import Any

import orjson
import pytest
from rich.console import Console

from domain.audit import ChainReport
from serve.cli.audit import sentence
from serve.cli.main import run
from serve.cli.settings import MASK, reference
from serve.cli.status import code_of, show
from serve.operations.screen import JsonScreen, LiveScreen, PlainScreen, Screen
from tests.unit.operations.fakes import WHERE

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("SPOTOPT_") or name in {"DATABASE_URL", "REDIS_URL", "RAY_ADDRESS"}:
            monkeypatch.delenv(name)


def shown(draw: Any, *, terminal: bool = False) -> str:
    out = io.StringIO()
    draw(Console(file=out, width=120, force_terminal=terminal, color_system=None))
    return out.getvalue()


def play(screen: Screen) -> None:
    screen.begun("Ray")
    screen.done("Ray", 8.71)
    screen.password("admin@x", "hunter2")
    screen.say("Redis died; it is started again")
    screen.ready(WHERE, 21.0)
    screen.close()


def test_without_a_terminal_each_step_is_a_line_with_its_time() -> None:
    text = shown(lambda console: play(PlainScreen(console)))
    assert "8.7 s  Ray" in text
    assert "hunter2" in text
    assert "Ready after 21 s" in text
    assert "http://host:1" in text


def test_in_a_terminal_the_same_is_told() -> None:
    text = shown(lambda console: play(LiveScreen(console)), terminal=True)
    assert "Ray  8.7 s" in text
    assert "hunter2" in text
    assert "http://host:1/api/docs" in text


def test_as_json_each_line_is_an_object() -> None:
    lines: list[str] = []
    play(JsonScreen(lines.append))
    events = [orjson.loads(line) for line in lines]
    assert [event["event"] for event in events] == ["begun", "done", "password", "note", "ready"]
    assert events[-1]["where"]["url"] == "http://host:1"


def test_the_reference_of_settings_is_current() -> None:
    committed = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert committed == reference(), "run `spotopt settings --markdown > docs/settings.md`"


def test_settings_are_shown_with_their_source_and_secrets_masked(monkeypatch, capsys) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hunter2@host/db")
    monkeypatch.setenv("SPOTOPT_PORT", "1234")
    assert run(["settings", "--json"]) == 0
    text = capsys.readouterr().out
    found = orjson.loads(text)
    assert found["port"] == {"value": "1234", "source": "environment", "default": "8080"}
    assert found["database_url"]["value"] == MASK
    assert found["host"]["source"] == "default"
    assert "hunter2" not in text


def test_settings_in_words_name_value_source_and_reason(capsys) -> None:
    assert run(["settings"]) == 0
    assert "port = 8080  default" in capsys.readouterr().out


def test_status_of_a_folder_in_which_nothing_runs_says_so_and_makes_none(tmp_path, capsys) -> None:
    assert run(["status", "--data-dir", str(tmp_path / "none")]) == 3
    assert "Nothing runs" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


def test_down_of_a_folder_in_which_nothing_runs_says_so_and_is_no_error(tmp_path, capsys) -> None:
    assert run(["down", "--data-dir", str(tmp_path / "none")]) == 0
    assert "Nothing to stop" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


def test_status_shows_each_part_and_its_code_tells_whether_all_is_well(tmp_path) -> None:
    part = {"name": "Planner", "healthy": True, "pid": 7, "since": "then", "restarts": 2, "latency_ms": 1.25}
    answer: dict[str, Any] = {
        "state": "degraded", "pid": 1, "since": "then", "where": {"url": "http://host:1", "data_dir": "d"},
        "steps": {"Ray": None}, "queues": {"events waiting": 3.0}, "notes": ["12:00:00 Redis died"],
        "parts": [{**part, "detail": "alive"}, {**part, "name": "Clock", "healthy": False, "detail": ""}],
    }  # fmt: skip
    text = shown(lambda console: show(console, answer, tmp_path))
    for expected in ("degraded", "Planner", "not healthy", "1.2 ms", "Under way: Ray", "events waiting", "Redis died"):
        assert expected in text
    assert code_of(answer) == 1
    assert code_of({**answer, "state": "ready"}) == 0


def test_the_first_broken_row_of_a_chain_is_named() -> None:
    broken = ChainReport(organization_id=None, rows=8, broken_seq=9, problem="row 9 was changed after it was written")
    assert sentence(broken) == "BROKEN  chain of the platform: at row 9: row 9 was changed after it was written"
    assert sentence(ChainReport(organization_id=None, rows=1200)).startswith(
        "ok      chain of the platform: 1,200 rows"
    )
