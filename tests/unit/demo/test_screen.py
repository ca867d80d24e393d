"""What the demo shows."""

import io

import orjson
from rich.console import Console

from demo.screen import Account, JsonScreen, Screen, TextScreen
from demo.world import WAITING

ACCOUNTS = [Account(who="Larkspur Goods", email="ada@larkspur.example", password="x" * 150)]


def shown(kind: type[TextScreen] | type[JsonScreen]) -> str:
    out = io.StringIO()
    screen: Screen = kind(Console(file=out, width=80))
    screen.step("Ray", 1.25)
    screen.where("http://127.0.0.1:8080", ACCOUNTS)
    screen.say("AWS takes [one]")
    screen.invite()
    return out.getvalue()


def test_people_see_where_to_look_how_to_sign_in_and_what_to_try() -> None:
    text = shown(TextScreen)
    assert "http://127.0.0.1:8080" in text
    assert "ada@larkspur.example" in text
    assert "AWS takes [one]" in text
    assert all(f"{number}. " in text for number in (1, 2, 3, 4))
    assert WAITING.account_id in text


def test_programs_read_an_object_a_line_however_long() -> None:
    events = [orjson.loads(line) for line in shown(JsonScreen).splitlines()]
    assert [event["event"] for event in events] == ["done", "where", "note", "ready"]
    assert events[1]["accounts"][0]["password"] == "x" * 150
    assert events[2]["text"] == "AWS takes [one]"
